"""The files that the pages load: their own, and those that show a graph."""

from __future__ import annotations

from pathlib import Path

from kindred.graph import view
from kindred.serving.http.problems import UnknownError

_STATIC = Path(__file__).parent / "static"
_VIEW = Path(view.__file__).parent
_FILES = {path.name: path for path in _STATIC.iterdir()} | {
    name: _VIEW / name for name in ("cytoscape.min.js", "model.js", "layout.js", "view.js", "view.css")
}


def asset(name: str) -> Path:
    """A file of the pages. Raises: UnknownError where there is none of that name."""
    if name not in _FILES:
        raise UnknownError(f"there is no file {name!r}")
    return _FILES[name]
