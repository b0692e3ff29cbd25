"""`pyarrow.compute`, loaded when the first of its functions is asked for: the answer to one user needs none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    found = globals()[name] = getattr(import_module("pyarrow.compute"), name)
    return found
