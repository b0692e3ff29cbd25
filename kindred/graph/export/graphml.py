"""The graph as GraphML, for Gephi, yEd, igraph, Cytoscape and NetworkX.

A node is `Label:id`, with its `label` and what others call it as `external_id` (readers keep `id` for themselves); an
edge is `TYPE:event_id`, with its `type`. Both carry their light properties; one that is unknown is absent. A list is
JSON, and characters that XML can't hold become U+FFFD.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from kindred.domain.progress import Progress, silent
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Property, Table
from kindred.files import whole_file
from kindred.graph.export.light_tables import Exported, light_columns
from kindred.graph.store import GraphStore

_HEAD = """\
<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""
_TYPES = {
    PropertyKind.INTEGER: "long",
    PropertyKind.TIMESTAMP: "long",
    PropertyKind.FLOAT: "double",
    PropertyKind.BOOLEAN: "boolean",
}
_NOT_XML = r"[^\t\n\r\x{20}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"
# Blanks but the space are escaped because readers change them.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_ENDS = ("source_id", "target_id")

_Key = tuple[str, str, str]  # node or edge, name, type


def write_graphml(
    store: GraphStore, schema: GraphSchema, path: Path, until: int | None = None, progress: Progress = silent
) -> None:
    """Writes the graph batch by batch, so that memory does not grow with it.

    Args:
        until: events up to this timestamp and those of unknown time only, seconds UTC; nodes have no time.

    Raises:
        StoreError: the file can't be written.
    """
    exported = Exported(store, schema, until, progress)
    with whole_file(path) as part, part.open("wb") as file:
        _write(exported, file)


def _write(exported: Exported, file: BinaryIO) -> None:
    keys = {key: f"d{number}" for number, key in enumerate(_keys(exported))}
    file.write(_HEAD.encode())
    for (element, name, kind), key in keys.items():
        file.write(f'<key id="{key}" for="{element}" attr.name="{name}" attr.type="{kind}"/>\n'.encode())
    file.write(b'<graph edgedefault="directed">\n')
    for table in exported.tables:
        for batch in exported.batches(table):
            file.write("".join(_lines(table, batch, keys).to_pylist()).encode())
    file.write(b"</graph>\n</graphml>\n")


def _keys(exported: Exported) -> Iterator[_Key]:
    """What nodes and edges may carry, each once; one name may be of several types in several tables."""
    found: dict[_Key, None] = {("node", "label", "string"): None, ("edge", "type", "string"): None}
    for table in exported.tables:
        found |= dict.fromkeys(_key(table, prop) for prop in _carried(table))
    yield from found


def _carried(table: Table) -> list[Property]:
    light = set(light_columns(table)) - set(_ENDS)
    return [prop for prop in table.properties if prop.name in light]


def _key(table: Table, prop: Property) -> _Key:
    element = "node" if isinstance(table, NodeType) else "edge"
    return element, "external_id" if prop.name == "id" else prop.name, _TYPES.get(prop.kind, "string")


def _lines(table: Table, batch: pa.RecordBatch, keys: dict[_Key, str]) -> pa.Array:
    """One element a row, as text."""
    shown = {name: _xml(batch.column(name)) for name in light_columns(table)}
    data = [
        pc.fill_null(
            pc.binary_join_element_wise(f'<data key="{keys[_key(table, p)]}">', shown[p.name], "</data>", ""), ""
        )
        for p in _carried(table)
    ]
    if isinstance(table, EdgeType):
        kind = f'<data key="{keys["edge", "type", "string"]}">{table.type}</data>'
        opening = [
            f'<edge source="{table.source}:',
            shown["source_id"],
            f'" target="{table.target}:',
            shown["target_id"],
        ]
        opening += [f'" id="{table.type}:', shown["event_id"], f'">{kind}']
        return pc.binary_join_element_wise(*opening, *data, "</edge>\n", "")
    label = f'<data key="{keys["node", "label", "string"]}">{table.label}</data>'
    opening = [f'<node id="{table.label}:', shown["id"], f'">{label}']
    return pc.binary_join_element_wise(*opening, *data, "</node>\n", "")


def _xml(column: pa.Array) -> pa.Array:
    """A column as text that can stand in an element or between quotes."""
    if pa.types.is_list(column.type):
        lists = [None if value is None else json.dumps(value, ensure_ascii=False) for value in column.to_pylist()]
        column = pa.array(lists, pa.string())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.cast(pa.string())
    text = pc.replace_substring_regex(column.cast(pa.string()), pattern=_NOT_XML, replacement="\ufffd")
    for character, entity in _ENTITIES.items():
        text = pc.replace_substring(text, pattern=character, replacement=entity)
    return text
