"""Graph to arrays: the columns of a graph as of a time, and the IdMaps that name their rows; no PyTorch is needed.

The result depends on what the graph holds, never on the order in which it was loaded or is read: nodes are sorted by
id, edges by (`at`, `event_id`), those of unknown time first. Columns follow from the schema's property kinds
(`columns.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.ids import IdMap
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import KEY_COLUMNS, EdgeType, GraphSchema, NodeType, Property, Table
from kindred.gnn.columns import Column, Positions, column_properties, columns_of, edge_columns, joined_column
from kindred.graph.store import GraphStore

Triple = tuple[str, str, str]
Columns = dict[str, Column]

EDGE_INDEX = "edge_index"
TENSORS, IDS = "tensors.safetensors", "ids.json"
SEPARATOR = "|"  # between the parts of a tensor's name: `User|REVIEWED|Product|rating`


def read_graph_arrays(
    store: GraphStore,
    schema: GraphSchema,
    triples: Sequence[Triple] | None = None,
    until: int | None = None,
    *,
    vectors: bool = True,
) -> tuple[dict[str, Columns], dict[Triple, Columns], dict[str, IdMap]]:
    """The columns of each label and of each edge type, whose first is `edge_index` `[2, num_edges]`; and the ids.

    Args and errors are those of `read_hetero_data`.
    """
    edges = schema.edges if triples is None else tuple(schema.edge(triple) for triple in triples)
    ends = {label for edge in edges for label in (edge.source, edge.target)}
    nodes = tuple(node for node in schema.nodes if triples is None or node.label in ends)
    of_nodes, of_edges, ids = dict[str, Columns](), dict[Triple, Columns](), dict[str, IdMap]()
    for node in nodes:
        ids[node.label], of_nodes[node.label] = _read_nodes(store, node, _columns(node.properties, vectors))
    for edge in edges:
        of_edges[edge.triple] = _read_edges(store, edge, ids, until, _columns(edge.properties, vectors))
    return of_nodes, of_edges, ids


def write_graph_arrays(
    of_nodes: Mapping[str, Columns], of_edges: Mapping[Triple, Columns], ids: Mapping[str, IdMap], folder: Path
) -> None:
    """Writes `tensors.safetensors` and `ids.json` into the folder, which `hetero_files.read_back` reads.

    The ids come last, and without them nothing reads back. What follows from the arrays is derived when reading.

    Raises:
        StoreError: the folder can't be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    named = {SEPARATOR.join([label, name]): held for label, of in of_nodes.items() for name, held in of.items()}
    named |= {SEPARATOR.join([*triple, name]): held for triple, of in of_edges.items() for name, held in of.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / IDS).unlink(missing_ok=True)
        save_file({name: np.ascontiguousarray(held) for name, held in named.items()}, folder / TENSORS)
        (folder / TENSORS).chmod(folder.stat().st_mode & 0o666)  # the library lets only the owner read
        (folder / IDS).write_text(
            json.dumps({label: ids[label].ids for label in of_nodes}, ensure_ascii=False), "utf-8"
        )
    except FileExistsError as error:
        raise StoreError(f"{folder} is a file, and the export is a folder", "name another folder") from error
    except (OSError, SafetensorError) as error:
        where, why = getattr(error, "filename", None) or folder, getattr(error, "strerror", None) or error
        raise StoreError(f"can't write {where}: {why}", "free space, or name another folder") from error


def _columns(properties: Iterable[Property], vectors: bool) -> list[Property]:
    return [p for p in column_properties(properties) if vectors or p.kind is not PropertyKind.VECTOR]


def _read_nodes(store: GraphStore, node: NodeType, properties: Sequence[Property]) -> tuple[IdMap, Columns]:
    expected = store.count(node)
    batches = _read_whole(store.read_nodes(node, ["id", *(p.name for p in properties)]))
    column = joined_column(batches, "id", pa.string())
    _check_count(node, expected, len(column))
    ids = IdMap.sorted(column.to_pylist())
    return ids, dict(columns_of(batches, properties, ids.positions_of_column(column)))


def _read_edges(
    store: GraphStore,
    edge: EdgeType,
    ids: Mapping[str, IdMap],
    until: int | None,
    properties: Sequence[Property],
) -> Columns:
    expected = store.count(edge)
    names = [*KEY_COLUMNS, *(p.name for p in properties)]
    batches = _read_whole(store.read_edges(edge, names, until))
    num_edges = sum(len(batch) for batch in batches)
    if until is None or not edge.is_event:
        _check_count(edge, expected, num_edges)
    order, columns = edge_columns(edge, batches, properties)
    ends = [
        _positions(batches, edge, column, ids[label])[order]
        for column, label in (("source_id", edge.source), ("target_id", edge.target))
    ]
    return {EDGE_INDEX: np.stack(ends), **columns}


def _read_whole(batches: Iterator[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """All non-empty batches; vectors in them may stay on disk where the engine maps them."""
    return [batch for batch in batches if len(batch)]


def _check_count(table: Table, expected: int, read: int) -> None:
    if read != expected:
        raise StoreError(
            f"the graph counts {expected} rows of {table.name} but {read} were read",
            "wait until loading ends; try again",
        )


def _positions(batches: Sequence[pa.RecordBatch], edge: EdgeType, column: str, ids: IdMap) -> Positions:
    externals = joined_column(batches, column, pa.string())
    positions = ids.positions_of_column(externals)
    if (positions < 0).any():
        first = int(np.flatnonzero(positions < 0)[0])
        raise SchemaError(
            f"{int((positions < 0).sum())} {edge.type} edges have no node at their {column}, "
            f"the first is {externals[first]}",
            "load the nodes, then read again",
        )
    return positions
