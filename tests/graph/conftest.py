"""The graph stores that every test of the contract runs on. A further engine is one more name in `ENGINES`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore

ENGINES = ("embedded", "neo4j")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test that kills the server comes last: a server that was just started is slow for its first minute."""
    items.sort(key=lambda item: item.path.parts[-2:] == ("neo4j", "test_kills.py"))


@pytest.fixture(params=ENGINES)
def graph_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty graph on each engine; a server is started only when a test for it runs."""
    if request.param == "neo4j":
        yield request.getfixturevalue("empty_neo4j")
        return
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        yield store
