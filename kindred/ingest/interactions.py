"""Tables of one's own into the graph: which column holds what is given, read from a mapping or guessed, and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.records import Event
from kindred.ingest.bytes.paths import GivenTable, Paths, expand
from kindred.ingest.bytes.remote import Location
from kindred.ingest.formats.columns import letters_of
from kindred.ingest.formats.impressions import CLICKS
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.tables.baskets import basket_column, lists_beside
from kindred.ingest.tables.column_names import guess, guesses, is_name_of, name_of_entry
from kindred.ingest.tables.continued import with_orders_filled
from kindred.ingest.tables.event_columns import event_columns, names_both
from kindred.ingest.tables.item_columns import items_beside, items_of_table
from kindred.ingest.tables.json_documents import check_no_columns, check_no_named_rows, check_no_users
from kindred.ingest.tables.lacking import check_named_once, check_no_records, on_searches
from kindred.ingest.tables.layouts import in_layout
from kindred.ingest.tables.mapping import EventColumns, ItemColumns, Layout, TableMapping, find_event_type
from kindred.ingest.tables.objects_in_cells import with_objects_opened
from kindred.ingest.tables.order_table import find_orders
from kindred.ingest.tables.records import event_source
from kindred.ingest.tables.table_head import Head, lists_of_rows, read_head
from kindred.ingest.tables.time_forms import holds_numbers

_SHOWN_VALUES = 3
_PICTURES = ("pics", "pictures", "photos", "images", "videos", "media", "attachments", "reviewphotos", "reviewimages")
_ENDS_OF_IDS = ("id", "sku", "asin", "isbn")


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


def interaction_files(
    given: TableMapping, events: Paths, items: GivenTable | None = None, orders: GivenTable | None = None
) -> Tables:
    """The files as ingest is to read them; columns that are not given are guessed from their names.

    Args:
        given: what is known of the columns.
        events: files of one layout: a user and an item a row.
        items: a file that says more of the items.
        orders: a file that says who made the orders whose lines the events are, and when.

    Raises:
        RecordError: a file can't be read, or lacks a column.
        SettingsError: a column is given for what such events do not have.
    """
    event = find_event_type(given.event)
    paths = expand(events)
    if not paths:
        raise SettingsError("nothing to load: no table of events is given", "name a file")
    lines = with_orders_filled(_head_of_first(paths, given), given.events)
    of_orders = None if orders is None else find_orders(orders, lines)
    head = lines if of_orders is None else of_orders.beside(lines)
    columns, remarks = event_columns(paths[0], event, given.events, head)
    if columns.user == columns.item:
        raise SettingsError(
            f"user and item are one column: {columns.user}", "name another: --user COLUMN --item COLUMN"
        )
    check_no_records(paths[0], columns.item, head)
    remarks += filter(None, [*_on_layout(head.layout, given.file), on_searches(paths[0], head)])
    if items is None:
        known = items_beside(paths[0], event, given.items, columns, head)
    else:
        known = items_of_table(items, event, given, columns, head)
    check_named_once(paths[0], columns, head)
    check_named_once(known.files[0].path if known.files else paths[0], known.columns, known.head)
    remarks += known.remarks
    numbered = {name for name in (columns.user, columns.item) if name and holds_numbers(name, head)}
    source = event_source(event, columns, known.columns if items is None else ItemColumns(), numbered)
    if of_orders is not None:
        source = of_orders.joined(source, lines)
        remarks.append(f"users and times are those of {of_orders.path}, by {of_orders.key}")
    source = in_layout(replace(source, firm=source.columns), head.layout)
    mapping = given.model_copy(update={"events": columns, "items": known.columns, "file": head.layout})
    choices = [*_choices("events", given.events, columns, head)]
    choices += _choices("items", given.items, known.columns, known.head)
    unused = {"events": _unused(head, choices, "events" if items else None, columns.undone)}
    remarks += [*_lists_left_out(head, unused["events"]), *_items_left_out(head, unused["events"])]
    if items is not None:
        mapping = mapping.model_copy(update={"item_file": known.head.layout})
        unused["items"] = _unused(known.head, choices, "items")
    return Tables(
        mapping, event, [*(SourceFile(path, source) for path in paths), *known.files], choices, unused, remarks
    )


def _on_layout(found: Layout, given: Layout) -> list[str]:
    """Remarks on what was made of the form of a table of events."""
    remarks = []
    if users := found.matrix:
        left_out = f"; cells with {found.absent} are none" if found.absent else ""
        remarks.append(f"each cell of the matrix is an event, its user is {users}, its item the column{left_out}")
    if (unfold := found.unfold) and not given.unfold:
        by = f", parted by {found.parted_by!r}," if found.parted_by else ""
        beside = f", and with it that of {', '.join(found.beside)}" if found.beside else ""
        remarks.append(f"each entry of the lists in {unfold}{by} is an event{beside}")
    if (key := found.carried_by) and not given.carried_by:
        said = ", ".join(found.carried)
        remarks.append(
            f"lines with one {key} are of one order: what its first line alone says is of all of them ({said})"
        )
    if found.columns == CLICKS:
        remarks.append("what was shown and not clicked is left out: `kindred ingest posts --feed` takes both")
    return remarks


def _lists_left_out(head: Head, unused: Sequence[str]) -> list[str]:
    """A remark where columns that are not used hold lists, as the times and ratings of the items of another list."""
    if not (items := head.layout.unfold):
        return []
    inner = tuple(name for name in unused if name.startswith(f"{items}."))
    held = {name: [value for row in head.rows if isinstance(value := row.get(name), list)] for name in unused}
    of_rows = {name for name, values in held.items() if any(isinstance(one, dict) for one in chain(*values))}
    lists = [name for name in unused if held[name] and name not in inner and name not in of_rows]
    together = ", ".join(repr(name) for name in (items, *lists))
    row_each = f"pandas.DataFrame.explode([{together}]) makes rows of them"
    return (
        [f"{', '.join(lists)}: lists beside {items}; if they belong together one by one, {row_each}"] if lists else []
    )


def _items_left_out(head: Head, unused: Sequence[str]) -> Iterator[str]:
    """A remark for each column that is not used and holds items: rows of their own, or their ids alone."""
    again = "the same again with --item"
    for name, within in lists_of_rows(head).items():
        inner = next(iter(guesses("item", within, ())), "")
        if name in unused and letters_of(inner).endswith(_ENDS_OF_IDS):
            yield f"{name} holds items as well, each with a row of its own: {again} {inner} adds them"
    for name in unused:
        if is_name_of("item", name_of_entry(name)) and basket_column(head, name):
            yield f"{name} holds items as well, which are not read: {again} {name} adds them"


def _head_of_first(paths: Sequence[Location], given: TableMapping) -> Head:
    """The head of the first of several tables of events.

    Raises:
        RecordError: it can't be read, or names no user and item though another one does, as in a folder of many kinds.
    """
    head = _head_of_events(paths[0], given)
    if names_both(given.events, head):
        return head
    for other in paths[1:]:
        with suppress(RecordError):
            if names_both(given.events, _head_of_events(other, given)):
                raise SettingsError(
                    f"{paths[0]} has no column of users and items, {other} has",
                    f"name the tables of events alone: {other}",
                )
    return head


def _head_of_events(path: Location, given: TableMapping) -> Head:
    """The head of a table of events, of JSON that of the lists in it where only they name a user and an item."""
    plain = read_head(path, given.file)
    if not (given.events.user and given.events.item):
        check_no_columns(path, plain)
        check_no_named_rows(path, plain)
    head = _with_baskets(path, given, plain)
    if not names_both(given.events, head) and names_both(given.events, opened := with_objects_opened(head)):
        return opened
    if not names_both(given.events, head):
        for name in (outer := list(lists_of_rows(head))):
            within = read_head(path, given.file.model_copy(update={"unfold": name}))
            inner = _with_baskets(path, given, within)
            if names_both(given.events, inner) and not _illustrates(name, plain):
                return inner
            outer += [deeper for deeper in lists_of_rows(within) if deeper.startswith(f"{name}.")]
        check_no_users(path, plain)
    return head


def _illustrates(name: str, head: Head) -> bool:
    """Whether lists are of pictures beside the rating that a row is of itself, so that their entries are no events."""
    return letters_of(name.rpartition(".")[2]) in _PICTURES and guess("rating", head.columns, ()) is not None


def _with_baskets(path: Location, given: TableMapping, head: Head) -> Head:
    """The head of the same table where each item of a cell that holds several is an event."""
    item = given.events.item or guess("item", head.columns, ())
    found = None if given.file.unfold else basket_column(head, item)
    if found is None:
        return head
    items, sign = found
    beside = lists_beside(head, items, sign)
    return read_head(path, head.layout.model_copy(update={"unfold": items, "parted_by": sign, "beside": beside}))


def _choices(
    table: str, given: EventColumns | ItemColumns, chosen: EventColumns | ItemColumns, head: Head
) -> list[Choice]:
    found = []
    before = given.model_dump()
    roles: Mapping[str, str | tuple[str, ...] | None] = chosen.by_role()
    for role, names in roles.items():
        for name in (names,) if isinstance(names, str) else names or ():
            shown = [" ".join(str(row[name]).split())[:40] for row in head.rows if row.get(name) is not None]
            examples = tuple(dict.fromkeys(shown))[:_SHOWN_VALUES]
            found.append(Choice(table, role, name, not before[role], examples))
    return found


def _unused(head: Head, choices: Sequence[Choice], table: str | None, others: Sequence[str] = ()) -> list[str]:
    used = {choice.column for choice in choices if table in (None, choice.table)} | {*others}
    return [name for name in head.columns if name not in used]
