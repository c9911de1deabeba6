"""Keeps the process small: what glibc holds on to, and what the collector need not walk."""

from __future__ import annotations

import ctypes
import gc
import sys

# mallopt(3)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_PERTURB, M_ARENA_MAX = -1, -3, -6, -8
MIB = 1024 * 1024


def spare() -> None:
    """Before anything is loaded: share two heaps among all threads, and have large blocks go back when they are freed.

    Collect seldom: a history is thousands of objects of one moment.
    """
    gc.set_threshold(20_000, 20, 50)
    tune(M_ARENA_MAX, 2)
    tune(M_MMAP_THRESHOLD, MIB // 8)


def settle() -> None:
    """Once all is loaded, leave it out of collections, and give back what loading has taken.

    From then on blocks of a request's size come from the heap: to map new pages for each costs more than to fill them.
    """
    gc.freeze()
    tune(M_MMAP_THRESHOLD, 4 * MIB)
    tune(M_TRIM_THRESHOLD, 16 * MIB)
    if libc := glibc():
        libc.malloc_trim(0)


def wipe() -> None:
    """Have every block zeroed when it is taken: whoever writes one out whole does not write what others left in it."""
    tune(M_PERTURB, 255)  # the complement of what new blocks are filled with


def tune(parameter: int, value: int) -> None:
    """Set one of malloc's parameters where it has them."""
    if libc := glibc():
        libc.mallopt(parameter, value)


def glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "mallopt") else None
