"""Imports never run in a circle in the text of the code, one inside a function or for types counts; files are short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "kindred").rglob("*.py")
}


def imported(module: str) -> Iterator[str]:
    """The modules of the package that a module names in its imports."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)


def test_no_file_is_longer_than_one_sitting() -> None:
    """400 lines are the most, of tests and benchmarks too."""
    files = [path for room in ("kindred", "tests", "benchmarks") for path in (ROOT / room).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): path.read_bytes().count(b"\n") for path in files}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_nothing_imports_in_a_circle() -> None:
    graph = {name: set(imported(name)) & MODULES.keys() - {name} for name in MODULES}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as circle:
        pytest.fail(f"imports in a circle: {' → '.join(circle.args[1])}")
    assert set(order) == MODULES.keys()
