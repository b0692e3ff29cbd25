"""The columns of a table of events: those given, the others guessed from their names and first values, and told."""

from __future__ import annotations

from collections import Counter, defaultdict

from kindred.domain.errors import SettingsError
from kindred.domain.records import Event
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.missing import MISSING_IDS, MISSING_NUMBERS
from kindred.ingest.cells.numbers import decimal_of, price_of
from kindred.ingest.cells.ratings import rating_of
from kindred.ingest.cells.unrated import NEVER, below_scale, guess_unrated
from kindred.ingest.cells.values import is_missing, says_yes
from kindred.ingest.formats.columns import letters_of
from kindred.ingest.tables.column_names import guess, guesses, is_name_in_words, of_entries
from kindred.ingest.tables.lacking import check_there, lacking
from kindred.ingest.tables.mapping import EventColumns
from kindred.ingest.tables.records import event_properties
from kindred.ingest.tables.table_head import Head
from kindred.ingest.tables.taken_back import find_status, tells_what_happened
from kindred.ingest.tables.time_forms import (
    form_of_times,
    holds_clocks,
    holds_days,
    holds_numbers,
    hours_beside,
    named_like_times,
    parted_days,
)

_AT_MOST_MISSING = {"user": 0.4, "item": 0.99}  # share of rows; whoever is missing more often is named elsewhere
_MANY_MISSING = 0.05  # share of rows
_MANY_ROWS = 20
_MANY_APART = 100
_FEWEST_WEIGHTS = 3
_READERS = {"rating": rating_of, "weight": price_of}
_OF_KINDS = ("type", "verb", "activity", "interaction", "act")
_OF_ONE_EVENT = ("at", "text", "kind")


def event_columns(
    path: Location, event: type[Event], given: EventColumns, head: Head
) -> tuple[EventColumns, list[str]]:
    """The columns of a table of events and how their values are written, guessed where not given; and remarks on that.

    Raises:
        RecordError: it lacks one.
        SettingsError: one is given that such events do not have.
    """
    columns = _with_guesses(path, event, given, head)
    columns = columns.model_copy(update={"clock": columns.clock or _clock_beside(columns, head)})
    at_format, remarks = form_of_times(columns, head)
    remarks += _doubts(given, columns, head)
    remarks += _words_for_numbers(event, columns, head)
    decimal = columns.decimal or _decimal(columns, head)
    if decimal and not columns.decimal:
        remarks.append("decimals stand behind a comma: --decimal says otherwise")
    unrated = columns.unrated or guess_unrated(row.get(columns.rating or "") for row in head.rows)
    if unrated and not columns.unrated:
        remarks.append(f"{unrated} in {columns.rating} is read as not rated: --unrated {NEVER} says otherwise")
    if not unrated and below_scale(row.get(columns.rating or "") for row in head.rows):
        remarks.append(f"0 in {columns.rating} is read as the lowest rating: --unrated 0 if it stands for none")
    if columns.weight and (num_zeros := sum(_is_zero(row.get(columns.weight)) for row in head.rows)):
        share = num_zeros / len(head.rows)
        remarks.append(
            f"{columns.weight} is 0 in {share:.0%} of the first rows, which counts as 1: leave out what is none"
        )
    remarks += _weights_of_nothing(columns, head)
    if columns.status and not given.status:
        told_by = " and ".join((columns.status, *columns.undone))
        remarks.append(
            f"rows of cancelled or refunded orders, by {told_by}, are no events: --status {NEVER} counts them"
        )
    return columns.model_copy(update={"at_format": at_format, "decimal": decimal, "unrated": unrated}), remarks


def _weights_of_nothing(columns: EventColumns, head: Head) -> list[str]:
    """A remark where the weight says nothing of rows of one kind: 1 hour in each purchase, beside hours of play."""
    if not (columns.kind and columns.weight):
        return []
    weights = defaultdict[str, list[str]](list)
    for row in head.rows:
        weights[str(row.get(columns.kind))].append(str(row.get(columns.weight)))
    if max((len({*held}) for held in weights.values()), default=0) < _FEWEST_WEIGHTS:
        return []
    return [
        f"{columns.weight} is {held[0]} in all of the first rows with {word} in {columns.kind}: "
        "if it says nothing there, load these rows by a command of their own, without it"
        for word, held in weights.items()
        if len(held) >= _FEWEST_WEIGHTS and len({*held}) == 1
    ]


def names_both(given: EventColumns, head: Head) -> bool:
    """Whether columns of users and items are given, or there is one that is called so."""
    return all(
        getattr(given, role) in head.columns if getattr(given, role) else _guess(role, head, set())
        for role in ("user", "item")
    )


def _with_guesses(path: Location, event: type[Event], given: EventColumns, head: Head) -> EventColumns:
    held = event_properties(event)
    found = {role: name for role, name in given.by_role().items() if name}
    check_there(path, found, head)
    for role in found.keys() - {"user", "item", "at", "month", "day", "clock", "status"} - held.keys():
        raise SettingsError(f"{event.edge_type} events have no {role}", f"they have {', '.join(('at', *held))}")
    for role in ("user", "item", "rating", "at", "text", "weight", "kind"):
        if role not in found and (role in ("user", "item", "at") or role in held):
            name = _guess(role, head, set(found.values()))
            found |= {role: name} if name else {}
    if "at" not in found:
        found |= parted_days(head, set(found.values()))
    for role in ("user", "item"):
        if role not in found:
            raise lacking(path, role, f"--{role}", head)
    columns = given.model_copy(update=found)
    return columns if columns.rating else find_status(columns, head.columns, head.rows, set(found.values()))


def _guess(role: str, head: Head, taken: set[str]) -> str | None:
    """The column that is called what columns of this role are, if it holds such values."""
    if role == "at":
        taken = {*taken, *(name for name in guesses("at", head.columns, taken) if holds_clocks(name, head))}
    if role == "item" and head.layout.unfold in head.columns:
        return head.layout.unfold  # each entry of it is one
    within, beside = head.layout.unfold, head.layout.beside
    names = guesses(role, head.columns, taken, within) or of_entries(role, beside, taken)
    of_entry = [name for name in names if within and (name.startswith(f"{within}.") or name in beside)]
    if role in _READERS and within:  # a number beside a list is of the list as a whole
        names = of_entry
    elif role in _OF_ONE_EVENT:  # what an entry says of itself goes before what is said of all of them
        names = list(dict.fromkeys((*of_entry, *names)))
    name = names[0] if names else None
    if most := _AT_MOST_MISSING.get(role):
        return next((other for other in names if _missing(other, head) <= most), name)
    if role == "rating" and name is None:
        return next((flag for flag in guesses("flag", head.columns, taken) if _says_yes_or_no(flag, head)), None)
    if role in _READERS and name and not _holds(role, name, head):
        return _guess(role, head, {*taken, name})  # such as the weight of a person, `137lbs`
    if role == "kind" and name is None:
        return _words_for_what_happened(head, taken)
    return named_like_times(head, taken) if role == "at" and name is None else name


def _words_for_what_happened(head: Head, taken: set[str]) -> str | None:
    """The column called as one of kinds of anything in which only words for what users did stand; None for none."""
    names = [name for name in head.columns if name not in taken and letters_of(name).endswith(_OF_KINDS)]
    return next((name for name in names if tells_what_happened(row.get(name) for row in head.rows)), None)


def _says_yes_or_no(name: str, head: Head) -> bool:
    """Whether whatever stands in the column is yes or no, so that rows with no are not what the others are."""
    values = [value for row in head.rows if (value := row.get(name)) not in (None, "")]
    return bool(values) and all(says_yes(value) is not None for value in values)


def _clock_beside(columns: EventColumns, head: Head) -> str | None:
    """The column of times of the day beside one of days; None where there is none."""
    if columns.at is None or not (columns.month or holds_days(columns.at, head)):
        return None
    names = guesses("at", head.columns, {name for name in columns.by_role().values() if name})
    hours = hours_beside(columns, head) if columns.month else None
    return next((name for name in names if holds_clocks(name, head)), hours)


def _missing(name: str, head: Head) -> float:
    """In which share of the first rows no id stands in the column."""
    missing = MISSING_IDS | MISSING_NUMBERS if holds_numbers(name, head) else MISSING_IDS
    values = [row.get(name) for row in head.rows]
    return sum(value is None or str(value).strip() in missing for value in values) / max(len(values), 1)


def _doubts(given: EventColumns, columns: EventColumns, head: Head) -> list[str]:
    """Remarks on the columns of users and of items, where they were guessed and may be others."""
    remarks = []
    for role in ("user", "item"):
        if not getattr(given, role):
            remarks += _passed_over(role, columns, head) or _often_missing(role, columns, head)
            remarks += _all_alike(role, columns, head) or _all_apart(role, columns, head)
    return remarks + ([] if given.item else _named_alike(columns, head))


def _passed_over(role: str, columns: EventColumns, head: Head) -> list[str]:
    """A remark where a column that comes first by its name was not taken, since too little stands in it."""
    first, chosen = guess(role, head.columns, ()), columns.by_role()[role]
    if first is None or first == chosen or first in columns.by_role().values():
        return []
    share = _missing(first, head)
    remark = f"{first} is missing in {share:.0%} of the first rows, so {chosen} is the {role}"
    return [f"{remark}: --{role} says otherwise"]


def _often_missing(role: str, columns: EventColumns, head: Head) -> list[str]:
    """Remarks where much is missing in the column that was taken: on another, in which less is, and on the order."""
    chosen = str(columns.by_role()[role])
    share = _missing(chosen, head)
    if share <= _MANY_MISSING:
        return []
    taken = {name for name in columns.by_role().values() if name}
    shares = {name: _missing(name, head) for name in guesses(role, head.columns, taken)}
    remarks = [
        f"{chosen} is missing in {share:.0%} of the first rows, {name} in {shares[name]:.0%}: --{role} {name}"
        for name in sorted(shares, key=lambda name: shares[name])[:1]
        if shares[name] < share / 2
    ]
    return remarks + (_continued(chosen, columns.status, head) if role == "user" else [])


def _all_alike(role: str, columns: EventColumns, head: Head) -> list[str]:
    """A remark where the same stands in every row of the column that was taken."""
    chosen = str(columns.by_role()[role])
    values = [str(row.get(chosen)) for row in head.rows]
    if len(values) < _MANY_ROWS or len({*values}) > 1:
        return []
    return [f"{chosen} is {values[0][:40]!r} in all of the first rows: another {role} is --{role} COLUMN"]


def _all_apart(role: str, columns: EventColumns, head: Head) -> list[str]:
    """A remark where each of many rows has another item, or user: what stands there may be an order or a basket."""
    chosen, other = str(columns.by_role()[role]), str(columns.by_role()["item" if role == "user" else "user"])
    values = [str(row.get(chosen)) for row in head.rows]
    others = {str(row.get(other)) for row in head.rows}
    if len(values) < _MANY_APART or len({*values}) < len(values) or len(others) == 1:
        return []
    return [f"{chosen} is another one in each of the first {len(values):,} rows: another {role} is --{role} COLUMN"]


def _named_alike(columns: EventColumns, head: Head) -> list[str]:
    """A remark where items go by names though a column of their ids may tell those of one name apart."""
    item = columns.item or ""
    if not is_name_in_words(item):
        return []
    taken = {name for name in columns.by_role().values() if name}
    outer = f"{item.rpartition('.')[0]}." if "." in item else ""
    apart = {name: _names_with_several(item, name, head, bool(outer)) for name in head.columns if name not in taken}
    names = [name for name, count in apart.items() if count and name.startswith(outer) and _is_called_an_id(name)]
    if not names:
        return []
    return [f"items go by {item}, and {apart[names[0]]:,} of its names have several {names[0]}: --item {names[0]}"]


def _is_called_an_id(name: str) -> bool:
    outer, _, last = name.rpartition(".")
    return letters_of(last).endswith(("id", "uri", "url", "sku", "isbn", "slug")) or outer.endswith("ids")


def _names_with_several(item: str, other: str, head: Head, is_of_item: bool) -> int:
    """How many of the items have several values in another column, which each are of one item and no event's own."""
    rows = [(str(row.get(item)), str(row.get(other))) for row in head.rows if row.get(other) not in (None, "")]
    pairs = {*rows}
    if len({value for _, value in pairs}) < len(pairs) or (len(pairs) == len(rows) and not is_of_item):
        return 0
    return sum(count > 1 for count in Counter(name for name, _ in pairs).values())


def _continued(user: str, status: str | None, head: Head) -> list[str]:
    """A remark where users stand in the first row of each order alone, as shops export orders of several lines."""
    are_missing = [is_missing(row.get(user)) for row in head.rows]
    for name in head.columns:
        pairs = zip(head.rows[1:], head.rows, are_missing[1:], strict=False)
        follow = [row.get(name) == above.get(name) is not None for row, above, missing in pairs if missing]
        if follow and all(follow) and len({str(row.get(name)) for row in head.rows}) > 1 and not are_missing[0]:
            filled = [user, *([status] if status in head.columns else [])]
            return [
                f"rows without {user} have the {name} of the row above: fill them first, "
                f"e.g. table[{filled}] = table.groupby({name!r})[{filled}].ffill() in pandas"
            ]
    return []


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


def _is_zero(value: object) -> bool:
    try:
        return price_of(value, "") == 0
    except BadRecord:
        return False


def _decimal(columns: EventColumns, head: Head) -> str | None:
    """What stands before decimals, where the first numbers tell it of the others."""
    numbers = [row.get(name) for name in (columns.rating, columns.weight) if name for row in head.rows]
    return decimal_of(numbers, head.separator == ";") or None
