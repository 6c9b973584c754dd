"""Atomic files, the cache, locks, the device, folders, seeds and progress bars."""
