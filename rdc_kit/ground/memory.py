"""Memory that is freed and wanted again at the next step stays with the process."""

from __future__ import annotations

import contextlib
import ctypes
import functools

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # options of glibc's mallopt
_SPARE = 2**31 - 1  # bytes that may lie unused at the heap's end before the system gets them back


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library reuse large blocks; the first call decides for the whole process.

    glibc gives every freed block above 32 MB, and at first above 128 kB, back to the system, and a
    training step allocates the same blocks again, whose pages the system fills with zeros: a step
    of ConvNet-4 at 64 px, batch 50, takes 1.5 times as long. Results do not change.

    Returns:
        False where the C library has no such setting (macOS, Windows, musl): nothing changes.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        settings = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _SPARE, _TOP_PAD: 1 << 26}
        return all([mallopt(option, value) for option, value in settings.items()])
    return False
