"""Moving a graph from one engine to another, proved by its content hash."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.progress import Progress, silent
from kindred.domain.schema import GraphSchema, Table
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore

# The embedded engine pays for each call by what is there already, so calls are big; the bytes bound the memory.
CALL_ROWS = 100_000
CALL_BYTES = 64 << 20


@dataclass(frozen=True)
class CopyReport:
    """What was copied, and the content hash that both graphs have now."""

    num_nodes: int
    num_edges: int
    content_hash: str


def copy_graph(source: GraphStore, target: GraphStore, schema: GraphSchema, progress: Progress = silent) -> CopyReport:
    """Copies every node, edge and note; a copy that was interrupted is completed by the same call.

    Raises:
        SchemaError: the target's notes say otherwise, e.g. its vectors come from another encoder.
        StoreError: the target holds something else besides, so the hashes differ.
    """
    target.create_schema(schema)
    _check_part(target, source, schema)
    _copy_metadata(source, target)
    for node in schema.nodes:
        for done, rows in _calls(source.read_nodes(node)):
            target.upsert_nodes(node, rows)
            progress(f"copying {node.name}", done, None)
    for edge in schema.edges:
        for done, rows in _calls(source.read_edges(edge)):
            target.upsert_edges(edge, rows)
            progress(f"copying {edge.name}", done, None)
    given, found = (graph_statistics(store, schema, progress) for store in (source, target))
    if given.content_hash != found.content_hash:
        raise StoreError(
            f"{target.url} now has content hash {found.content_hash}, {source.url} has {given.content_hash}: "
            "the target held something else before, or one of them changed during the copy",
            "copy into an empty graph while nothing is written",
        )
    return CopyReport(sum(found.nodes.values()), sum(found.edges.values()), found.content_hash)


def _check_part(target: GraphStore, source: GraphStore, schema: GraphSchema) -> None:
    """Tells before the first row of a target that can't be a part of the source. Raises: StoreError."""
    tables: list[Table] = [*schema.nodes, *schema.edges]
    for table in tables:
        held = target.count(table)
        if held and held > (given := source.count(table)):
            raise StoreError(
                f"{target.url} holds {held:,} of {table.name}, {source.url} {given:,}: it holds something else already",
                "copy into an empty graph",
            )


def _copy_metadata(source: GraphStore, target: GraphStore) -> None:
    """Copies the notes before the first row, so that a copy that was interrupted says whose vectors it holds."""
    there = target.read_metadata()
    for key, value in source.read_metadata().items():
        if there.get(key, value) != value:
            raise SchemaError(
                f"{target.url} notes {key} = {there[key]}, {source.url} notes {value}", "copy into an empty graph"
            )
        target.write_metadata(key, value)


def _calls(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[int, pa.Table]]:
    """Batches joined and sliced to the size of one call, each with the number of rows so far."""
    done = 0
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        for part in _parts(batch):
            waiting.append(part)
            if sum(map(len, waiting)) >= CALL_ROWS or sum(p.nbytes for p in waiting) >= CALL_BYTES:
                done += sum(map(len, waiting))
                yield done, pa.Table.from_batches(waiting)
                waiting = []
    if waiting:
        yield done + sum(map(len, waiting)), pa.Table.from_batches(waiting)


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    rows = max(1, min(CALL_ROWS, len(batch) * CALL_BYTES // max(batch.nbytes, 1)))
    for start in range(0, len(batch), rows):
        yield batch.slice(start, rows)
