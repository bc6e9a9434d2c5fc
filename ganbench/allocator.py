"""Memory that a training process has freed stays with it: every step asks for the same sizes again."""

from __future__ import annotations

import ctypes

# mallopt(3) of the GNU C library
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_TRIM = 2**30  # bytes at the heap's end that are kept
_MMAP = 2**25  # the largest it allows; blocks from here on are mapped, hence returned


def keep_freed_memory() -> bool:
    """Tell the C library not to hand freed memory back between steps; returns whether it took the advice.

    Without it a step that frees more than a few MiB touches fresh, zeroed pages each time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return all(mallopt(name, value) for name, value in ((_TRIM_THRESHOLD, _TRIM), (_MMAP_THRESHOLD, _MMAP)))
