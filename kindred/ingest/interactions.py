"""Tables of one's own into the graph: which column holds what is given, read from a mapping or guessed, and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.records import Event
from kindred.ingest.bad_records import BadRecord
from kindred.ingest.baskets import basket_column
from kindred.ingest.column_names import guess, guesses, title_beside
from kindred.ingest.impressions import CLICKS
from kindred.ingest.item_ids import guess_item_id, strangers
from kindred.ingest.json_documents import check_no_columns, check_no_users
from kindred.ingest.lacking import check_there, lacking
from kindred.ingest.mapping import EventColumns, ItemColumns, TableMapping, category_edge, find_event_type
from kindred.ingest.missing import MISSING_IDS, MISSING_NUMBERS
from kindred.ingest.numbers import decimal_of
from kindred.ingest.order_table import find_orders
from kindred.ingest.paths import Given, Paths, expand, one_file
from kindred.ingest.pipeline import SourceFile
from kindred.ingest.ratings import rating_of
from kindred.ingest.remote import Location
from kindred.ingest.sources.interactions import event_properties, event_source, item_properties, item_source
from kindred.ingest.table_head import Head, in_layout, lists_of_rows, read_head
from kindred.ingest.time_forms import form_of_times, named_like_times
from kindred.ingest.unrated import NEVER, guess_unrated
from kindred.ingest.values import count_of

_SHOWN_VALUES = 3
_AT_MOST_MISSING = {"user": 0.4, "item": 0.99}  # share of rows; whoever is missing more often is named elsewhere
_READERS = {"rating": rating_of, "weight": count_of}
_BETWEEN_CATEGORIES = (";", ",")


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
    given: TableMapping, events: Paths, items: Given | None = None, orders: Given | None = None
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
    lines = head = _head_of_first(paths, given)
    of_orders = find_orders(orders, lines) if orders is not None else None
    if of_orders is not None:
        head = of_orders.beside(lines)
    columns = _event_columns(paths[0], event, given.events, head)
    at_format, remarks = form_of_times(columns, head)
    remarks += _passed_over(given.events, columns, head)
    remarks += _words_for_numbers(event, columns, head)
    if users := head.layout.matrix:
        left_out = f"; cells with {head.layout.absent} are none" if head.layout.absent else ""
        remarks.append(f"each cell of the matrix is an event, its user is {users}, its item the column{left_out}")
    if (unfold := head.layout.unfold) and not given.file.unfold:
        by = f", parted by {head.layout.parted_by!r}," if head.layout.parted_by else ""
        remarks.append(f"each entry of the lists in {unfold}{by} is an event")
    if head.layout.columns == CLICKS:
        remarks.append("what was shown and not clicked is left out: `kindred ingest posts --feed` takes both")
    decimal = columns.decimal or _decimal(columns, head)
    if decimal and not columns.decimal:
        remarks.append("decimals stand behind a comma: --decimal says otherwise")
    unrated = columns.unrated or guess_unrated(row.get(columns.rating or "") for row in head.rows)
    if unrated and not columns.unrated:
        remarks.append(f"{unrated} in {columns.rating} is read as not rated: --unrated {NEVER} says otherwise")
    columns = columns.model_copy(update={"at_format": at_format, "decimal": decimal, "unrated": unrated})
    numbered = {name for name in (columns.user, columns.item) if name and _holds_numbers(name, head)}
    mapping = given.model_copy(update={"events": columns, "file": head.layout})
    if items is None:
        of_items, item_files, item_head = given.items.model_copy(update={"id": None}), [], head
        _check_items(paths[0], event, of_items, head)
        if not of_items.title and "title" in item_properties(event.target):
            of_items = of_items.model_copy(update={"title": title_beside(columns.item or "", head.columns)})
        of_items = _with_parts(of_items, head, remarks)
        source = event_source(event, columns, of_items, numbered)
    else:
        item_path = one_file(items)
        item_head = read_head(item_path, given.item_file)
        known, found = given.items, list[str]()
        if not known.id:
            item_id, found = guess_item_id(columns, head, item_head)
            known = known.model_copy(update={"id": item_id})
        of_items = _with_parts(_item_columns(item_path, event, known, item_head), item_head, remarks)
        item_files = [SourceFile(item_path, in_layout(item_source(event.target, of_items), item_head.layout))]
        remarks += found or strangers(columns, head, item_files[0], of_items)
        source = event_source(event, columns, ItemColumns(), numbered)
        mapping = mapping.model_copy(update={"item_file": item_head.layout})
    mapping = mapping.model_copy(update={"items": of_items})
    if of_orders is not None:
        source = of_orders.joined(source, lines)
        remarks.append(f"users and times are those of {of_orders.path}, by {of_orders.key}")
    source = replace(source, firm=source.columns)
    files = [SourceFile(path, in_layout(source, head.layout)) for path in paths] + item_files
    choices = [*_choices("events", given.events, columns, head), *_choices("items", given.items, of_items, item_head)]
    unused = {"events": _unused(head, choices, "events" if items else None)}
    if items is not None:
        unused["items"] = _unused(item_head, choices, "items")
    return Tables(mapping, event, files, choices, unused, remarks)


def _head_of_first(paths: Sequence[Location], given: TableMapping) -> Head:
    """The head of the first of several tables of events.

    Raises:
        RecordError: it can't be read, or names no user and item though another one does, as in a folder of many kinds.
    """
    head = _head_of_events(paths[0], given)
    if _names_both(given.events, head):
        return head
    for other in paths[1:]:
        with suppress(RecordError):
            if _names_both(given.events, _head_of_events(other, given)):
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
    head = _with_baskets(path, given, plain)
    if not _names_both(given.events, head):
        for name in (outer := lists_of_rows(head)):
            within = read_head(path, given.file.model_copy(update={"unfold": name}))
            inner = _with_baskets(path, given, within)
            if _names_both(given.events, inner):
                return inner
            outer += [deeper for deeper in lists_of_rows(within) if deeper.startswith(f"{name}.")]
        check_no_users(path, plain)
    return head


def _with_baskets(path: Location, given: TableMapping, head: Head) -> Head:
    """The head of the same table where each item of a cell that holds several is an event."""
    item = given.events.item or guess("item", head.columns, ())
    found = None if given.file.unfold else basket_column(head, item)
    if found is None:
        return head
    return read_head(path, head.layout.model_copy(update={"unfold": found[0], "parted_by": found[1]}))


def _names_both(given: EventColumns, head: Head) -> bool:
    return all(
        getattr(given, role) in head.columns if getattr(given, role) else _guess(role, head, set())
        for role in ("user", "item")
    )


def _event_columns(path: Location, event: type[Event], given: EventColumns, head: Head) -> EventColumns:
    """The columns of events, guessed where they are not given."""
    held = event_properties(event)
    found = {role: name for role, name in given.by_role().items() if name}
    check_there(path, found, head)
    for role in found.keys() - {"user", "item", "at"} - held.keys():
        raise SettingsError(f"{event.edge_type} events have no {role}", f"they have {', '.join(('at', *held))}")
    for role in ("user", "item", "rating", "at", "text", "weight", "kind"):
        if role not in found and (role in ("user", "item", "at") or role in held):
            name = _guess(role, head, set(found.values()))
            found |= {role: name} if name else {}
    for role in ("user", "item"):
        if role not in found:
            raise lacking(path, role, f"--{role}", head)
    return given.model_copy(update=found)


def _guess(role: str, head: Head, taken: set[str]) -> str | None:
    """The column that is called what columns of this role are, if it holds such values."""
    if role == "item" and head.layout.unfold in head.columns:
        return head.layout.unfold  # each entry of it is one
    names = guesses(role, head.columns, taken)
    if role in _READERS and (within := head.layout.unfold):  # a number beside a list is of the list as a whole
        names = [name for name in names if name.startswith(f"{within}.")]
    name = names[0] if names else None
    if most := _AT_MOST_MISSING.get(role):
        return next((other for other in names if _missing(other, head) <= most), name)
    if role in _READERS and name and not _holds(role, name, head):
        return _guess(role, head, {*taken, name})  # such as the weight of a person, `137lbs`
    return named_like_times(head, taken) if role == "at" and name is None else name


def _missing(name: str, head: Head) -> float:
    """In which share of the first rows no id stands in the column."""
    missing = MISSING_IDS | MISSING_NUMBERS if _holds_numbers(name, head) else MISSING_IDS
    values = [row.get(name) for row in head.rows]
    return sum(value is None or str(value).strip() in missing for value in values) / max(len(values), 1)


def _passed_over(given: EventColumns, columns: EventColumns, head: Head) -> list[str]:
    """A remark for each column of users or items that was not taken since too little stands in it."""
    remarks = []
    for role, chosen in (("user", columns.user), ("item", columns.item)):
        first = guess(role, head.columns, ()) if not getattr(given, role) else chosen
        if first != chosen and first not in columns.by_role().values():
            share = _missing(str(first), head)
            remark = f"{first} is missing in {share:.0%} of the first rows, so {chosen} is the {role}"
            remarks.append(f"{remark}: --{role} says otherwise")
    return remarks


def _holds(role: str, name: str, head: Head) -> bool:
    """Whether one of the first rows at least has such a number in this column, or none of them has anything in it."""
    values = [row.get(name) for row in head.rows if row.get(name) is not None]
    return not values or any(_is_read(role, value) for value in values)


def _is_read(role: str, value: object) -> bool:
    try:
        _READERS[role](value, "")
    except BadRecord:
        return False
    return True


def _words_for_numbers(event: type[Event], columns: EventColumns, head: Head) -> list[str]:
    """A remark for each column that is called as ratings or weights are, and holds words."""
    remarks, taken = [], {name for name in columns.by_role().values() if name}
    for role in _READERS.keys() & event_properties(event).keys():
        name = None if getattr(columns, role) else guess(role, head.columns, taken)
        if name and not _holds(role, name, head):
            shown = next(str(row[name]) for row in head.rows if row.get(name) is not None)
            remarks.append(f"{name} holds no {role}, e.g. {shown[:40]!r}: it is not used")
    return sorted(remarks)


def _item_columns(path: Location, event: type[Event], given: ItemColumns, head: Head) -> ItemColumns:
    """The columns of a table of items, guessed where they are not given."""
    _check_items(path, event, given, head)
    held, taken = item_properties(event.target), {given.id, given.title, given.text, *given.category}
    if given.id is None:
        raise lacking(path, "item", "--item-id", head)
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
    return ItemColumns(**found, category=categories, parted_by=given.parted_by)


def _with_parts(columns: ItemColumns, head: Head, remarks: list[str]) -> ItemColumns:
    """The columns with what stands between categories in their cells, if it is not `|` but something that shows."""
    values = [str(value) for name in columns.category for row in head.rows if (value := row.get(name)) is not None]
    if columns.parted_by or not values or any("|" in value or value.startswith("[") for value in values):
        return columns
    for sign in _BETWEEN_CATEGORIES:
        parts = {part.strip() for value in values for part in value.split(sign)}
        if len(parts) < len({*values}):  # the same few come again in other company
            remarks.append(f"cells of {', '.join(columns.category)} hold several categories with {sign!r} between them")
            return columns.model_copy(update={"parted_by": sign})
    return columns


def _check_items(path: Location, event: type[Event], given: ItemColumns, head: Head) -> None:
    values = {"id": given.id, "title": given.title, "text": given.text}
    named = {role: name for role, name in values.items() if name} | {name: name for name in given.category}
    check_there(path, named, head)
    held = item_properties(event.target)
    missing = next((role for role in ("title", "text") if values[role] and role not in held), None)
    missing = missing or ("category" if given.category and category_edge(event.target) is None else None)
    if missing:
        raise SettingsError(f"a {event.target.label} has no {missing}", f"it has {', '.join(held) or 'only an id'}")


def _holds_numbers(name: str, head: Head) -> bool:
    """Whether whatever stands in the column is a whole number, but for words for what is missing."""
    texts = {str(row[name]).strip() for row in head.rows if row.get(name) is not None}
    numbers = texts - (MISSING_NUMBERS | MISSING_IDS)
    return bool(texts) and all(text.removesuffix(".0").isdecimal() for text in numbers)


def _decimal(columns: EventColumns, head: Head) -> str | None:
    """What stands before decimals, where the first numbers tell it of the others."""
    numbers = [row.get(name) for name in (columns.rating, columns.weight) if name for row in head.rows]
    return decimal_of(numbers, head.separator == ";") or None


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


def _unused(head: Head, choices: Sequence[Choice], table: str | None) -> list[str]:
    used = {choice.column for choice in choices if table in (None, choice.table)}
    return [name for name in head.columns if name not in used]
