"""Kindred: recommendations that live on a graph database."""

import os
from importlib import import_module
from typing import TYPE_CHECKING

from kindred.domain.allocator import keep_freed_arrays

if TYPE_CHECKING:
    from kindred.domain.errors import KindredError
    from kindred.domain.recommendation import Answer, Reason, Recommendation, Request
    from kindred.ingest.tables.mapping import TableMapping
    from kindred.ingest.tables.table_options import TableOptions
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
    "TableOptions",
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

keep_freed_arrays()

# The public names are imported when they are asked for, so that `import kindred` and `kindred --help` stay fast.
_ANSWERS, _LIBRARY = "kindred.domain.recommendation", "kindred.library"
_HOMES = {
    **dict.fromkeys(("Answer", "Reason", "Recommendation", "Request"), _ANSWERS),
    "KindredError": "kindred.domain.errors",
    "TableMapping": "kindred.ingest.tables.mapping",
    "TableOptions": "kindred.ingest.tables.table_options",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, _LIBRARY)), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
