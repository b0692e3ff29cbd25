"""Commands handle no data frame, and so need not wait for pandas, which pyarrow would load to look for one.

Where pandas is installed, pyarrow imports it at the first value that it converts: longer than a whole answer takes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

_WITHOUT = {"kindred", "ladybug", "pyarrow"}
"""Packages in whose code pyarrow is told that there is no pandas; others that bring their own (MLflow, Ray) get it."""


class NoPandas(MetaPathFinder):
    """Finds nothing, and no pandas for those packages; for `sys.meta_path`."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Nothing. Raises: ModuleNotFoundError where pyarrow looks for pandas in our behalf."""
        if name == "pandas" and next(_importers()).partition(".")[0] in _WITHOUT:
            raise ModuleNotFoundError("pandas is not needed here", name=name)


def _importers() -> Iterator[str]:
    """Modules that import now, the nearest first; compiled ones are not seen, but who called them."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "")
        if not name.startswith("importlib.") and name != __name__:
            yield name
        frame = frame.f_back
    yield "__main__"
