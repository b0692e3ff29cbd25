"""What graph formats for other tools carry: every node and edge with its light properties, streamed in batches.

Light is all but texts and vectors. Memory holds one batch at a time, whatever the size of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from kindred.domain.progress import Progress
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import GraphSchema, NodeType, Table
from kindred.graph.store import GraphStore

_HEAVY = (PropertyKind.TEXT, PropertyKind.VECTOR)
_BATCH_ROWS = 20_000


def light_columns(table: Table) -> list[str]:
    """The columns of a table that are carried, keys included."""
    return [prop.name for prop in table.properties if prop.kind not in _HEAVY]


def read_light(store: GraphStore, table: Table, until: int | None = None) -> Iterator[pa.RecordBatch]:
    """The table's rows with their light columns; of events those up to `until`, seconds UTC, and of unknown time."""
    if isinstance(table, NodeType):
        batches = store.read_nodes(table, light_columns(table))
    else:
        batches = store.read_edges(table, light_columns(table), until)
    for batch in batches:
        for start in range(0, len(batch), _BATCH_ROWS):
            yield batch.slice(start, _BATCH_ROWS)


def rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows of a batch, what is unknown left out."""
    for row in batch.to_pylist():
        yield {name: value for name, value in row.items() if value is not None}


class Exported:
    """The tables of a graph that hold something, and how far the work on them is."""

    def __init__(self, store: GraphStore, schema: GraphSchema, until: int | None, progress: Progress) -> None:
        self._store = store
        self._until = until
        self._progress = progress
        tables: list[Table] = [*schema.nodes, *schema.edges]
        counts = {table: store.count(table) for table in tables}
        self.tables = [table for table in tables if counts[table]]
        self._total = sum(counts.values())
        self._done = 0

    def batches(self, table: Table) -> Iterator[pa.RecordBatch]:
        """The rows of one of the tables."""
        for batch in read_light(self._store, table, self._until):
            yield batch
            self._done += len(batch)
            self._progress("export", self._done, self._total)
