"""`kindred generate` and `kindred ingest`: data in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.app import settings_of

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
