"""A hash of what a graph says: equal content, equal hash, whatever engine holds it and whatever order it came in.

Each row becomes one canonical byte string, of which the 128-bit digests are added up. Vectors are left out: they are
derived from texts. A property that is null adds nothing, so declaring a new optional property changes no hash.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kindred.domain.properties import PropertyKind
from kindred.domain.schema import NodeType, Property, Table

Digests = NDArray[np.uint64]

_DIGEST_BYTES = 16


class ContentHash:
    """The sum of the digests of every row given to it, in any order."""

    def __init__(self) -> None:
        self._sum = np.zeros(2, np.uint64)

    def add(self, table: Table, rows: pa.RecordBatch | pa.Table) -> None:
        """Takes more rows of a table; a column that is missing counts as null."""
        self._sum += row_digests(table, rows).sum(axis=0, dtype=np.uint64)

    def hexdigest(self) -> str:
        """The hash so far, 32 hex digits."""
        return self._sum.astype(">u8").tobytes().hex()


def row_digests(table: Table, rows: pa.RecordBatch | pa.Table) -> Digests:
    """One 128-bit digest for each row, `[num_rows, 2]`."""
    digests = [blake2b(content, digest_size=_DIGEST_BYTES).digest() for content in _canonical_rows(table, rows)]
    return np.frombuffer(b"".join(digests), dtype="<u8").reshape(len(digests), 2).astype(np.uint64)


def _canonical_rows(table: Table, rows: pa.RecordBatch | pa.Table) -> list[bytes]:
    """The name of the table, then `name:length:value` of each property that is not null, by name."""
    if not rows.num_rows:
        return []
    name = table.label if isinstance(table, NodeType) else "-".join(table.triple)
    pieces = [
        _labelled(prop.name, _canonical_values(prop, rows[prop.name]))
        for prop in sorted(table.properties, key=lambda prop: prop.name)
        if prop.name in rows.schema.names and prop.kind is not PropertyKind.VECTOR
    ]
    joined = pc.binary_join_element_wise(
        _large(f"{name}\n"), *pieces, _large(""), null_handling="replace", null_replacement=""
    )
    contents: list[bytes] = joined.cast(pa.large_binary()).to_pylist()
    return contents


def _labelled(name: str, values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """`name:length:value` of each value, null where it is null; the length keeps two rows from looking alike."""
    lengths = pc.binary_length(values).cast(pa.large_string())
    return pc.binary_join_element_wise(_large(f"{name}:"), lengths, _large(":"), values, _large(""))


def _large(text: str) -> pa.Scalar:
    return pa.scalar(text, pa.large_string())


def _canonical_values(prop: Property, values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    if prop.kind is PropertyKind.FLOAT:
        return _float_bits(values.cast(pa.float64()))
    if prop.kind is PropertyKind.STRINGS:
        return _joined_lists(values)
    return values.cast(pa.large_string())


def _float_bits(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The 64 bits of each float as a decimal number: no engine's way of printing floats matters; −0 is 0."""
    known = pc.is_valid(values).to_numpy(zero_copy_only=False)
    bits = (pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False) + 0.0).view(np.int64)
    return pa.array(bits, mask=~known).cast(pa.large_string())


def _joined_lists(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The `length:string` of each string of each list, in order; null where the list is null."""
    found = [None if row is None else "".join(f"{len(s.encode())}:{s}" for s in row) for row in values.to_pylist()]
    return pa.array(found, pa.large_string())
