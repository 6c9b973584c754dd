"""Files that are whole or absent, cache, locks; device, folders, seeds, progress."""
