"""`kindred ingest interactions`: tables of one's own in, whatever their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.data import DryRun, ItemNamespace, LoadOptions, MaxBad, UserNamespace, ingest_app, load
from kindred.cli.options import AsJson

if TYPE_CHECKING:
    from kindred.ingest.interactions import Tables

_EXAMPLE = "kindred ingest interactions ratings.csv --item-table movies.csv --dry-run"


class Decimal(StrEnum):
    """What stands before decimals."""

    POINT = "."
    COMMA = ","


@ingest_app.command("interactions", epilog=f"Example: {_EXAMPLE}")
def ingest_interactions(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="CSV, JSON, Parquet, Arrow or Feather, packed or not; MovieLens, Netflix, SNAP, MIND … as they come.",
        ),
    ],
    user: Annotated[str | None, typer.Option(metavar="COLUMN", help="Ids of users; guessed if not given.")] = None,
    item: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Ids of items, also several in a cell; guessed if not given.")
    ] = None,
    rating: Annotated[str | None, typer.Option(metavar="COLUMN", help="Ratings, on any scale.")] = None,
    weight: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="How much an event counts: times, minutes, money.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="COLUMN", help="Times.")] = None,
    at_format: Annotated[
        str | None, typer.Option(metavar="FORM", help="How times are written: seconds, %d/%m/%y, order …")
    ] = None,
    decimal: Annotated[Decimal | None, typer.Option(help="What stands before decimals, if it can't be told.")] = None,
    unrated: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="What stands for no rating: 0, -1 … or none; guessed.")
    ] = None,
    text: Annotated[str | None, typer.Option(metavar="COLUMN", help="What the user wrote.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="COLUMN", help="The word for what happened.")] = None,
    event: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Event type that rows become: INTERACTED, REVIEWED, LISTENED …")
    ] = None,
    item_table: Annotated[str | None, typer.Option(metavar="FILE", help="A table that says more of items.")] = None,
    order_table: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A table that says who made the orders whose lines FILE holds, and when."),
    ] = None,
    item_id: Annotated[str | None, typer.Option(metavar="COLUMN", help="Ids in that table; guessed.")] = None,
    title: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Titles of items, in their table or that of events.")
    ] = None,
    item_text: Annotated[str | None, typer.Option(metavar="COLUMN", help="Descriptions of items.")] = None,
    category: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Categories of items; may be repeated.")
    ] = None,
    separator: Annotated[str, typer.Option(help="What stands between two cells, e.g. ';' or '::'.")] = "",
    columns: Annotated[
        str, typer.Option(metavar="A,B,…", help="Names of the columns of a file without a header.")
    ] = "",
    item_columns: Annotated[str, typer.Option(metavar="A,B,…", help="The same of the table of items.")] = "",
    matrix: Annotated[
        bool,
        typer.Option("--matrix", help="A row is a user (--user), each other column an item, a cell a rating."),
    ] = False,
    encoding: Annotated[str, typer.Option(help="Of characters, e.g. latin-1.")] = "",
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Columns as --save-mapping wrote them; options go first.")
    ] = None,
    save_mapping: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the columns as TOML.")] = None,
    user_namespace: UserNamespace = "",
    item_namespace: ItemNamespace = "",
    max_bad: MaxBad = 0.05,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Load a table of one's own: a user and an item a row, columns called whatever they are."""
    from kindred.ingest.interactions import interaction_files
    from kindred.ingest.mapping import TableMapping, read_mapping, with_given, write_mapping

    of_events = {
        "user": None if matrix else user,
        "item": item,
        "rating": rating,
        "weight": weight,
        "at": at,
        "at_format": at_format,
    }
    of_events |= {"decimal": decimal and decimal.value, "unrated": unrated}
    given: dict[str, Mapping[str, object]] = {
        "events": of_events | {"text": text, "kind": kind},
        "items": {"id": item_id, "title": title, "text": item_text, "category": tuple(category or ())},
        "file": {
            "separator": _unescaped(separator),
            "columns": _names(columns),
            "encoding": encoding,
            "matrix": matrix and (user or "?"),
        },
        "item_file": {"columns": _names(item_columns), "encoding": encoding},
    }
    known = with_given(TableMapping() if mapping is None else read_mapping(mapping), event, given)
    tables = interaction_files(known, files, item_table, order_table)
    _tell(tables, dry_run, as_json)
    if save_mapping is not None:
        write_mapping(tables.mapping, save_mapping)
        console.note(f"columns written to {save_mapping}")
    options = LoadOptions(user_namespace, item_namespace, max_bad, dry_run, as_json)
    load(context, tables.files, options, _next_step(tables))


def _unescaped(separator: str) -> str:
    return separator.replace("\\t", "\t")


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _tell(tables: Tables, in_full: bool, as_json: bool) -> None:
    """Says which column holds what, and how that is known."""
    from kindred.ingest.columns import listed_columns

    say = console.note if as_json or not in_full else console.result
    if in_full:
        rows = [
            (c.table, c.role, c.column, "guessed" if c.is_guess else "given", ", ".join(c.examples))
            for c in tables.choices
        ]
        say(console.table(["table", "holds", "column", "known", "e.g."], rows))
        for table, names in tables.unused.items():
            if names:
                say(f"{table}: not used: {listed_columns(names)}")
    else:
        for table in tables.unused:
            named = [f"{c.role} = {c.column}{' (guessed)' * c.is_guess}" for c in tables.choices if c.table == table]
            say(f"{table}: {', '.join(named)}")
    for remark in tables.remarks:
        say(remark)


def _next_step(tables: Tables) -> tuple[str, ...]:
    """The command that trains on such events; where no system does, the one that shows them."""
    from kindred.recommenders.systems import system_of_events

    system = system_of_events(tables.event)
    return ("train", system) if system else ("graph", "stats")
