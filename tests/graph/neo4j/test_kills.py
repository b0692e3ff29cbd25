"""Kills in the middle of a load: what was acknowledged stays, and the same load again gives the undisturbed graph.

`python -m benchmarks.graph_neo4j --kills 20 --server-kills 5` does the same at length.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.graph_neo4j import REVIEWED, Size, kill_loader, kill_server, load
from kindred.domain.schema import graph_schema
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from tests.neo4j_server.server import Neo4jServer

pytestmark = pytest.mark.restarts_server

SIZE = Size(num_users=100, num_products=50, num_reviews=1_000, batch_rows=50)


def processes_of(home: Path) -> list[str]:
    """Command lines of the running processes that name this home of a server."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if str(home) in line:
            found.append(line)
    return found


def test_kills_of_loader_and_server_lose_nothing(
    neo4j_store: Neo4jStore, neo4j_server: Neo4jServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind = []
    start = neo4j_server.start
    monkeypatch.setattr(neo4j_server, "start", lambda: (left_behind.append(processes_of(neo4j_server.home)), start()))
    acknowledged = kill_loader(neo4j_server, SIZE, 0.5)
    there = neo4j_store.count(REVIEWED)
    assert there >= acknowledged
    assert there % SIZE.batch_rows == 0  # a batch is there whole or not at all

    acknowledged, exit_code, said = kill_server(neo4j_server, SIZE, 0.3)
    assert left_behind == [[]]  # its Java machine too
    assert exit_code == 4
    assert len(said.splitlines()) == 1
    assert "no answer from the graph server" in said
    assert neo4j_store.count(REVIEWED) >= acknowledged

    list(load(neo4j_store, SIZE))
    disturbed = graph_statistics(neo4j_store, graph_schema())
    assert disturbed.edges["User-REVIEWED-Product"] == SIZE.num_reviews
    with closing(open_graph(f"ladybug:{tmp_path / 'undisturbed'}")) as undisturbed:
        list(load(undisturbed, SIZE))
        assert disturbed == graph_statistics(undisturbed, graph_schema())
