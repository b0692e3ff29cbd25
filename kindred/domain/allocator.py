"""The C library's allocator: what it keeps of freed memory, and when it gives that back."""

from __future__ import annotations

import ctypes
import os
import sys

_KEPT_ARRAY, _KEPT_ALTOGETHER = 32 << 20, 512 << 20
_FEW_ARENAS = 2
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None


def _glibc_left_to_us() -> ctypes.CDLL | None:
    """The same, unless the environment sets it: who sets MALLOC_… decides for themselves."""
    return None if any(name.startswith("MALLOC_") for name in os.environ) else _glibc()


def keep_freed_arrays() -> None:
    """Lets the process keep what is freed of arrays up to 32 MiB, and take larger ones in huge pages.

    Getting memory anew, page by page and all zeros, can cost several times the arithmetic on it. The larger ones go
    back to the system: kept, they could leave holes.
    PyTorch reads its variable when it is loaded; NumPy takes huge pages anyway.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if (library := _glibc_left_to_us()) is not None:
        library.mallopt(_M_MMAP_THRESHOLD, _KEPT_ARRAY)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_ALTOGETHER)


def share_freed_among_threads() -> None:
    """Has all threads allocate from the same few arenas, so that what one freed is there for the next.

    By default each thread of a pool comes to an arena of its own, up to eight a processor, each with holes of its own.
    """
    if (library := _glibc_left_to_us()) is not None:
        library.mallopt(_M_ARENA_MAX, _FEW_ARENAS)


def give_back_freed() -> None:
    """Gives freed memory back to the system, that of Arrow too, between stages that need arrays of other sizes."""
    # loaded by whoever needs it, perhaps by another thread right now
    if (pool_of_arrow := getattr(sys.modules.get("pyarrow"), "default_memory_pool", None)) is not None:
        pool_of_arrow().release_unused()
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)
