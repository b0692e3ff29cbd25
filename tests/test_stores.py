"""What opens the stores that the settings name."""

from __future__ import annotations

import pytest

from kindred.domain.schema import GraphSchema
from kindred.graph import open as graph_open
from kindred.graph.server import GraphServer
from kindred.graph.store import GraphStore
from kindred.settings import Settings
from kindred.stores import open_graph_reader, open_graph_writer


@pytest.mark.parametrize(("asked", "seconds"), [(None, 20.0), (2.0, 2.0)])
def test_who_answers_waits_less_for_a_server_that_is_gone(
    monkeypatch: pytest.MonkeyPatch, asked: float | None, seconds: float
) -> None:
    """A batch that is written waits no longer than an answer, which may read what the writer has open."""
    opened: list[GraphServer] = []

    def note(url: str, schema: GraphSchema | None = None, server: GraphServer | None = None) -> GraphStore:
        assert server is not None
        opened.append(server)
        raise NotImplementedError

    monkeypatch.setattr(graph_open, "open_to_read", note)
    monkeypatch.setattr(graph_open, "open_graph", note)
    for opens in (open_graph_reader, open_graph_writer):
        with pytest.raises(NotImplementedError):
            opens(Settings(graph_url="neo4j://127.0.0.1:1"), asked)
    assert [server.retry_seconds for server in opened] == [seconds, seconds]
