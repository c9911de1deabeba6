"""How the process as a whole behaves: its heap, its collector, and how its threads share the cores."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

# mallopt(3)
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MIB = 1024 * 1024
SWITCH = 0.0005  # seconds
MANY_FILES = 1024 * 1024
OWN_FILES = 96  # that are open beside connections: the index, states, libraries
FEW = 16  # connections that are served whatever the limit
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Return how many cores this process may use, which a container's quota may be less than."""
    try:
        own = len(os.sched_getaffinity(0))
    except AttributeError:
        own = os.cpu_count() or 1
    return min(own, quota() or own)


def quota() -> int | None:
    """Return how many whole cores this process's group is limited to, one at least; None for no limit.

    cgroup v2, cpu.max: microseconds of CPU time in each period, or `max`.
    """
    try:
        allowed, period = CPU_MAX.read_text().split()
        return max(1, int(allowed) // int(period))
    except (OSError, ValueError):
        return None


def prepare() -> None:
    """Set up the process before anything is loaded."""
    # A request waits this long at the most for a thread that works on another.
    sys.setswitchinterval(SWITCH)
    # A history is thousands of objects of one moment: to look for garbage among them often is in vain.
    gc.set_threshold(10_000, 20, 50)
    # numpy's own threads spin while they wait for each other: twice the CPU, and no sooner done at
    # these sizes.
    threadpool_limits(1, user_api="blas")
    # All threads share two heaps, and what loading takes in large blocks goes back when it is freed.
    tune(M_ARENA_MAX, 2)
    tune(M_MMAP_THRESHOLD, MIB // 8)


def most_connections() -> int | None:
    """Return how many connections of callers there are files for, each with one to the upstream; None
    where there is no limit.

    The limit of files is raised as far as this process may.
    """
    if sys.platform == "win32":
        return None
    resource: Any = import_module("resource")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        most = MANY_FILES
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, MANY_FILES), most))
    except (ValueError, OSError):  # macOS allows less than it says
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(FEW, (min(int(most), MANY_FILES) - OWN_FILES) // 2)


def settle() -> None:
    """Once all is loaded, leave it out of collections, and give back what loading has taken.

    From then on blocks of a request's size come from the heap: to map new pages for each costs more
    than to fill them.
    """
    gc.freeze()
    tune(M_MMAP_THRESHOLD, 4 * MIB)
    tune(M_TRIM_THRESHOLD, 16 * MIB)
    give_back()


def give_back() -> None:
    """Give back the free pages of the heap, a millisecond's work in which Python's lock is not held."""
    libc = glibc()
    if libc:
        libc.malloc_trim(0)


def tune(parameter: int, value: int) -> None:
    """Set one of malloc's parameters where it has them."""
    libc = glibc()
    if libc:
        libc.mallopt(parameter, value)


def glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "mallopt") else None
