"""`kindred ingest interactions`: tables of one's own in, whatever their columns are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from kindred.cli import console
from kindred.cli.ingest import LoadOptions, Namespaces, Sql, ingest_app, load
from kindred.cli.many_files import FILE_ARGUMENTS, FilesCommand
from kindred.cli.options import with_groups

if TYPE_CHECKING:
    from kindred.ingest.bytes.paths import GivenTable
    from kindred.ingest.interactions import Tables
    from kindred.ingest.tables.table_options import TableOptions

_EXAMPLE = "kindred ingest interactions ratings.csv --item-table movies.csv --dry-run"


@dataclass(frozen=True)
class TableFlags:
    """Options that say which column holds what and how files are written: a `TableOptions` of ingest."""

    user: Annotated[str | None, typer.Option(metavar="COLUMN", help="Ids of users; guessed if not given.")] = None
    item: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Ids of items, also several in a cell; guessed if not given.")
    ] = None
    rating: Annotated[str | None, typer.Option(metavar="COLUMN", help="Ratings, on any scale.")] = None
    weight: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="How much an event counts: times, minutes, money.")
    ] = None
    at: Annotated[str | None, typer.Option(metavar="COLUMN", help="Times.")] = None
    at_format: Annotated[
        str | None, typer.Option(metavar="FORM", help="How times are written: seconds, %d/%m/%y, order …")
    ] = None
    decimal: Annotated[
        Literal[".", ","] | None, typer.Option(help="What stands before decimals, if it can't be told.")
    ] = None
    unrated: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="What stands for no rating: 0, -1 … or none; guessed.")
    ] = None
    text: Annotated[str | None, typer.Option(metavar="COLUMN", help="What the user wrote.")] = None
    kind: Annotated[str | None, typer.Option(metavar="COLUMN", help="The word for what happened.")] = None
    status: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="What became of orders: cancelled ones are no events; none: all are."),
    ] = None
    event: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Event type that rows become: INTERACTED, REVIEWED, LISTENED …")
    ] = None
    item_id: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Ids in the table of items; guessed if not given.")
    ] = None
    title: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Titles of items, in their table or that of events.")
    ] = None
    item_text: Annotated[str | None, typer.Option(metavar="COLUMN", help="Descriptions of items.")] = None
    category: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Categories of items; may be repeated.")
    ] = None
    matrix: Annotated[
        bool,
        typer.Option("--matrix", help="A row is a user (--user), each other column an item, a cell a rating."),
    ] = False
    separator: Annotated[str, typer.Option(help="What stands between two cells, e.g. ';' or '::'.")] = ""
    columns: Annotated[str, typer.Option(metavar="A,B,…", help="Names of the columns of a file without a header.")] = ""
    item_columns: Annotated[str, typer.Option(metavar="A,B,…", help="The same of the table of items.")] = ""
    encoding: Annotated[str, typer.Option(help="Of characters, e.g. latin-1.")] = ""


@ingest_app.command("interactions", cls=FilesCommand, epilog=f"Example: {_EXAMPLE}")
@with_groups
def ingest_interactions(
    context: typer.Context,
    flags: TableFlags,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar=FILE_ARGUMENTS,
            help="CSV, JSON, Parquet, Arrow or Feather, packed or not; MovieLens, Netflix, SNAP, MIND … as they come.",
        ),
    ] = None,
    item_table: Annotated[str | None, typer.Option(metavar="FILE", help="A table that says more of items.")] = None,
    order_table: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A table that says who made the orders whose lines FILE holds, and when."),
    ] = None,
    sql: Sql = "",
    table: Annotated[
        str,
        typer.Option(
            metavar="TABLE", help="With --sql: the table of events; --item-table and --order-table are tables too."
        ),
    ] = "",
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Columns as --save-mapping wrote them; options go first.")
    ] = None,
    save_mapping: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the columns as TOML.")] = None,
    *,
    namespaces: Namespaces,
    options: LoadOptions,
) -> None:
    """Load a table of one's own: a user and an item a row, columns called whatever they are."""
    from kindred.ingest.bytes.streams import kept_streams
    from kindred.ingest.interactions import interaction_files
    from kindred.ingest.tables.mapping import TableMapping, read_mapping, write_mapping
    from kindred.ingest.tables.table_options import with_options

    given = replace(flags, separator=flags.separator.replace("\\t", "\t"))
    known = TableMapping() if mapping is None else read_mapping(mapping)
    known = with_options(known, cast("TableOptions", asdict(given)))
    events, *others = _asked(files or (), sql, table, item_table, order_table)
    with kept_streams(events) as kept:
        tables = interaction_files(known, kept.files, *others)
        tables = replace(tables, remarks=[kept.in_given_names(remark) for remark in tables.remarks])
        _tell(tables, options.dry_run, options.as_json)
        if save_mapping is not None:
            write_mapping(tables.mapping, save_mapping)
            console.note(f"columns written to {save_mapping}")
        named = [replace(file, given_as=kept.names.get(str(file.path), "")) for file in tables.files]
        load(context, named, _next_step(tables), options, namespaces)


def _asked(
    files: Sequence[str], sql: str, table: str, items: str | None, orders: str | None
) -> tuple[Sequence[GivenTable], GivenTable | None, GivenTable | None]:
    """The tables of events, of items and of orders: files, or all of them tables of a database."""
    from kindred.domain.errors import SettingsError

    if not table:
        if sql and not files:
            raise SettingsError("nothing to load: no table of events is named", "name it: --table TABLE")
        return files, items, orders
    from kindred.ingest.formats.sql_tables import find_table

    if files or not sql:
        wrong = "with files" if files else "without a database"
        raise SettingsError(f"--table {table} is given {wrong}", "give --sql URL --table TABLE, or files alone")
    there = partial(find_table, sql)
    return [there(table)], there(items) if items else None, there(orders) if orders else None


def _tell(tables: Tables, in_full: bool, as_json: bool) -> None:
    """Says which column holds what, and how that is known."""
    from kindred.ingest.formats.columns import listed_columns

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
