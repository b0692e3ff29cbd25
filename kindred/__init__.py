"""Kindred: recommendations that live on a graph database."""

import ctypes
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kindred.domain.errors import KindredError
    from kindred.domain.recommendation import Answer, Reason, Recommendation, Request
    from kindred.ingest.mapping import TableMapping
    from kindred.library import (
        Data,
        Trained,
        evaluate,
        open_recommender,
        read_interactions,
        recommend,
        similar,
        train,
    )

__all__ = [
    "Answer",
    "Data",
    "KindredError",
    "Reason",
    "Recommendation",
    "Request",
    "TableMapping",
    "Trained",
    "evaluate",
    "open_recommender",
    "read_interactions",
    "recommend",
    "similar",
    "train",
]

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

# The public names are imported when they are asked for, so that `import kindred` and `kindred --help` stay fast.
_ANSWERS, _LIBRARY = "kindred.domain.recommendation", "kindred.library"
_HOMES = {
    **dict.fromkeys(("Answer", "Reason", "Recommendation", "Request"), _ANSWERS),
    "KindredError": "kindred.domain.errors",
    "TableMapping": "kindred.ingest.mapping",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, _LIBRARY)), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
