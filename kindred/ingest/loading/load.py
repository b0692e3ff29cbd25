"""Loading staged records into a graph, their texts encoded on the way. Knows no record type: the schema says it all."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kindred.domain.embeddings import TextEncoder, text_to_encode
from kindred.domain.errors import SchemaError
from kindred.domain.progress import Progress, silent
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import NodeType, Table
from kindred.graph.store import GraphStore, UpsertCount
from kindred.ingest.loading.merging import Tallies, merge_rows
from kindred.ingest.loading.staging import TableStage
from kindred.ingest.loading.summary import TableSummary

ENCODER_KEY = "encoder"
# Engines pay for each batch by what is there already, so batches are big; the bytes bound the memory.
BATCH_ROWS = 150_000
BATCH_BYTES = 96 << 20
TEXTS_PER_CALL = 20_000


def check_encoder(store: GraphStore, encoder: TextEncoder | None) -> None:
    """Makes sure that the graph's vectors come from this encoder, None meaning that it holds none.

    Raises:
        SchemaError: they come from another one.
    """
    noted = store.read_metadata().get(ENCODER_KEY)
    if noted is not None and noted != _note(encoder):
        raise SchemaError(
            f"the graph's texts were encoded by {_named(noted)}, now {_named(_note(encoder))} is to be used",
            "use the same encoder (KINDRED_ENCODER), or load into a new graph (KINDRED_GRAPH_URL)",
        )


def check_reader(store: GraphStore, encoder: TextEncoder) -> None:
    """The same for who only reads: a graph without vectors is one for any encoder.

    Raises:
        SchemaError: the graph's vectors come from another one.
    """
    if json.loads(store.read_metadata().get(ENCODER_KEY, "null")) is not None:
        check_encoder(store, encoder)


def note_encoder(store: GraphStore, encoder: TextEncoder | None) -> None:
    """Notes the encoder in the graph, before its first vector comes."""
    if store.read_metadata().get(ENCODER_KEY) is None:
        store.write_metadata(ENCODER_KEY, _note(encoder))


def _note(encoder: TextEncoder | None) -> str:
    return json.dumps({"name": encoder.name, "dimension": encoder.dimension} if encoder else None)


def _named(note: str) -> str:
    encoder = json.loads(note)
    return f"{encoder['name']} ({encoder['dimension']} dimensions)" if encoder else "no encoder"


def count_records(stages: Sequence[TableStage], tallies: Tallies, progress: Progress = silent) -> list[TableSummary]:
    """The distinct records that would be loaded, duplicates counted in `tallies`; nodes before edges."""
    summaries = []
    for stage in stages:
        records = 0
        for rows in stage.read(BATCH_ROWS, BATCH_BYTES):
            tallies.count(rows, stage.key)
            records += len(merge_rows(rows, stage.table, stage.key))
            progress(f"checking {stage.table.name}", records, stage.num_rows)
        summaries.append(TableSummary(stage.table.name, records))
    return summaries


def load_records(
    store: GraphStore, stages: Sequence[TableStage], encoder: TextEncoder | None, tallies: Tallies, progress: Progress
) -> list[TableSummary]:
    """What the store did with the staged records; duplicates are counted in `tallies`. Stages come nodes before edges.

    Each batch holds whole keys, sorted, so the graph does not depend on the order of the source; a load that was
    interrupted and is repeated gives the graph of one that was not.

    Raises:
        SchemaError: the encoder's vectors have another shape than it says, or are not finite.
        StoreError: the engine failed.
    """
    return [_load_table(store, stage, encoder, tallies, progress) for stage in stages]


def _load_table(
    store: GraphStore, stage: TableStage, encoder: TextEncoder | None, tallies: Tallies, progress: Progress
) -> TableSummary:
    counts: list[UpsertCount] = []
    done = 0
    for staged in stage.read(BATCH_ROWS, BATCH_BYTES):
        tallies.count(staged, stage.key)
        rows = merge_rows(staged, stage.table, stage.key)
        if encoder:
            rows = with_embeddings(rows, stage.table, encoder)
        if isinstance(stage.table, NodeType):
            counts.append(store.upsert_nodes(stage.table, rows))
        else:
            counts.append(store.upsert_edges(stage.table, rows))
        done += len(staged)
        progress(f"loading {stage.table.name}", done, stage.num_rows)
    inserted, updated, unchanged = (sum(column) for column in zip(*map(_fields, counts), strict=True))
    return TableSummary(stage.table.name, inserted + updated + unchanged, inserted, updated, unchanged)


def _fields(count: UpsertCount) -> tuple[int, int, int]:
    return (count.inserted, count.updated, count.unchanged)


def with_embeddings(rows: pa.Table, table: Table, encoder: TextEncoder) -> pa.Table:
    """The rows with a vector column for each encoded text; a text that is unknown has no vector."""
    for prop in table.properties:
        if prop.kind is PropertyKind.VECTOR and prop.encodes:
            rows = rows.append_column(prop.name, _embeddings(rows.select(prop.encodes), encoder))
    return rows


def _embeddings(columns: pa.Table, encoder: TextEncoder) -> pa.FixedSizeListArray:
    """One vector a row for the texts of its columns, read one after the other; null where none of them is known."""
    known = np.zeros(len(columns), np.bool_)
    vectors = np.zeros((len(columns), encoder.dimension), np.float16)
    for start in range(0, len(columns), TEXTS_PER_CALL):
        part = columns.slice(start, TEXTS_PER_CALL)
        texts = [text_to_encode(parts) for parts in zip(*(c.to_pylist() for c in part.columns), strict=True)]
        positions = np.array([position for position, text in enumerate(texts) if text is not None], np.int64)
        known[start + positions] = True
        if len(positions):
            vectors[start + positions] = _encode([text for text in texts if text is not None], encoder)
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), encoder.dimension, mask=pa.array(~known))


def _encode(texts: list[str], encoder: TextEncoder) -> NDArray[np.float16]:
    vectors = encoder.encode(texts)
    if vectors.shape != (len(texts), encoder.dimension) or not np.isfinite(vectors).all():
        raise SchemaError(
            f"{encoder.name} gave vectors of shape {vectors.shape} for {len(texts)} texts, "
            f"{int((~np.isfinite(vectors)).sum())} values not finite",
            "choose another encoder (KINDRED_ENCODER)",
        )
    return vectors
