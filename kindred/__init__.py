"""Kindred: recommendations that live on a graph database."""

import ctypes
import os
import sys

# Threads that wait must not spin: where cores are shared, spinning makes training many times slower, and where they are
# not it gains nothing measurable. OpenMP reads this when PyTorch is loaded, so it is set before anything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Getting memory anew, page by page and all zeros, can cost several times the arithmetic on it. So what is freed of
# arrays up to 32 MiB stays with the process, and PyTorch's larger ones come in huge pages, as NumPy's do. They go back
# to the system: kept, they could leave holes. Who sets MALLOC_… in the environment decides for themselves.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
    _libc = ctypes.CDLL(None)
    if hasattr(_libc, "gnu_get_libc_version"):
        _M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
        _libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        _libc.mallopt(_M_TRIM_THRESHOLD, 512 << 20)
