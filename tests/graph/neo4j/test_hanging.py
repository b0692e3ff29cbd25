"""A Neo4j server that takes connections and never answers: nothing waits for it for ever."""

from __future__ import annotations

import socket
from contextlib import closing, suppress
from threading import Event, Thread

import pytest

from kindred.domain.errors import StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.neo4j import connection as neo4j_connection
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.server import GraphServer
from tests.neo4j_server.server import Neo4jServer

USER = graph_schema().node("User")


class Way:
    """A way to a server that may be closed: what is sent stays under way, as with a server that was stopped."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_open = Event()
        self._is_open.set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"bolt://127.0.0.1:{self._door.getsockname()[1]}"
        Thread(target=self._take, daemon=True).start()

    def shut(self) -> None:
        """Nothing comes through any more; who knocks is let in and hears nothing."""
        self._is_open.clear()

    def close(self) -> None:
        self._door.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                near, far = self._door.accept()[0], socket.create_connection(("127.0.0.1", self._port))
                for one, other in ((near, far), (far, near)):
                    Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError), one, other:
            while said := one.recv(65_536):
                if not self._is_open.is_set():
                    Event().wait(30)
                other.sendall(said)


@pytest.mark.parametrize("when", ["before it is opened", "while it is idle", "while it answers"])
def test_a_server_that_hangs_is_given_up(neo4j_server: Neo4jServer, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """It takes connections and says nothing, so that only a limit of our own ends the waiting."""
    for name in ("POOL_WAIT_SECONDS", "SILENT_SECONDS"):
        monkeypatch.setattr(neo4j_connection, name, 1.0)
    monkeypatch.setattr(neo4j_connection, "IDLE_SECONDS", 0.0 if when == "while it is idle" else 100.0)
    with closing(Way(neo4j_server.bolt_port)) as way:
        if when == "before it is opened":
            way.shut()
        with pytest.raises(StoreError, match="no answer from the graph server"):
            who = GraphServer("neo4j", neo4j_server.password, "neo4j", retry_seconds=0.0)
            with closing(Neo4jStore(way.url, who)) as store:
                assert store.count(USER) >= 0
                way.shut()
                store.count(USER)
