"""Tests of a file, and files that need the one Neo4j server, go to the same worker."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.workers import FilesTogether, group_of, in_order

ROOT = str(Path(__file__).parents[1])


@pytest.mark.parametrize(
    "file", ["graph/test_contract.py", "graph/neo4j/test_kills.py", "graph/browser/test_real_browser.py"]
)
def test_files_that_need_the_server_go_together(file: str) -> None:
    assert group_of(ROOT, f"tests/{file}") == "neo4j"


@pytest.mark.parametrize("file", ["test_cluster.py", "graph/ladybug/test_kills.py", "compose/test_compose.py"])
def test_any_other_file_goes_alone(file: str) -> None:
    assert group_of(ROOT, f"tests/{file}") == f"tests/{file}"


def test_what_is_handed_out_is_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FilesTogether, "__init__", lambda self: setattr(self, "config", SimpleNamespace(rootpath=ROOT)))
    assert FilesTogether()._split_scope("tests/test_cluster.py::test_a[b::c]") == "tests/test_cluster.py"


def test_long_files_begin_first(pytestconfig: pytest.Config) -> None:
    class Item(SimpleNamespace):
        def get_closest_marker(self, name: str) -> bool:
            return name == self.mark

    short, long, restarts, starts, neo4j = (
        Item(nodeid=f"tests/{file}::test_it", mark=mark)
        for file, mark in (
            ("test_docs.py", None),
            ("test_cluster.py", "long"),
            ("graph/neo4j/test_kills.py", "restarts_server"),
            ("graph/export/test_neo4j_admin_files.py", "starts_server"),
            ("graph/test_contract.py", None),
        )
    )
    items = [short, long, restarts, neo4j, starts]
    in_order(pytestconfig, items)  # type: ignore[arg-type]
    assert items == [starts, neo4j, restarts, long, short]
