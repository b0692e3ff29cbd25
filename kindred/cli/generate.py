"""`kindred generate`: sample data, seeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, command_line, settings_of

generate_app = typer.Typer(help="Make sample data, seeded.", no_args_is_help=True, rich_markup_mode=None)

Seed = Annotated[int | None, typer.Option(min=0, help="Same seed, same bytes.")]


@generate_app.command("products", epilog="Example: kindred generate products --reviews 24000 --out data/sample")
def generate_products(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write reviews.jsonl and metadata.jsonl to.")],
    users: Annotated[int, typer.Option(min=1)] = 3000,
    products: Annotated[int, typer.Option(min=1)] = 800,
    reviews: Annotated[int, typer.Option(min=1)] = 24000,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Write product reviews and metadata as Amazon-format JSON lines, with tastes and aspects to find in them."""
    from kindred.ingest.generate.products import ProductSample, generate_products

    settings = settings_of(context, seed=seed)
    sample = ProductSample(users=users, products=products, reviews=reviews, seed=settings.seed)
    with console.Bars() as bars:
        files = generate_products(sample, out, bars)
    _print_files(context, "products", {"reviews": files.reviews, "metadata": files.metadata}, as_json)


@generate_app.command("tracks", epilog="Example: kindred generate tracks --events 120000 --out data/music")
def generate_tracks(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write events.jsonl and metadata.jsonl to.")],
    users: Annotated[int, typer.Option(min=1)] = 3000,
    tracks: Annotated[int, typer.Option(min=1)] = 4000,
    events: Annotated[int, typer.Option(min=1)] = 120_000,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Write listening sessions and tracks as JSON lines, with moods to find that no column names."""
    from kindred.ingest.generate.tracks import TrackSample, generate_tracks

    sample = TrackSample(users=users, tracks=tracks, events=events, seed=settings_of(context, seed=seed).seed)
    with console.Bars() as bars:
        files = generate_tracks(sample, out, bars)
    _print_files(context, "tracks", {"events": files.events, "metadata": files.metadata}, as_json)


@generate_app.command("queries", epilog="Example: kindred generate queries --orders 60000 --out data/search")
def generate_queries(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write events.jsonl, orders.jsonl and products.jsonl to.")],
    users: Annotated[int, typer.Option(min=1)] = 4000,
    products: Annotated[int, typer.Option(min=1)] = 3000,
    orders: Annotated[int, typer.Option(min=1)] = 60_000,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Write searches, orders and products as JSON lines, with purchases that only the order of queries explains."""
    from kindred.ingest.generate.searches import SearchSample, generate_searches

    sample = SearchSample(users=users, products=products, orders=orders, seed=settings_of(context, seed=seed).seed)
    with console.Bars() as bars:
        files = generate_searches(sample, out, bars)
    made = {"events": files.events, "orders": files.orders, "products": files.products}
    _print_files(context, "queries", made, as_json)


@generate_app.command("posts", epilog="Example: kindred generate posts --users 5000 --out data/feed")
def generate_posts(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write users.csv, posts.csv and feed.csv to.")],
    users: Annotated[int, typer.Option(min=1)] = 5000,
    posts: Annotated[int, typer.Option(min=1)] = 1500,
    events: Annotated[int, typer.Option(min=1, help="Views; likes come on top.")] = 300_000,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Write the three tables of a feed service, with tastes in topics and in ways of writing to find in them."""
    from kindred.ingest.generate.feed import FeedSample, generate_feed

    settings = settings_of(context, seed=seed)
    files = generate_feed(FeedSample(users=users, posts=posts, events=events, seed=settings.seed), out)
    _print_files(context, "posts", {"users": files.users, "posts": files.posts, "feed": files.feed}, as_json)


@generate_app.command("tags", epilog="Example: kindred generate tags --tracks 8000 --out data/audio")
def generate_tags(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder to write frames/, train.csv, test.csv and truth.csv to.")],
    tracks: Annotated[int, typer.Option(min=1, help="Tracks with a list of tags.")] = 8000,
    asked: Annotated[int | None, typer.Option(min=0, help="Tracks without one; by default half as many.")] = None,
    tags: Annotated[int, typer.Option(min=1)] = 256,
    dim: Annotated[int, typer.Option(min=1, help="Width of a frame.")] = 64,
    frames: Annotated[tuple[int, int], typer.Option(help="The shortest and the longest sequence.")] = (16, 32),
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Write frames of audio, one .npy file a track, and lists of tags, most of which only short events tell."""
    from kindred.ingest.generate.tags import TagSample, generate_tags

    sample = TagSample(tracks, tags, asked, dim, frames, settings_of(context, seed=seed).seed)
    with console.Bars() as bars:
        files = generate_tags(sample, out, bars)
    if as_json:
        console.json_result(asdict(files))
    else:
        console.result(f"to answer for: {files.asked}\nthe truth of all tracks: {files.truth}")
        _print_files(context, "tags", {"tags": files.tags, "frames": files.frames}, as_json)


def _print_files(context: typer.Context, domain: str, files: Mapping[str, Path], as_json: bool) -> None:
    """The files that were written, by the option of `ingest` that takes each, and the command that loads them."""
    if as_json:
        console.json_result(dict(files))
        return
    console.result("\n".join(str(file) for file in files.values()))
    options = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    console.note(f"next: {command_line(context, 'ingest', domain, *options)}")
