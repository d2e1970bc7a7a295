"""Memory that is freed stays with the process.

glibc gives blocks of megabytes back to the kernel at once and asks for them again with the next observation: every page
is then faulted in anew, which costs a three-camera observation several milliseconds on its way.
"""

from __future__ import annotations

import contextlib
import ctypes

# mallopt's parameters, from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
KEPT_BYTES = 512 * 2**20
PAD_BYTES = 16 * 2**20
#: Larger blocks still go back when they are freed (the most that glibc takes here is 32 MiB).
LARGEST_KEPT_BLOCK_BYTES = 32 * 2**20


def keep_freed_memory() -> None:
    """Tell the allocator; where it is not glibc's, nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK_BYTES)
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_TOP_PAD, PAD_BYTES)
        mallopt(_ARENA_MAX, 1)
