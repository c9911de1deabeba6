"""Keeps the process small: what glibc holds on to after a start, and what the collector need not walk."""

from __future__ import annotations

import ctypes
import gc
import sys

M_ARENA_MAX = -8  # mallopt(3)


def spare() -> None:
    """Share two heaps among all threads, and collect seldom: a history is thousands of objects of one moment."""
    gc.set_threshold(20_000, 20, 50)
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, 2)


def settle() -> None:
    """Once all is loaded, leave it out of collections, and give back what loading has taken."""
    gc.freeze()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
