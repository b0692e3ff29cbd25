"""The columns that say more of items, in a table of their own or beside the events: given or guessed, and told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from kindred.domain.errors import SettingsError
from kindred.domain.progress import silent
from kindred.domain.records import Event
from kindred.ingest.bytes.opening import is_stream
from kindred.ingest.bytes.paths import GivenTable, one_file
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.ids import known_id_of
from kindred.ingest.cells.values import says_yes
from kindred.ingest.formats.columns import letters_of
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.rows import flattened
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.tables.column_names import guess, guesses, title_beside
from kindred.ingest.tables.lacking import check_there, lacking
from kindred.ingest.tables.layouts import in_layout
from kindred.ingest.tables.mapping import EventColumns, ItemColumns, TableMapping, category_edge
from kindred.ingest.tables.records import item_properties, item_source
from kindred.ingest.tables.table_head import Head, read_head

_SHOWN_VALUES = 3
_ITEMS_LOOKED_AT = 100_000
_MUCH_MORE = 2  # times as many items of the events must be in a column that is called otherwise
_FEWEST_GENRES = 5  # columns of 0 and 1 that are taken for genres unasked
_OF_PROPERTIES = ("property", "propertyname", "attribute", "attributename", "key", "field", "feature", "name")
_BETWEEN_CATEGORIES = (";", ",")


@dataclass(frozen=True)
class KnownItems:
    """Where more stands of the items, understood.

    Attributes:
        columns: what holds what.
        head: of the table in which they stand.
        files: their table, if they have one of their own.
        remarks: what was decided.
    """

    columns: ItemColumns
    head: Head
    files: Sequence[SourceFile]
    remarks: Sequence[str]


def items_beside(
    path: Location, event: type[Event], given: ItemColumns, columns: EventColumns, head: Head
) -> KnownItems:
    """What the table of events itself says of its items.

    Raises:
        RecordError: it lacks a column that is given.
        SettingsError: a column is given that such items do not have.
    """
    known = given.model_copy(update={"id": None})
    _check(path, event, known, head)
    if not known.title and "title" in item_properties(event.target):
        known = known.model_copy(update={"title": title_beside(columns.item or "", head.columns)})
    known, remarks = _with_parts(known, head)
    return KnownItems(known, head, (), remarks)


def items_of_table(
    table: GivenTable, event: type[Event], given: TableMapping, columns: EventColumns, events: Head
) -> KnownItems:
    """What a table of items says of them; columns that are not given are guessed.

    Raises:
        RecordError: it can't be read, or lacks a column.
        SettingsError: a column is given that such items do not have.
    """
    path = one_file(table)
    head = read_head(path, given.item_file)
    known, of_ids = given.items, list[str]()
    if not known.id:
        item_id, of_ids = _guess_id(columns, events, head)
        if item_id is None:
            raise lacking(path, "item", "--item-id", head, _likely_id(columns, events, head))
        known = known.model_copy(update={"id": item_id})
    of_rows = _property_a_row(known.id, head)
    known, remarks = _with_parts(_with_guesses(path, event, known, head, of_rows), head)
    if of_rows and not {*of_rows} & {known.title, known.text, *known.category}:
        name, value = of_rows
        pivot = f"pandas.DataFrame.pivot_table(index={known.id!r}, columns={name!r}, values={value!r}, aggfunc='first')"
        remarks.append(
            f"{path} has a row for each property of an item, which is not read: {pivot} makes columns of {name}"
        )
    file = SourceFile(path, in_layout(item_source(event.target, known), head.layout))
    remarks += of_ids or _strangers(columns, events, file, known)
    return KnownItems(known, head, (file,), remarks)


def _property_a_row(item_id: str | None, head: Head) -> tuple[str, str] | None:
    """The columns of names and values where an item has a row for each of its properties; None where it has not."""
    ids = [key for row in head.rows if (key := _key(row.get(item_id or "")))]
    names = {letters_of(name): name for name in head.columns if name != item_id}
    named = next((names[name] for name in _OF_PROPERTIES if name in names), None)
    value = next((name for plain, name in names.items() if named and plain.endswith("value")), None)
    return (named, value) if named and value and len({*ids}) < len(ids) else None


def _with_guesses(
    path: Location, event: type[Event], given: ItemColumns, head: Head, unused: Sequence[str] | None
) -> ItemColumns:
    _check(path, event, given, head)
    held = item_properties(event.target)
    taken = {given.id, given.title, given.text, *given.category, *(unused or ())}
    found: dict[str, str | None] = {"id": given.id}
    for role, usual in (("title", "title"), ("text", "item_text")):
        name = getattr(given, role) or (guess(usual, head.columns, taken) if role in held else None)
        if name:
            found[role] = name
            taken = {*taken, name}
    categories = given.category
    if not categories and category_edge(event.target) is not None:
        of = [name for role in ("category", "maker") for name in guesses(role, head.columns, taken)]
        categories = tuple(name for name in of if any(row.get(name) not in (None, "") for row in head.rows))
        categories = categories or _flags(head, taken)
    return ItemColumns(**found, category=categories, parted_by=given.parted_by)


def _flags(head: Head, taken: Collection[str | None]) -> tuple[str, ...]:
    """The columns of 0 and 1, a genre each, of a table that has many: one alone may say anything."""
    free = [name for name in head.columns if name not in taken]
    found = [name for name in free if head.rows and all(says_yes(row.get(name)) is not None for row in head.rows)]
    return tuple(found) if len(found) >= _FEWEST_GENRES else ()


def _with_parts(columns: ItemColumns, head: Head) -> tuple[ItemColumns, list[str]]:
    """The columns with what stands between categories in their cells, if it is not `|` but something that shows."""
    values = [str(value) for name in columns.category for row in head.rows if (value := row.get(name)) is not None]
    if columns.parted_by or not values or any("|" in value or value.startswith("[") for value in values):
        return columns, []
    for sign in _BETWEEN_CATEGORIES:
        parts = {part.strip() for value in values for part in value.split(sign)}
        if len(parts) < len({*values}):  # the same few come again in other company
            remark = f"cells of {', '.join(columns.category)} hold several categories with {sign!r} between them"
            return columns.model_copy(update={"parted_by": sign}), [remark]
    return columns, []


def _check(path: Location, event: type[Event], given: ItemColumns, head: Head) -> None:
    values = {"id": given.id, "title": given.title, "text": given.text}
    named = {role: name for role, name in values.items() if name} | {name: name for name in given.category}
    check_there(path, named, head)
    held = item_properties(event.target)
    missing = next((role for role in ("title", "text") if values[role] and role not in held), None)
    missing = missing or ("category" if given.category and category_edge(event.target) is None else None)
    if missing:
        raise SettingsError(f"a {event.target.label} has no {missing}", f"it has {', '.join(held) or 'only an id'}")


def _guess_id(columns: EventColumns, events: Head, items: Head) -> tuple[str | None, list[str]]:
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


def _likely_id(columns: EventColumns, events: Head, items: Head) -> str:
    """The column that holds most items of the first events, if these are more than half of them; else any."""
    wanted = _keys(columns.item, events)
    counts = {name: len(wanted & _keys(name, items)) for name in items.columns}
    likely = max(counts, key=lambda name: counts[name], default="")
    return likely if counts.get(likely, 0) > len(wanted) / 2 else "COLUMN"


def _keys(column: str | None, head: Head) -> set[str]:
    return {key for row in head.rows if (key := _key(row.get(column or "")))}


def _strangers(columns: EventColumns, head: Head, items: SourceFile, of_items: ItemColumns) -> list[str]:
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
