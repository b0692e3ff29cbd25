"""TableMapping: which column of a table of one's own holds what; kept in a small TOML file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kindred.domain.errors import SettingsError
from kindred.domain.records import RECORDS, Edge, Event, Node, User
from kindred.domain.refusals import did_you_mean, refusal
from kindred.files import whole_file
from kindred.ingest.cells.unrated import NEVER

_KINDS = ("Category", "Genre", "Topic")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventColumns(_Part):
    """Columns of the table of events; None where there is none, or it is to be guessed.

    Attributes:
        at_format: how times are written, where they are not told apart by themselves: a unit (`seconds`), `order` for
            numbers that only say what came first, or a form of `strptime` such as `%d/%m/%y`.
        month: where `at` holds the year alone, the month as a number.
        day: the day of that month.
        clock: times of the day, or its hours, where the others hold the day alone.
        decimal: what stands before decimals of ratings and weights, a point or a comma, where numbers alone can't tell.
        kind: the table's own word for what happened.
        unrated: the number that stands for no rating, or `none`.
        status: what became of the order that a row is of; `none` where it does not matter.
        undone: columns beside the status that say that the order does not stand: `is_cancelled`, `cancelled_at`.
        of_orders: whether the status is of orders for sure, and not of loans, which are returned in the end.
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    weight: str | None = None
    at: str | None = None
    at_format: str | None = None
    month: str | None = None
    day: str | None = None
    clock: str | None = None
    text: str | None = None
    kind: str | None = None
    decimal: Literal[".", ","] | None = None
    unrated: str | None = None
    status: str | None = None
    undone: tuple[str, ...] = ()
    of_orders: bool = False

    def by_role(self) -> dict[str, str | None]:
        """The column of each role."""
        left_out = {"at_format", "decimal", "unrated", "undone", "of_orders"} | (
            {"status"} if self.status == NEVER else set()
        )
        return self.model_dump(exclude=left_out)


class ItemColumns(_Part):
    """Columns that say more of items: of a table of items (`id`), or of the events where there is none.

    Attributes:
        parted_by: what stands between categories in one cell; `|` if not told.
    """

    id: str | None = None
    title: str | None = None
    text: str | None = None
    category: tuple[str, ...] = ()
    parted_by: str | None = None

    def by_role(self) -> dict[str, str | tuple[str, ...] | None]:
        """The column of each role, of categories all of them."""
        return self.model_dump(exclude={"parted_by"})


class Layout(_Part):
    """How a file of text is written; what is empty is told from the file.

    Attributes:
        separator: what stands between two cells, one or more characters.
        columns: names of its columns, where the first line does not name them.
        encoding: of its characters.
        unfold: the column whose lists hold rows of their own, or several items.
        parted_by: what stands between the entries of such a list where it is a text.
        beside: columns whose lists go with that one, entry by entry: the ratings of its items, and the times.
        objects: the columns whose cells are objects of JSON as texts, which hold columns of their own.
        carried_by: the column that numbers orders, of whose lines the first alone says what holds for all.
        carried: the columns of which that is so.
        matrix: the column of users, where every other column is an item; `?` if not told.
        absent: the number that stands for no rating in a matrix.
    """

    separator: str = ""
    columns: tuple[str, ...] = ()
    encoding: str = ""
    unfold: str = ""
    parted_by: str = ""
    beside: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    carried_by: str = ""
    carried: tuple[str, ...] = ()
    matrix: str = ""
    absent: str = ""


class TableMapping(_Part):
    """Which column holds what.

    Attributes:
        event: the event type that rows become, such as `INTERACTED`; `LISTENED:Artist` where one has several targets.
    """

    event: str = "INTERACTED"
    events: EventColumns = EventColumns()
    items: ItemColumns = ItemColumns()
    file: Layout = Layout()
    item_file: Layout = Layout()


def event_types() -> dict[str, type[Event]]:
    """Every event type that a table of users and items can hold, by name."""
    found: dict[str, type[Event]] = {}
    for record in RECORDS:
        if issubclass(record, Event) and record.source is User:
            name = record.edge_type
            found[f"{name}:{record.target.label}" if name in found else name] = record
    return found


def find_event_type(name: str) -> type[Event]:
    """The event type of that name.

    Raises:
        SettingsError: there is none.
    """
    known = event_types()
    by_name = {key.upper(): record for key, record in known.items()}
    if name.upper() not in by_name:
        hint = f"event types are {', '.join(known)}{did_you_mean(name, known)}"
        raise SettingsError(f"there is no event type {name!r} of users", hint)
    return by_name[name.upper()]


def category_edge(item: type[Node]) -> type[Edge] | None:
    """The edge that leads from such an item to what it is of: a category, genre or topic; None where there is none."""
    plain = [r for r in RECORDS if issubclass(r, Edge) and not issubclass(r, Event)]
    return next((r for r in plain if r.source is item and r.target.label in _KINDS), None)


def read_mapping(path: Path) -> TableMapping:
    """The mapping in a TOML file.

    Raises:
        SettingsError: it can't be read, or is none.
    """
    try:
        return TableMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}", "make one with --save-mapping") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(f"{path}: {name} {refusal(first)}", "make one with --save-mapping") from error


def write_mapping(mapping: TableMapping, path: Path) -> None:
    """Writes the mapping as TOML, what is empty left out. Raises: StoreError where it can't be written."""
    with whole_file(path) as part:
        part.write_text(mapping_text(mapping), encoding="utf-8")


def mapping_text(mapping: TableMapping) -> str:
    """The mapping as TOML."""
    lines = [f"event = {_toml(mapping.event)}"]
    for name in ("events", "items", "file", "item_file"):
        values = {key: value for key, value in getattr(mapping, name).model_dump().items() if value}
        if values:
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join([*lines, ""])


def _toml(value: str | tuple[str, ...] | bool) -> str:
    """A text, a list of them or a truth value; JSON writes both as TOML does, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
