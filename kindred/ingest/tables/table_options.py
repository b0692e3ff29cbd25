"""TableOptions: what a caller may say of tables of their own; the options of the command and arguments in Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Literal, TypedDict, TypeVar

from pydantic import BaseModel

from kindred.domain.errors import SettingsError
from kindred.domain.refusals import did_you_mean
from kindred.ingest.cells.bad_records import shown
from kindred.ingest.tables.mapping import EventColumns, TableMapping
from kindred.ingest.tables.matrices import TO_BE_TOLD

Part = TypeVar("Part", bound=BaseModel)


class TableOptions(TypedDict, total=False):
    """What is left out, None or empty is guessed from names and values.

    Attributes:
        event: event type that rows become, `INTERACTED` if not given.
        user: column of users' ids.
        item: column of items' ids.
        rating: column of ratings, on any scale.
        weight: column that says how much an event counts: times, minutes, money.
        at: column of times.
        at_format: how they are written, where that can't be told: `seconds`, `%d/%m/%y`, `order` …
        text: column of what users wrote.
        kind: column of words for what happened.
        decimal: what stands before decimals of ratings and weights, where that can't be told.
        unrated: the number that stands for no rating, or `none`, where that can't be told.
        status: column that says what became of orders, so that cancelled ones are no events; `none` if all are.
        item_id: column of ids in the table of items.
        title: column of items' titles, in their table or that of events.
        item_text: column of their descriptions.
        category: columns of their categories.
        matrix: whether a row is a user (of column `user`, if there is one), each other column an item, a cell a rating.
        separator: what stands between two cells of a file.
        columns: names of the columns of a file without a header, as a list or parted by commas.
        item_columns: the same of the table of items.
        encoding: of characters, e.g. `latin-1`.
    """

    event: str | None
    user: str | None
    item: str | None
    rating: str | None
    weight: str | None
    at: str | None
    at_format: str | None
    text: str | None
    kind: str | None
    decimal: Literal[".", ","] | None
    unrated: str | None
    status: str | None
    item_id: str | None
    title: str | None
    item_text: str | None
    category: str | Sequence[str] | None
    matrix: bool
    separator: str
    columns: str | Sequence[str]
    item_columns: str | Sequence[str]
    encoding: str


def with_options(mapping: TableMapping, options: TableOptions) -> TableMapping:
    """The mapping with what is given put in the place of what it holds.

    Raises:
        SettingsError: there is no such option.
    """
    for name in options.keys() - TableOptions.__annotations__.keys():
        near = did_you_mean(name, TableOptions.__annotations__)
        raise SettingsError(f"there is no option {name!r} of tables{near}", "kindred.TableOptions says what there is")
    given = _in_texts(options)
    events = {name: given.get(name) for name in EventColumns.model_fields}
    matrix = options.get("matrix") and (given.get("user") or TO_BE_TOLD)
    category, encoding = options.get("category"), given.get("encoding")
    return TableMapping(
        event=mapping.event if (event := given.get("event")) is None else event,
        events=_with(mapping.events, events | ({"user": None} if matrix else {})),
        items=_with(
            mapping.items,
            {
                "id": given.get("item_id"),
                "title": given.get("title"),
                "text": given.get("item_text"),
                "category": tuple(map(str, category if isinstance(category, list | tuple) else _if_given(category))),
            },
        ),
        file=_with(
            mapping.file,
            {
                "separator": given.get("separator"),
                "columns": names_in(options.get("columns")),
                "encoding": encoding,
                "matrix": matrix,
            },
        ),
        item_file=_with(mapping.item_file, {"columns": names_in(options.get("item_columns")), "encoding": encoding}),
    )


def _in_texts(options: TableOptions) -> dict[str, str | None]:
    """The options that are one text each; a number is its text, as columns of pandas may be called by one.

    Raises:
        SettingsError: one is neither.
    """
    found: dict[str, str | None] = {}
    for name, value in options.items():
        if name in ("category", "matrix", "columns", "item_columns"):
            continue
        if isinstance(value, bool) or not isinstance(value, str | Number | None):
            raise SettingsError(f"{name} takes a text, got {shown(value)}", "kindred.TableOptions says what there is")
        found[name] = None if value is None else str(value)
    return found


def _if_given(value: object) -> tuple[object, ...]:
    return () if value is None or value == "" else (value,)


def _with(part: Part, given: Mapping[str, object]) -> Part:
    """The part with what is not empty in the place of what it holds."""
    return part.model_copy(update={name: value for name, value in given.items() if value})


def names_in(listed: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names of a list, or of a text with commas between them."""
    if isinstance(listed, str):
        return tuple(name.strip() for name in listed.split(",") if name.strip())
    return tuple(map(str, listed or ()))
