"""Which column of a table of items holds the ids that the events name."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from kindred.domain.progress import silent
from kindred.ingest.bad_records import BadRecord
from kindred.ingest.column_names import guesses
from kindred.ingest.files import read_rows
from kindred.ingest.mapping import EventColumns, ItemColumns
from kindred.ingest.opening import is_stream
from kindred.ingest.pipeline import SourceFile
from kindred.ingest.rows import flattened
from kindred.ingest.table_head import Head
from kindred.ingest.values import known_id_of

_SHOWN_VALUES = 3
_ITEMS_LOOKED_AT = 100_000
_MUCH_MORE = 2  # times as many items of the events must be in a column that is called otherwise


def guess_item_id(columns: EventColumns, events: Head, items: Head) -> tuple[str | None, list[str]]:
    """The column called as in the events, or as ids usually are, that holds items of the first events; and a remark.

    Args:
        columns: of the events.
        events: the head of their table.
        items: the head of the table of items.
    """
    usual = guesses("id", items.columns, ())
    names = list(dict.fromkeys([*(name for name in items.columns if name == columns.item), *usual]))
    if len(names) < 2:
        return (names[0] if names else None), []
    wanted = _keys(columns.item, events)
    counts = {name: len(wanted & _keys(name, items)) for name in names}
    chosen = names[0]
    for name in names[1:]:
        if counts[name] > _MUCH_MORE * counts[chosen]:
            chosen = name
    if chosen == names[0] or not counts[chosen]:
        return names[0], []
    remark = (
        f"{chosen} of the table of items holds {counts[chosen]:,} of the first {len(wanted):,} items of the events, "
        f"{names[0]} holds {counts[names[0]]:,}: --item-id says otherwise"
    )
    return chosen, [remark]


def _keys(column: str | None, head: Head) -> set[str]:
    return {key for row in head.rows if (key := _key(row.get(column or "")))}


def strangers(columns: EventColumns, head: Head, items: SourceFile, of_items: ItemColumns) -> list[str]:
    """A remark where the first events name no item that a table of this machine, if it is of usual size, holds."""
    wanted = {_key(row.get(columns.item or "")) for row in head.rows} - {None}
    if not wanted or not isinstance(items.path, Path) or is_stream(items.path):
        return []
    there: list[str] = []
    for row in islice(read_rows(items.path, items.source, silent), _ITEMS_LOOKED_AT + 1):
        key = None if isinstance(row.value, BadRecord) else _key(flattened(row.value).get(of_items.id or ""))
        if key in wanted:
            return []
        there += [key] if key else []
    if not there or len(there) > _ITEMS_LOOKED_AT:
        return []
    return [
        f"none of the first items of the events is in {items.path}, which holds {', '.join(there[:_SHOWN_VALUES])} …: "
        "are ids written otherwise there, or is it another column? --item-id COLUMN"
    ]


def _key(value: object) -> str | None:
    try:
        return known_id_of(value)
    except BadRecord:
        return None
