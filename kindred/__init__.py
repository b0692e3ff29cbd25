"""Kindred: recommendations that live on a graph database."""

import ctypes
import os
import sys

# Threads that wait must not spin: where cores are shared, spinning makes training many times slower, and where they are
# not it gains nothing measurable. OpenMP reads this when PyTorch is loaded, so it is set before anything else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Freed memory stays with the process: glibc hands each large array back to the system, and getting its pages anew, all
# zeros, can cost several times the arithmetic. Who sets MALLOC_… in the environment decides for themselves.
if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
    _libc = ctypes.CDLL(None)
    if hasattr(_libc, "gnu_get_libc_version"):
        _M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
        _libc.mallopt(_M_MMAP_MAX, 0)
        _libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
