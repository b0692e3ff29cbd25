"""`kindred ingest products`, and what all `kindred ingest` commands share: their options, the loading, the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.many_files import FILES, SEVERAL, ManyFilesCommand
from kindred.cli.options import AsJson, command_line, settings_of, with_groups
from kindred.steps import ingest
from kindred.stores import graph_to_read

if TYPE_CHECKING:
    from kindred.ingest.formats.source import SourceFile
    from kindred.ingest.loading.summary import FileSummary, IngestSummary
    from kindred.settings import Settings

ingest_app = typer.Typer(help="Load source files into the graph.", no_args_is_help=True, rich_markup_mode=None)

Sql = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="KINDRED_SQL",
        help="Read tables of a database instead: postgresql://user:password@host/database; needs the extra `sql`.",
    ),
]


@dataclass(frozen=True)
class Namespaces:
    """Options that keep ids of one source apart from equal ones of another."""

    user_namespace: Annotated[
        str,
        typer.Option(metavar="NAME", help="Prefix for the ids of users, where equal ids elsewhere are other people."),
    ] = ""
    item_namespace: Annotated[
        str, typer.Option(metavar="NAME", help="The same for everything else the source numbers.")
    ] = ""


@dataclass(frozen=True)
class LoadOptions:
    """Options of every `kindred ingest` command."""

    max_bad: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of bad lines above which nothing loads.")] = (
        0.05
    )
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, load nothing.")] = False
    as_json: AsJson = False


@dataclass(frozen=True)
class Renaming:
    """Options that say what the columns of the files are called, where it is not as their collectors call them."""

    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=THEIRS…", help="Which column of the files holds what: user=visitor_id at=played.when"
        ),
    ] = None
    columns: Annotated[
        str, typer.Option(metavar="A,B,…", help="Names of the columns of files without a header, in order.")
    ] = ""


@ingest_app.command(
    "products", cls=ManyFilesCommand, epilog="Example: kindred ingest products --reviews reviews.json.gz --dry-run"
)
@with_groups
def ingest_products(
    context: typer.Context,
    reviews: Annotated[
        list[str] | None,
        typer.Option(metavar=FILES, help=f"Reviews: JSON lines, CSV or Parquet, packed or not. {SEVERAL}"),
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option(metavar=FILES, help="Metadata of the products, in the same formats.")
    ] = None,
    sql: Sql = "",
    reviews_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of reviews.")] = "",
    metadata_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of products.")] = "",
    *,
    namespaces: Namespaces,
    options: LoadOptions,
    renaming: Renaming,
) -> None:
    """Load product reviews; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.products import product_files, product_tables

    of_tables = bool(reviews_table or metadata_table)
    load(
        context,
        product_tables(sql, reviews_table, metadata_table) if of_tables else product_files(reviews, metadata),
        ("train-gnn",),
        options,
        namespaces,
        renaming,
    )


def load(
    context: typer.Context,
    files: Sequence[SourceFile],
    next_step: Sequence[str],
    options: LoadOptions,
    namespaces: Namespaces,
    renaming: Renaming | None = None,
) -> None:
    """Ingests the files and prints what became of every line and record, and the command to go on with."""
    from kindred.ingest.formats.renaming import with_columns_named
    from kindred.ingest.loading.namespace import Namespace, in_namespace
    from kindred.ingest.tables.table_options import names_in

    settings = settings_of(context)
    namespace = Namespace(namespaces.user_namespace, namespaces.item_namespace)
    if renaming is not None:
        files = with_columns_named(files, _column_names(renaming.column or ()), names_in(renaming.columns))
    sources = {id(file.source): in_namespace(file.source, namespace) for file in files}
    named = [replace(file, source=sources[id(file.source)]) for file in files]
    with console.Bars() as bars:
        summary = ingest(settings, named, options.max_bad, options.dry_run, bars)
    if options.as_json:
        console.json_result(summary.to_json())
        return
    console.result(summary_text(summary))
    if not (summary.accepted or summary.duplicates):
        console.note("nothing was accepted: the reasons stand above")
    elif options.dry_run:
        console.note("next: the same command without --dry-run")
    elif missing := _missing_events(settings, next_step):
        console.note(f"there is nothing to train on yet: {missing}")
    else:
        console.note(f"next: {command_line(context, *next_step)}")


def _missing_events(settings: Settings, next_step: Sequence[str]) -> str:
    """What the graph lacks for the training that is next, and what loads it; empty where it lacks nothing."""
    from kindred.recommenders.systems import find_system

    command, *names = next_step
    if not command.startswith("train"):
        return ""
    module = find_system(names[0] if names else "products")
    with graph_to_read(settings) as store:
        return "" if module.has_events(store) else str(module.system.no_events())


def _column_names(pairs: Sequence[str]) -> dict[str, str]:
    """The files' own column by our name of it."""
    found = dict[str, str]()
    for pair in pairs:
        name, _, theirs = (part.strip() for part in pair.partition("="))
        if not name or not theirs:
            raise typer.BadParameter(f"NAME=THEIRS is wanted, such as user=visitor_id, got {pair!r}")
        found[name] = theirs
    return found


def summary_text(summary: IngestSummary) -> str:
    """What became of every line and record, as tables; and what is odd about a file, in words."""
    header = ["file", "lines", "accepted", "duplicates", "quarantined", "skipped"]
    files = [(f.file, f.lines, f.accepted, f.duplicates, f.quarantined, f.skipped) for f in summary.files]
    tables = [(t.name, t.records, t.inserted, t.updated, t.unchanged) for t in summary.tables if t.records]
    parts = [console.table(header, files)]
    if tables:
        parts.append(console.table(["label or type", "records", "inserted", "updated", "unchanged"], tables))
    if remarks := [f"{file.file}: {remark}" for file in summary.files for remark in _remarks(file)]:
        parts.append("\n".join(remarks))
    if summary.quarantine_file:
        parts.append(f"bad records, with line and reason: {summary.quarantine_file}")
    return "\n\n".join(parts)


def _remarks(file: FileSummary) -> Iterator[str]:
    yield from file.remarks
    yield from (f"{count:,} quarantined, {reason}" for reason, count in file.reasons.items())
    yield from (f"{count:,} skipped, {reason}" for reason, count in file.skipped_reasons.items())
    if file.duplicates:
        also = f", of which {file.conflicting:,} say something else" if file.conflicting else ""
        yield f"{file.duplicates:,} duplicates of other lines{also}"
    yield from (f"{count:,} with {note}" for note, count in file.notes.items())
