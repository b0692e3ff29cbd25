"""What opens the stores that the settings name."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kindred.domain.schema import GraphSchema
from kindred.graph import open as graph_open
from kindred.graph.server import GraphServer
from kindred.graph.store import GraphStore, LockedError
from kindred.settings import Settings
from kindred.stores import graph_of, graph_to_read, open_graph_reader, open_graph_writer


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


@pytest.mark.parametrize("opens", [graph_to_read, graph_of])
def test_a_command_waits_until_the_service_has_written_its_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opens: Any
) -> None:
    settings = Settings(data_dir=tmp_path)
    batch = open_graph_writer(settings)
    monkeypatch.setattr("kindred.stores.time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: batch.close()))
    command: AbstractContextManager[GraphStore] = opens(settings)
    with command as store:
        assert store.read_metadata() == {}


def test_who_answers_does_not_wait_for_who_writes_and_a_command_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, waited = Settings(data_dir=tmp_path), list[float]()
    clock = SimpleNamespace(monotonic=lambda: 5.0 * len(waited), sleep=waited.append)
    monkeypatch.setattr("kindred.stores.time", clock)
    with closing(open_graph_writer(settings)):
        for opens in (open_graph_reader, open_graph_writer):
            with pytest.raises(LockedError, match="writes it"):
                opens(settings, 2.0)
        assert not waited
        with pytest.raises(LockedError, match="writes it"):
            open_graph_reader(settings)
        assert len(waited) == 4
