"""Tables of one's own into the graph: which column holds what is given, read from a mapping or guessed, and told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.properties import EARLIEST_TIME
from kindred.domain.records import Event
from kindred.ingest.bad_records import BadRecord
from kindred.ingest.column_names import guess
from kindred.ingest.columns import listed_columns, nearest
from kindred.ingest.mapping import EventColumns, ItemColumns, TableMapping, category_edge, find_event_type
from kindred.ingest.paths import Given, Paths, expand, one_file
from kindred.ingest.pipeline import SourceFile
from kindred.ingest.remote import Location
from kindred.ingest.sources.interactions import (
    ORDER,
    event_properties,
    event_source,
    item_properties,
    item_source,
    time_reader,
)
from kindred.ingest.table_head import Head, in_layout, read_head
from kindred.ingest.times import milliseconds_of
from kindred.ingest.values import number_of

_SHOWN_VALUES = 3


@dataclass(frozen=True)
class Choice:
    """Which column holds what, and how that is known.

    Attributes:
        table: `events` or `items`.
        role: what the column holds, e.g. `user`.
        column: its name.
        is_guess: whether it was guessed from its name.
        examples: its first values.
    """

    table: str
    role: str
    column: str
    is_guess: bool
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Tables:
    """Tables of events and items, understood.

    Attributes:
        mapping: which column holds what, all of it.
        event: what rows become.
        files: what ingest is to read.
        choices: the same for people.
        unused: columns that hold nothing of use, by table.
        remarks: what else was decided.
    """

    mapping: TableMapping
    event: type[Event]
    files: list[SourceFile]
    choices: list[Choice]
    unused: dict[str, list[str]]
    remarks: list[str]


def interaction_files(given: TableMapping, events: Paths, items: Given | None = None) -> Tables:
    """The files as ingest is to read them; columns that are not given are guessed from their names.

    Args:
        given: what is known of the columns.
        events: files of one layout: a user and an item a row.
        items: a file that says more of the items.

    Raises:
        RecordError: a file can't be read, or lacks a column.
        SettingsError: a column is given for what such events do not have.
    """
    event = find_event_type(given.event)
    paths = expand(events)
    if not paths:
        raise SettingsError("nothing to load: no table of events is given", "name a file")
    head = read_head(paths[0], given.file)
    columns = _event_columns(paths[0], event, given.events, head)
    at_format, remarks = _form_of_times(columns, head)
    columns = columns.model_copy(update={"at_format": at_format})
    mapping = given.model_copy(update={"events": columns, "file": head.layout})
    if items is None:
        of_items, item_files, item_head = given.items.model_copy(update={"id": None}), [], head
        _check_items(paths[0], event, of_items, head)
        source = event_source(event, columns, of_items)
    else:
        item_path = one_file(items)
        item_head = read_head(item_path, given.item_file)
        of_items = _item_columns(item_path, event, given.items, item_head)
        item_files = [SourceFile(item_path, in_layout(item_source(event.target, of_items), item_head.layout))]
        source = event_source(event, columns, ItemColumns())
        mapping = mapping.model_copy(update={"item_file": item_head.layout})
    mapping = mapping.model_copy(update={"items": of_items})
    files = [SourceFile(path, in_layout(source, head.layout)) for path in paths] + item_files
    choices = [*_choices("events", given.events, columns, head), *_choices("items", given.items, of_items, item_head)]
    unused = {"events": _unused(head, choices, "events" if items else None)}
    if items is not None:
        unused["items"] = _unused(item_head, choices, "items")
    return Tables(mapping, event, files, choices, unused, remarks)


def _event_columns(path: Location, event: type[Event], given: EventColumns, head: Head) -> EventColumns:
    """The columns of events, guessed where they are not given."""
    held = event_properties(event)
    found = {role: name for role, name in given.model_dump(exclude={"at_format"}).items() if name}
    _check_there(path, found, head)
    for role in found.keys() - {"user", "item", "at"} - held.keys():
        raise SettingsError(f"{event.edge_type} events have no {role}", f"they have {', '.join(('at', *held))}")
    for role in ("user", "item", "rating", "at", "text", "weight", "kind"):
        if role not in found and (role in ("user", "item", "at") or role in held):
            name = guess(role, head.columns, set(found.values()))
            found |= {role: name} if name else {}
    for role in ("user", "item"):
        if role not in found:
            _lacks(path, role, f"--{role}", head)
    return EventColumns(**found, at_format=given.at_format)


def _item_columns(path: Location, event: type[Event], given: ItemColumns, head: Head) -> ItemColumns:
    """The columns of a table of items, guessed where they are not given."""
    _check_items(path, event, given, head)
    held, taken = item_properties(event.target), {given.id, given.title, given.text, *given.category}
    names = {"id": "id", "title": "title", "text": "item_text"}
    found: dict[str, str] = {}
    for role, usual in names.items():
        name = getattr(given, role) or (guess(usual, head.columns, taken) if role == "id" or role in held else None)
        if name:
            found[role] = name
            taken = {*taken, name}
    if "id" not in found:
        _lacks(path, "item", "--item-id", head)
    categories = given.category
    if not categories and category_edge(event.target) is not None:
        name = guess("category", head.columns, taken)
        categories = (name,) if name else ()
    return ItemColumns(**found, category=categories)


def _check_items(path: Location, event: type[Event], given: ItemColumns, head: Head) -> None:
    values = {"id": given.id, "title": given.title, "text": given.text}
    named = {role: name for role, name in values.items() if name} | {name: name for name in given.category}
    _check_there(path, named, head)
    held = item_properties(event.target)
    lacking = next((role for role in ("title", "text") if values[role] and role not in held), None)
    lacking = lacking or ("category" if given.category and category_edge(event.target) is None else None)
    if lacking:
        raise SettingsError(f"a {event.target.label} has no {lacking}", f"it has {', '.join(held) or 'only an id'}")


def _check_there(path: Location, named: Mapping[str, str], head: Head) -> None:
    for role, name in named.items():
        if name not in head.columns:
            near = nearest([name], head.columns)
            hint = f"the nearest is {near}" if near else "name another"
            raise RecordError(f"{path} has no column {name!r} ({role}) among {listed_columns(head.columns)}", hint)


def _lacks(path: Location, role: str, option: str, head: Head) -> None:
    raise RecordError(
        f"no column of {path} is called what columns of the {role} usually are: {listed_columns(head.columns)}",
        f"name it: {option} COLUMN",
    )


def _form_of_times(columns: EventColumns, head: Head) -> tuple[str | None, list[str]]:
    """The form of times; numbers that are no times since 1970 only tell the order."""
    if columns.at is None:
        remark = "no column of times: every event counts as equally old"
        like_times = [name for name in head.columns if _holds_times(name, head)]
        return None, [
            f"{remark}; times seem to stand in {', '.join(like_times)}: --at COLUMN" if like_times else remark
        ]
    if columns.at_format is not None:
        time_reader(columns.at_format)
        return columns.at_format, []
    values = [row.get(columns.at) for row in head.rows if row.get(columns.at) is not None]
    if values and all(_only_orders(value, columns.at) for value in values) and not _are_days(values):
        return ORDER, [f"the numbers in {columns.at} are no times of our age: they only tell the order of events"]
    return None, []


def _holds_times(name: str, head: Head) -> bool:
    """Whether all values of the column, numbers left out, read as times."""
    values = [row.get(name) for row in head.rows if row.get(name) not in (None, "")]
    try:
        return bool(values) and all(
            not isinstance(value, int | float | bool)
            and not str(value).strip("+-").replace(".", "", 1).isdecimal()
            and milliseconds_of(value, name) is not None
            for value in values
        )
    except BadRecord:
        return False


def _only_orders(value: object, field: str) -> bool:
    """Whether it is a number, and too small to be a time."""
    try:
        number = number_of(value, field)
    except BadRecord:
        return False
    return number is not None and 0 <= number < EARLIEST_TIME


def _are_days(values: Sequence[object]) -> bool:
    """Whether these are days written as one number, such as 20140301."""
    return all(re.fullmatch(r"(19|20)\d{6}", str(value)) for value in values)


def _choices(
    table: str, given: EventColumns | ItemColumns, chosen: EventColumns | ItemColumns, head: Head
) -> list[Choice]:
    found = []
    before = given.model_dump()
    for role, names in chosen.model_dump(exclude={"at_format"}).items():
        for name in (names,) if isinstance(names, str) else names or ():
            shown = [" ".join(str(row[name]).split())[:40] for row in head.rows if row.get(name) is not None]
            examples = tuple(dict.fromkeys(shown))[:_SHOWN_VALUES]
            found.append(Choice(table, role, name, not before[role], examples))
    return found


def _unused(head: Head, choices: Sequence[Choice], table: str | None) -> list[str]:
    used = {choice.column for choice in choices if table in (None, choice.table)}
    return [name for name in head.columns if name not in used]
