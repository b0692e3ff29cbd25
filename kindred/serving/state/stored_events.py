"""Users' events as the graph holds them, vectors of their texts among them, kept for those who asked last."""

from __future__ import annotations

import threading
from collections import OrderedDict

import pyarrow as pa

from kindred.domain.properties import PropertyKind
from kindred.recommenders.system import System
from kindred.serving.state.graph_door import GraphDoor

MOST_BYTES = 64 << 20


class StoredEvents:
    """Reads what users did from the graph, once for many answers. Thread-safe.

    What came after a user was read is not in it: whoever knows of it adds it, or lets it be read again (`forget`).

    Args:
        system: whose events.
        graph: where they are.
        most_bytes: of the tables that are kept.
    """

    def __init__(self, system: System, graph: GraphDoor, most_bytes: int = MOST_BYTES) -> None:
        self._edge = system.edge
        self._columns = [prop.name for prop in system.edge.properties if prop.kind is not PropertyKind.TEXT]
        self._graph = graph
        self._most_bytes = most_bytes
        self._num_bytes = 0
        self._tables: OrderedDict[str, pa.Table] = OrderedDict()
        self._num_forgotten = 0
        self._lock = threading.Lock()

    def of(self, user_id: str) -> pa.Table:
        """A user's events without their texts. Raises: StoreError where the graph can't be read."""
        with self._lock:
            if user_id in self._tables:
                self._tables.move_to_end(user_id)
                return self._tables[user_id]
            num_forgotten = self._num_forgotten
        with self._graph.read() as store:
            table = store.edges_of(self._edge, user_id, self._columns)
        with self._lock:
            if num_forgotten == self._num_forgotten:
                self._keep(user_id, table)
        return table

    def up_to(self, user_id: str, until: int) -> pa.Table:
        """The same of those up to a time; read each time."""
        with self._graph.read() as store:
            return store.edges_of(self._edge, user_id, self._columns, until)

    def forget(self, user_id: str | None = None) -> None:
        """Drops what is kept of a user, or of all."""
        with self._lock:
            self._num_forgotten += 1
            for known in [user_id] if user_id is not None else list(self._tables):
                self._drop(known)

    def _keep(self, user_id: str, table: pa.Table) -> None:
        self._drop(user_id)
        self._tables[user_id] = table
        self._num_bytes += table.nbytes
        while self._num_bytes > self._most_bytes:
            self._drop(next(iter(self._tables)))

    def _drop(self, user_id: str) -> None:
        table = self._tables.pop(user_id, None)
        self._num_bytes -= 0 if table is None else table.nbytes
