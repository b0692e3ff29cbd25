"""`kindred generate` and `kindred ingest`: data in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.app import settings_of
from kindred.cli.stores import encoder_of, graph_of

if TYPE_CHECKING:
    from kindred.ingest.summary import IngestSummary

generate_app = typer.Typer(help="Make sample data, seeded.", no_args_is_help=True, rich_markup_mode=None)
ingest_app = typer.Typer(help="Load source files into the graph.", no_args_is_help=True, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@generate_app.command("products", epilog="Example: kindred generate products --reviews 24000 --out data/sample")
def generate_products(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write reviews.jsonl and metadata.jsonl to.")],
    users: Annotated[int, typer.Option(min=1)] = 3000,
    products: Annotated[int, typer.Option(min=1)] = 800,
    reviews: Annotated[int, typer.Option(min=1)] = 24000,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same bytes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write product reviews and metadata as Amazon-format JSON lines, with tastes and aspects to find in them."""
    from kindred.ingest.generate.products import ProductSample, generate_products

    settings = settings_of(context, seed=seed)
    sample = ProductSample(users=users, products=products, reviews=reviews, seed=settings.seed)
    with console.Bars() as bars:
        files = generate_products(sample, out, bars)
    if as_json:
        console.json_result({"reviews": files.reviews, "metadata": files.metadata})
    else:
        console.result(f"{files.reviews}\n{files.metadata}")
        console.note(f"next: kindred ingest products --reviews {files.reviews} --metadata {files.metadata}")


@ingest_app.command("products", epilog="Example: kindred ingest products --reviews reviews.json.gz --dry-run")
def ingest_products(
    context: typer.Context,
    reviews: Annotated[Path, typer.Option(help="Reviews: JSON lines, CSV or Parquet, gzipped or not.")],
    metadata: Annotated[Path | None, typer.Option(help="Metadata of the products, in the same formats.")] = None,
    max_bad: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of bad lines above which nothing loads.")
    ] = 0.05,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, load nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load product reviews; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.pipeline import IngestOptions
    from kindred.ingest.products import ProductFiles
    from kindred.ingest.products import ingest_products as ingest

    settings = settings_of(context)
    options = IngestOptions(settings.data_dir / "staging", settings.data_dir / "quarantine", max_bad, dry_run)
    with graph_of(settings) as store, console.Bars() as bars:
        summary = ingest(store, ProductFiles(reviews, metadata), encoder_of(settings, bars), options, bars)
    if as_json:
        console.json_result(summary.to_json())
    else:
        console.result(summary_text(summary))
        console.note("next: kindred train-gnn" if not dry_run else "next: the same command without --dry-run")


def summary_text(summary: IngestSummary) -> str:
    """What became of every line and record, as tables."""
    header = ["file", "lines", "accepted", "duplicates", "quarantined", "reasons"]
    files = [
        (f.file, f.lines, f.accepted, f.duplicates, f.quarantined, ", ".join(f"{r} {n}" for r, n in f.reasons.items()))
        for f in summary.files
    ]
    tables = [(t.name, t.records, t.inserted, t.updated, t.unchanged) for t in summary.tables if t.records]
    text = console.table(header, files)
    text += "\n\n" + console.table(["label or type", "records", "inserted", "updated", "unchanged"], tables)
    for file in summary.files:
        for name, count in file.assumed.items():
            text += f"\n{file.file}: {name} is not in this layout; assumed for {count:,} rows"
    if summary.quarantine_file:
        text += f"\n\nbad records, with line and reason: {summary.quarantine_file}"
    return text
