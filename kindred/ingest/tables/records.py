"""Tables of one's own: rows of users with items, and rows of items, whatever their columns are called.

* events: a user and an item; and, where there are such columns, a rating on any scale, a weight (0 or more), a time, a
  text and a word for what happened. The key of an event is made of user, item, time and that word, so replays change
  nothing, and a table that comes again with more columns adds to the events that are there. Without times a user and an
  item make one event.
* items: an id, a title, a text and categories (a list, also of objects with a name, or "a|b", "a;b", "a, b" where the
  column shows it; blanks part those of RecBole's `token_seq`; or several columns of 0 and 1, each called as one).

Names are brought to Unicode form NFC; ids stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kindred.domain.properties import PropertyKind
from kindred.domain.records import Edge, Event, Node, User, content_id
from kindred.domain.schema import edge_type_of
from kindred.ingest.cells.bad_records import BadRecord, Reason, checked
from kindred.ingest.cells.ids import known_id_of
from kindred.ingest.cells.missing import MISSING_IDS, MISSING_NUMBERS
from kindred.ingest.cells.numbers import price_of, whole_of, with_point
from kindred.ingest.cells.ratings import Ratings
from kindred.ingest.cells.texts import long_text_of, name_in, parts_of, raw_text_of, short_text_of
from kindred.ingest.cells.time_reader import ReadTime, time_reader
from kindred.ingest.cells.times import clock_of, day_of, key_of_time
from kindred.ingest.cells.unrated import NEVER, read_unrated
from kindred.ingest.cells.values import NO_RATING, NO_TIME, optional, says_yes
from kindred.ingest.formats.columns import letters_of
from kindred.ingest.formats.nodes import node_of
from kindred.ingest.formats.rows import flattened
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.tables.column_names import name_both_ends
from kindred.ingest.tables.mapping import EventColumns, ItemColumns, category_edge
from kindred.ingest.tables.taken_back import why_no_event

_FEWEST_FLAGS = 3
_NAMED_BY = ("name", "title", "label", "id")
_EVENT_PROPERTIES = {
    "rating": ("rating",),
    "weight": ("weight", "plays"),
    "text": ("text",),
    "kind": ("kind", "action"),
}
_ITEM_PROPERTIES = {"title": ("title", "name"), "text": ("text", "description")}


def event_properties(event: type[Event]) -> dict[str, str]:
    """What of rating, weight, text and kind such events have, and the property that holds it."""
    return _held(event, _EVENT_PROPERTIES)


def item_properties(item: type[Node]) -> dict[str, str]:
    """What of title and text such items have, and the property that holds it."""
    return _held(item, _ITEM_PROPERTIES)


def _held(record: type[Node] | type[Event], wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    found = {role: next((n for n in names if n in record.model_fields), None) for role, names in wanted.items()}
    return {role: name for role, name in found.items() if name is not None}


@dataclass(frozen=True)
class _Items:
    """Reads what rows say of items."""

    node: type[Node]
    columns: ItemColumns

    def records(self, row: Values, item_id: object, notes: list[str]) -> list[Node | Edge]:
        """The item, its categories and the edges to them."""
        held = item_properties(self.node)
        values: dict[str, object] = {"id": item_id}
        if self.columns.title and "title" in held:
            values[held["title"]] = optional(short_text_of, row.get(self.columns.title), self.columns.title, notes)
        if self.columns.text and "text" in held:
            values[held["text"]] = optional(long_text_of, row.get(self.columns.text), self.columns.text, notes)
        item = checked(self.node, values, {"id": self.columns.id or "id"})
        found: list[Node | Edge] = [item]
        if edge := category_edge(self.node):
            for name in self._categories(row, notes):
                key = content_id(item.id, name)
                found += [node_of(edge.target, name), edge(event_id=key, source_id=item.id, target_id=name)]
        return found

    def _categories(self, row: Values, notes: list[str]) -> Iterable[str]:
        names: dict[str, None] = {}
        flags = {column: says_yes(row.get(column)) for column in self.columns.category}
        if len(flags) >= _FEWEST_FLAGS and None not in flags.values():
            return [name for name in (name_in(column, column) for column, yes in flags.items() if yes) if name]
        for column in self.columns.category:
            separator = None if column.endswith(":token_seq") else self.columns.parted_by or "|"
            for part in parts_of(row.get(column)):
                named = _name_of(part) if isinstance(part, dict) else part
                text = optional(raw_text_of, named, column, notes) or ""
                found = (optional(name_in, name, column, notes) for name in text.split(separator))
                names.update(dict.fromkeys(name for name in found if name))
        return names


def event_source(
    event: type[Event], columns: EventColumns, items: ItemColumns, numbered: Collection[str] = ()
) -> Source:
    """How rows become events of this type, and their users and items.

    Args:
        event: the record class.
        columns: of the events; `user` and `item` are known.
        items: columns of the same rows that say more of the item.
        numbered: columns whose ids are numbers, so that words for what is missing are none.
    """
    of_item = _Items(event.target, items.model_copy(update={"id": columns.item}))
    says_more = bool(items.title or items.text or items.category)
    read_time, held = time_reader(columns.at_format), event_properties(event)
    names = {"source_id": columns.user or "", "target_id": columns.item or "", "at": columns.at or ""}
    names |= {prop: getattr(columns, role) or "" for role, prop in held.items()}
    missing = {end: MISSING_NUMBERS | MISSING_IDS if names[end] in numbered else MISSING_IDS for end in names}
    ratings = Ratings(read_unrated(columns.unrated))
    wholes = {p.name for p in edge_type_of(event).properties if p.kind is PropertyKind.INTEGER}

    def parse(row: Values) -> Parsed:
        row, notes = flattened(row), list[str]()
        if why := why_no_event(row, columns, weighs="weight" in held, has_kind="kind" in held):
            return Parsed((), skipped=why)
        at_ms = _time_of(row, columns, read_time)
        if at_ms is None:
            notes.append(NO_TIME)
        values = _values(row, columns, held, wholes, ratings, notes)
        if columns.rating and values.get("rating") is None:
            notes.append(NO_RATING)
        user, item = (known_id_of(row.get(names[end]), names[end], missing[end]) for end in ("source_id", "target_id"))
        kind = str(values.get(held.get("kind", ""), ""))
        values |= {"source_id": user, "target_id": item, "at": None if at_ms is None else at_ms // 1000}
        values["event_id"] = content_id(event.edge_type.lower(), str(user), str(item), key_of_time(at_ms), kind)
        happened = checked(event, values, names)
        if says_more:
            about = of_item.records(row, happened.target_id, notes)
        else:
            about = [node_of(event.target, happened.target_id)]
        return Parsed((happened, node_of(User, happened.source_id), *about), notes)

    of_orders = [columns.status, *columns.undone] if columns.status != NEVER else []
    of_time = (columns.month, columns.day, columns.clock)
    used = [*names.values(), *of_time, *of_orders, items.title, items.text, *items.category]
    wanted = {"user": (names["source_id"],), "item": (names["target_id"],)}
    return Source(
        tuple(dict.fromkeys(name for name in used if name)),
        parse,
        wanted,
        named_by="--user, --item and the like",
        names_columns=name_both_ends,
    )


def _time_of(row: Values, columns: EventColumns, read_time: ReadTime) -> int | None:
    """Milliseconds UTC of the event; None where it has no time."""
    if columns.at is None:
        return None
    if columns.month:
        at_ms = day_of(row.get(columns.at), row.get(columns.month), row.get(columns.day or ""), columns.at)
    else:
        at_ms = read_time(row.get(columns.at), columns.at)
    if at_ms is None or not columns.clock:
        return at_ms
    return at_ms + clock_of(row.get(columns.clock), columns.clock)


def _values(
    row: Values, columns: EventColumns, held: dict[str, str], wholes: set[str], ratings: Ratings, notes: list[str]
) -> dict[str, object]:
    """What the row says of the event beside who, what and when; what it does not say is left out."""
    found: dict[str, object] = {}
    if columns.rating and "rating" in held:
        said = with_point(row.get(columns.rating), columns.decimal or "")
        found[held["rating"]] = ratings.read(said, columns.rating)
    if columns.weight and "weight" in held:
        weight = price_of(with_point(row.get(columns.weight), columns.decimal or ""), columns.weight)
        if weight is not None and held["weight"] in wholes:
            weight = _count(weight, columns.weight)
        found[held["weight"]] = weight if weight is None or held["weight"] in wholes else float(weight)
    if columns.text and "text" in held:
        found[held["text"]] = optional(long_text_of, row.get(columns.text), columns.text, notes)
    if columns.kind and "kind" in held:
        found[held["kind"]] = short_text_of(row.get(columns.kind), columns.kind)
    return {name: value for name, value in found.items() if value is not None}


def _count(weight: float, column: str) -> int | None:
    """The weight as a whole number, of events whose weight is a count.

    Raises:
        BadRecord: it is none, or none of 64 bits.
    """
    if weight != weight // 1:
        message = f"such events are counted, got {weight:g}: round it, or --event INTERACTED, of any weight"
        raise BadRecord(Reason.WRONG_TYPE, message, column)
    return whole_of(weight, column)


def item_source(item: type[Node], columns: ItemColumns) -> Source:
    """How rows become items of this class; `columns.id` is known."""
    of_item, name = _Items(item, columns), columns.id or ""

    def parse(row: Values) -> Parsed:
        row, notes = flattened(row), list[str]()
        return Parsed(of_item.records(row, known_id_of(row.get(name), name), notes), notes)

    used = [name, columns.title, columns.text, *columns.category]
    columns_used = tuple(dict.fromkeys(column for column in used if column))
    return Source(columns_used, parse, {"item": (name,)}, named_by="--item-id and the like")


def _name_of(part: Mapping[str, object]) -> object:
    """What an object in a list of categories or makers is called; its id where it has no name."""
    held = {letters_of(name): value for name, value in part.items() if value not in (None, "")}
    found = [value for end in _NAMED_BY for name, value in held.items() if name.endswith(end)]
    named = held.get(_NAMED_BY[0], next(iter(found), None))
    return str(named) if isinstance(named, int) else named
