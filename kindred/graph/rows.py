"""What the rows of an upsert must be, and which of two rows about one event stays: the same for any engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kindred.domain import arrow_compute as pc
from kindred.domain.errors import SchemaError
from kindred.domain.interactions import BoolArray
from kindred.domain.properties import PropertyKind
from kindred.domain.schema import KEY_COLUMNS, EdgeType, NodeType, Property, Table, arrow_schema

Halves = NDArray[np.float16]

_EXPONENT = np.uint16(0x7C00)  # of a float16
_CHUNK_ROWS = 512


def key_of(table: Table) -> str:
    """The column that identifies a row."""
    return "id" if isinstance(table, NodeType) else "event_id"


def full_name(table: Table) -> str:
    """A name that no other node or edge table has."""
    return table.label if isinstance(table, NodeType) else "-".join(table.triple)


def is_vector(kind: pa.DataType) -> bool:
    """Whether values of that Arrow type are vectors of one length."""
    return bool(pa.types.is_fixed_size_list(kind))


def fitted(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with the types and the column order of the schema; optional columns may be missing and stay so.

    Raises:
        SchemaError: a column that is unknown, missing, of another type, null where it must not be; a vector that is
            not finite; a key that comes twice.
    """
    fields = {field.name: field for field in arrow_schema(table, 1)}
    if unknown := [name for name in rows.schema.names if name not in fields]:
        raise SchemaError(f"{table.name} has no property {unknown[0]!r}", f"its properties are {', '.join(fields)}")
    for prop in table.properties:
        if prop.required and (prop.name not in rows.schema.names or rows[prop.name].null_count):
            raise SchemaError(f"{table.name} rows need a value for {prop.name!r}", "leave incomplete rows out")
    names = [name for name in fields if name in rows.schema.names]
    target = pa.schema([_fitted_field(table, fields[name], rows.schema.field(name).type) for name in names])
    try:
        fit = rows.select(names).cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError(f"{table.name} rows do not fit: {error}", "give the types of the schema") from error
    _check_keys(table, fit[key_of(table)])
    _check_finite(table, fit)
    return fit


def stored_schema(table: Table, lengths: Mapping[str, int], columns: Sequence[str] | None) -> pa.Schema:
    """Arrow schema of the named columns, or of all; a vector that was never written has no column.

    Args:
        table: the node or edge type.
        lengths: of the vectors that were written, by property.
        columns: their names; all of them where None.

    Raises:
        SchemaError: a name that the table does not declare.
    """
    fields = {field.name: field for field in arrow_schema(table)}
    for name, length in lengths.items():
        fields[name] = pa.field(name, pa.list_(pa.float16(), length))
    declared = [prop.name for prop in table.properties]
    if unknown := [name for name in columns or () if name not in declared]:
        raise SchemaError(f"{table.name} has no property {unknown[0]!r}", f"its properties are {', '.join(declared)}")
    return pa.schema([fields[name] for name in (declared if columns is None else columns) if name in fields])


def told_of_neighbours(edge: EdgeType) -> list[Property]:
    """The properties that a `Neighbour` tells: all but the edge's key, its ends and vectors."""
    return [prop for prop in edge.properties if prop.kind is not PropertyKind.VECTOR and prop.name not in KEY_COLUMNS]


def _fitted_field(table: Table, field: pa.Field, given: pa.DataType) -> pa.Field:
    if not is_vector(field.type):
        return field.with_nullable(True)
    if not is_vector(given):
        raise SchemaError(f"{table.name}.{field.name} must be vectors of one length, got {given}", "encode it again")
    return pa.field(field.name, pa.list_(pa.float16(), given.list_size))


def _check_keys(table: Table, keys: pa.ChunkedArray) -> None:
    twice = len(keys) - int(pc.count_distinct(keys).as_py())
    if twice:
        raise SchemaError(f"{twice} rows of {table.name} have the {key_of(table)} of another", "deduplicate the batch")


def _check_finite(table: Table, rows: pa.Table) -> None:
    for field in rows.schema:
        if is_vector(field.type) and len(rows):
            wrong = num_not_finite(*vector_matrix(rows[field.name]))
            if wrong:
                raise SchemaError(
                    f"{wrong} of {len(rows)} vectors of {table.name}.{field.name} hold NaN or infinity",
                    "encode the texts again",
                )


def num_not_finite(vectors: Halves, known: BoolArray) -> int:
    """How many of the known vectors hold NaN or infinity."""
    found = 0
    # The five exponent bits of NaN and infinity are all ones: testing integers, in chunks that stay in the cache, is
    # 20 times as fast as `isfinite`.
    for start in range(0, len(vectors), _CHUNK_ROWS):
        exponents = vectors[start : start + _CHUNK_ROWS].view(np.uint16) & _EXPONENT
        if exponents.max(initial=0) == _EXPONENT:
            found += int(((exponents == _EXPONENT).any(axis=1) & known[start : start + _CHUNK_ROWS]).sum())
    return found


def vector_lengths(rows: pa.Table) -> dict[str, int]:
    """Length of each vector column that holds at least one vector."""
    return {
        field.name: field.type.list_size
        for field in rows.schema
        if is_vector(field.type) and rows[field.name].null_count < len(rows)
    }


def vector_matrix(column: pa.ChunkedArray | pa.Array) -> tuple[Halves, BoolArray]:
    """The vectors of a column, `[num_rows, length]`, and which rows have one; the others hold anything."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    length = whole.type.list_size
    flat = whole.values.slice(whole.offset * length, len(whole) * length).to_numpy(zero_copy_only=False)
    return flat.reshape(len(whole), length), whole.is_valid().to_numpy(zero_copy_only=False)


def differing(given: pa.Table, stored: pa.Table) -> dict[str, BoolArray]:
    """For each column of `given`, which rows differ from the same row of `stored`; two nulls are equal.

    A column that `stored` lacks is null there.
    """
    return {
        name: _column_differs(given[name], stored[name] if name in stored.schema.names else None)
        for name in given.schema.names
    }


def _column_differs(given: pa.ChunkedArray, stored: pa.ChunkedArray | None) -> BoolArray:
    if stored is None:
        return _mask(given.is_valid())
    if is_vector(given.type):
        new, new_known = vector_matrix(given)
        old, old_known = vector_matrix(stored)
        other = (new.view(np.uint16) != old.view(np.uint16)).any(axis=1)
        return np.asarray(np.where(new_known & old_known, other, new_known != old_known))
    if pa.types.is_list(given.type):
        pairs = zip(given.to_pylist(), stored.to_pylist(), strict=True)
        return np.fromiter((new != old for new, old in pairs), np.bool_, len(given))
    same = pc.fill_null(pc.equal(given, stored.cast(given.type)), False)
    both_null = pc.and_(pc.is_null(given), pc.is_null(stored))
    return _mask(pc.invert(pc.or_(same, both_null)))


def _mask(values: pa.ChunkedArray) -> BoolArray:
    mask: BoolArray = values.to_numpy()
    return mask


def positions_of(keys: pa.ChunkedArray, stored: pa.ChunkedArray) -> NDArray[np.int64]:
    """Where each key is among the stored ones, −1 where it is not, `[num_keys]`."""
    if not len(stored):
        return np.full(len(keys), -1, np.int64)
    positions: NDArray[np.int64] = pc.fill_null(pc.index_in(keys, value_set=stored), -1).to_numpy().astype(np.int64)
    return positions


def positions_array(positions: NDArray[np.int64]) -> pa.Array:
    """The positions as Arrow takes them, not copied; `pa.array` would load NumPy's masked arrays to look for one."""
    return pa.Array.from_buffers(pa.int64(), len(positions), [None, pa.py_buffer(np.ascontiguousarray(positions))])


def filled_nodes(given: pa.Table, stored: pa.Table) -> pa.Table:
    """Those of the given nodes that say something new; what they leave null comes from the same row of `stored`."""
    says = np.zeros(len(given), np.bool_)
    for name, differs in differing(given, stored).items():
        says |= differs & _mask(given[name].is_valid())
    given, stored = given.filter(pa.array(says)), stored.filter(pa.array(says))
    names = [*stored.schema.names, *(name for name in given.schema.names if name not in stored.schema.names)]
    return pa.table({name: _coalesced(name, given, stored) for name in names})


def _coalesced(name: str, given: pa.Table, stored: pa.Table) -> pa.ChunkedArray:
    if name not in given.schema.names:
        return stored[name]
    if name not in stored.schema.names:
        return given[name]
    kind = given[name].type
    both = pa.concat_arrays([one_array(given[name], kind), one_array(stored[name], kind)])
    rows = np.arange(len(given))
    chosen = np.where(_mask(given[name].is_valid()), rows, rows + len(given))
    return pa.chunked_array([both.take(pa.array(chosen))])


def newer_edges(edge: EdgeType, given: pa.Table, stored: pa.Table) -> pa.Table:
    """Those of the given edges that take the place of the same row of `stored`."""
    differs = np.zeros(len(given), np.bool_)
    for column in differing(given, stored).values():
        differs |= column
    given, stored = given.filter(pa.array(differs)), stored.filter(pa.array(differs))
    return given.filter(pa.array(takes_place(edge, given, stored)))


def one_array(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    """The column as one array of that type."""
    column = column if column.type == kind else column.cast(kind)
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], kind)


def up_to(edge: EdgeType, rows: pa.Table, until: int | None) -> pa.Table:
    """The rows with `at` up to a time, and those of unknown time; all where it is None or edges have no time."""
    if until is None or not edge.is_event:
        return rows
    return rows.filter(pc.fill_null(pc.less_equal(rows["at"], until), True))


def takes_place(edge: EdgeType, given: pa.Table, stored: pa.Table) -> BoolArray:
    """Which given edges take the place of the stored ones: the later `at`, then the greater content.

    Content is compared property by property in the order of the schema; a null is less than any value.
    """
    order = [p.name for p in edge.properties if p.name in given.schema.names and p.name != "at"]
    order = ["at", *order] if edge.is_event else order
    new, old = (_comparable_rows(table, order) for table in (given, stored))
    return np.fromiter((a > b for a, b in zip(new, old, strict=True)), np.bool_, len(given))


def _comparable_rows(rows: pa.Table, order: Sequence[str]) -> list[tuple[tuple[bool, Any], ...]]:
    columns = [_comparable(rows[name]) if name in rows.schema.names else [(False, None)] * len(rows) for name in order]
    return list(zip(*columns, strict=True))


def _comparable(column: pa.ChunkedArray) -> list[tuple[bool, Any]]:
    if is_vector(column.type):
        vectors, known = vector_matrix(column)
        return [
            (True, row.astype("<f2").tobytes()) if has else (False, None)
            for row, has in zip(vectors, known, strict=True)
        ]
    return [(value is not None, value) for value in column.to_pylist()]
