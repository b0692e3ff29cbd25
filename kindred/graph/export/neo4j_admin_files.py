"""Files for `neo4j-admin database import`: the offline first load of a big graph, ten times as fast.

Typed CSV headers; texts of several lines in quotes; vectors as `byte[]`, so nothing is left to do after the import but
`create_schema`, which makes the constraints.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.progress import Progress, silent
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Table
from kindred.graph.neo4j.statements import METADATA, VECTORS
from kindred.graph.neo4j.values import HALF
from kindred.graph.rows import full_name, is_vector, vector_matrix
from kindred.graph.store import GraphStore

DELIMITER = "\x1f"  # between elements of a list: no stored string holds a control character
HEADER_TYPES = {
    PropertyKind.STRING: "string",
    PropertyKind.TEXT: "string",
    PropertyKind.INTEGER: "long",
    PropertyKind.FLOAT: "double",
    PropertyKind.BOOLEAN: "boolean",
    PropertyKind.TIMESTAMP: "long",
    PropertyKind.STRINGS: "string[]",
    PropertyKind.VECTOR: "byte[]",
}
# Every signed byte in five characters with its delimiter, so that a batch of vectors becomes text by one look-up.
_BYTE_TEXTS = np.array([f"{byte:04d}{DELIMITER}".encode() for byte in (*range(128), *range(-128, 0))], dtype="S5")


def write_admin_files(store: GraphStore, schema: GraphSchema, folder: Path, progress: Progress = silent) -> str:
    """The command that loads the graph into a stopped server, where it replaces the database `neo4j`.

    Args:
        store: the graph to export, on any engine.
        folder: where the files go; made if need be, and must be empty.

    Raises:
        StoreError: the folder is not empty, or can't be written.
        SchemaError: a list without a word in it, which the importer would drop.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty", "name another folder")
        options = [f"--{option}" for option in _write_tables(store, schema, folder, progress)]
    except OSError as error:
        raise StoreError(
            f"can't write {error.filename or folder}: {error.strerror}", "free space, or name another folder"
        ) from error
    fixed = ["--multiline-fields=true", "--array-delimiter=U+001F", "--bad-tolerance=0", "--overwrite-destination=true"]
    return shlex.join(["neo4j-admin", "database", "import", "full", "neo4j", *options, *fixed])


def _write_tables(store: GraphStore, schema: GraphSchema, folder: Path, progress: Progress) -> Iterator[str]:
    """Writes one file a table that has rows; the option that names each."""
    lengths: dict[str, int] = {}
    tables: list[Table] = [*schema.nodes, *schema.edges]
    for done, table in enumerate(tables):
        progress("export", done, len(tables))
        is_node = isinstance(table, NodeType)
        batches = store.read_nodes(table) if isinstance(table, NodeType) else store.read_edges(table)
        path = folder / f"{'nodes' if is_node else 'edges'}-{full_name(table)}.csv"
        if _write_table(table, batches, path, lengths):
            yield f"{'nodes' if is_node else 'relationships'}={table.name}={path}"
    for label, columns in _notes(store.read_metadata(), lengths).items():
        path = folder / f"nodes-{label}.csv"
        csv.write_csv(pa.table(columns), path)
        yield f"nodes={label}={path}"


def _notes(metadata: Mapping[str, str], lengths: Mapping[str, int]) -> dict[str, dict[str, pa.Array]]:
    """The nodes in which Neo4jStore keeps what it knows of the graph itself, by label."""
    notes = {}
    if metadata:
        notes[METADATA] = {"key:string": pa.array(metadata.keys()), "value:string": pa.array(metadata.values())}
    if lengths:
        notes[VECTORS] = {"name:string": pa.array(lengths.keys()), "length:long": pa.array(lengths.values())}
    return notes


def _write_table(table: Table, batches: Iterator[pa.RecordBatch], path: Path, lengths: dict[str, int]) -> bool:
    """Whether there was a row; notes the lengths of the vectors in `lengths`."""
    writer = None
    try:
        for batch in batches:
            if not len(batch):
                continue
            names = [_header(table, name) for name in batch.schema.names]
            lines = pa.table([_text(column) for column in batch.columns], names=names)
            if writer is None:
                writer = csv.CSVWriter(path, lines.schema)
                vectors = [field for field in batch.schema if is_vector(field.type)]
                lengths.update({f"{full_name(table)}.{field.name}": field.type.list_size for field in vectors})
            writer.write_table(lines)
    finally:
        if writer is not None:
            writer.close()
    return writer is not None


def _header(table: Table, column: str) -> str:
    if isinstance(table, EdgeType) and column in ("source_id", "target_id"):
        return f":START_ID({table.source})" if column == "source_id" else f":END_ID({table.target})"
    if isinstance(table, NodeType) and column == "id":
        return f"id:ID({table.label})"
    kind = next(prop.kind for prop in table.properties if prop.name == column)
    return f"{column}:{HEADER_TYPES[kind]}"


def _text(column: pa.Array) -> pa.Array:
    """A column as the CSV writer and the importer both take it: lists as one string, the rest as it is."""
    if pa.types.is_list(column.type):
        joined = pc.binary_join(column, DELIMITER)
        if pc.any(pc.equal(joined, "")).as_py():
            raise SchemaError("an empty list can't be imported: neo4j-admin takes it for a missing one", "leave it out")
        return joined
    if not is_vector(column.type):
        return column
    vectors, known = vector_matrix(column)
    texts = _BYTE_TEXTS[vectors.astype(HALF).view(np.uint8)]  # [num_rows, length * 2]
    width = texts.shape[1] * texts.itemsize
    packed = texts.tobytes()
    rows = [packed[i * width : (i + 1) * width - 1] if there else None for i, there in enumerate(known)]
    return pa.array(rows, pa.binary()).cast(pa.string())
