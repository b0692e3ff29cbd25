"""One row for each key: what becomes of duplicates, whatever order they came in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kindred.domain.schema import NodeType, Table
from kindred.ingest.loading.staging import SOURCE_COLUMN

Values = dict[str, object]


@dataclass
class Tally:
    """Rows of one source file that were about something new, and those that were about something already seen.

    Attributes:
        accepted: keys that rows are about.
        duplicates: rows about a key that another row is about too.
        conflicting: those of them that also say something else.
    """

    accepted: int = 0
    duplicates: int = 0
    conflicting: int = 0


@dataclass
class Tallies:
    """A `Tally` for each source file, by its number."""

    of_source: dict[int, Tally] = field(default_factory=dict)

    def count(self, rows: pa.Table, key: str) -> None:
        """Counts the staged rows, which hold every row of each key among them."""
        about = rows.filter(pc.is_valid(rows[SOURCE_COLUMN]))
        for source in pc.unique(about[SOURCE_COLUMN]).to_pylist():
            own = about.filter(pc.equal(about[SOURCE_COLUMN], source))
            num_keys = pc.count_distinct(own[key]).as_py()
            tally = self.of_source.setdefault(source, Tally())
            tally.accepted += num_keys
            tally.duplicates += own.num_rows - num_keys
            if own.num_rows > num_keys:
                tally.conflicting += _num_variants(_repeated(own, key)[0], key)


def _num_variants(rows: pa.Table, key: str) -> int:
    """Rows beyond the first of their key that differ from every row of the key before them."""
    variants = {(row[key], tuple(map(_comparable, row.values()))) for row in rows.to_pylist()}
    return len(variants) - len({variant[0] for variant in variants})


def merge_rows(rows: pa.Table, table: Table, key: str) -> pa.Table:
    """The rows with one for each key, sorted by key; independent of the order they came in."""
    rows = rows.drop_columns([SOURCE_COLUMN])
    repeated, single = _repeated(rows, key)
    if repeated.num_rows:
        rows_of: dict[object, list[Values]] = {}
        for row in repeated.to_pylist():
            rows_of.setdefault(row[key], []).append(row)
        merge = _merge_nodes if isinstance(table, NodeType) else _latest_edge
        merged = pa.Table.from_pylist([merge(same) for same in rows_of.values()], schema=rows.schema)
        rows = pa.concat_tables([single, merged])
    return rows.sort_by(key).combine_chunks()


def _repeated(rows: pa.Table, key: str) -> tuple[pa.Table, pa.Table]:
    """The rows whose key comes more than once, and those whose key comes once."""
    counts = pc.value_counts(rows[key].combine_chunks())
    often = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if not len(often):
        return rows.slice(0, 0), rows
    mask = pc.is_in(rows[key], value_set=often)
    return rows.filter(mask), rows.filter(pc.invert(mask))


def _merge_nodes(same: Sequence[Values]) -> Values:
    """One node of all: of each property the value that is known, then the longer, then the greater."""
    return {name: max((row[name] for row in same), key=_fullness) for name in same[0]}


def _latest_edge(same: Iterable[Values]) -> Values:
    """The event that happened last, then the one with the greater content: the rule of `GraphStore`."""
    return max(same, key=lambda row: (_comparable(row.get("at")), tuple(map(_comparable, row.values()))))


def _fullness(value: object) -> tuple[int, tuple[bool, Any]]:
    length = len(value) if isinstance(value, (str, list)) else 0
    return (length, _comparable(value))


def _comparable(value: Any) -> tuple[bool, Any]:
    """The value in a form that can be sorted and hashed; what is unknown comes first."""
    return (False, 0) if value is None else (True, tuple(value) if isinstance(value, list) else value)
