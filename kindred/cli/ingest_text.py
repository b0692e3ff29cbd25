"""`kindred ingest posts`, `kindred ingest clicks` and `kindred ingest queries`: feeds, news and searches in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kindred.cli.data import DryRun, ItemNamespace, LoadOptions, MaxBad, UserNamespace, ingest_app, load
from kindred.cli.options import AsJson

_NEXT_STEP = "kindred graph stats"


@ingest_app.command("posts", epilog="Example: kindred ingest posts --users users.csv --posts posts.csv --feed feed.csv")
def ingest_posts(
    context: typer.Context,
    users: Annotated[
        Path | None,
        typer.Option(help="Users (user_id, gender, age, country, city, …): CSV, JSON lines or Parquet."),
    ] = None,
    posts: Annotated[Path | None, typer.Option(help="Posts (post_id, text, topic), in the same formats.")] = None,
    feed: Annotated[
        list[Path] | None,
        typer.Option(help="Views and likes (timestamp, user_id, post_id, action, target); may be repeated."),
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option(help="A plain PostgreSQL dump with the tables user_data, post_text_df and feed_data."),
    ] = None,
    user_namespace: UserNamespace = "",
    item_namespace: ItemNamespace = "",
    max_bad: MaxBad = 0.05,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Load who saw and liked which posts; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.feed import post_files

    options = LoadOptions(user_namespace, item_namespace, max_bad, dry_run, as_json)
    load(context, post_files(users, posts, feed or [], dump), options, _NEXT_STEP)


@ingest_app.command("clicks", epilog="Example: kindred ingest clicks --clicks clicks.parquet --item-namespace news")
def ingest_clicks(
    context: typer.Context,
    clicks: Annotated[
        list[Path] | None,
        typer.Option(
            help="Clicks (user_id, click_article_id, click_timestamp, …): Parquet, CSV or JSON lines; may be repeated."
        ),
    ] = None,
    user_namespace: UserNamespace = "",
    item_namespace: ItemNamespace = "",
    max_bad: MaxBad = 0.05,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Load who read which articles; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.feed import click_files

    options = LoadOptions(user_namespace, item_namespace, max_bad, dry_run, as_json)
    load(context, click_files(clicks or []), options, _NEXT_STEP)


@ingest_app.command(
    "queries", epilog="Example: kindred ingest queries --events ubi.ndjson.gz --products products.jsonl"
)
def ingest_queries(
    context: typer.Context,
    events: Annotated[
        Path | None, typer.Option(help="Searches and clicks of User Behavior Insights, JSON lines.")
    ] = None,
    orders: Annotated[
        Path | None,
        typer.Option(help="Orders with their queries (user, query, time, product): JSON lines, CSV or Parquet."),
    ] = None,
    judgments: Annotated[
        Path | None,
        typer.Option(help="Judgments (query, product_id, esci_label), in the same formats or as one JSON document."),
    ] = None,
    products: Annotated[
        Path | None, typer.Option(help="Products (asin, title, description, bullet_points, brand, category).")
    ] = None,
    user_namespace: UserNamespace = "",
    item_namespace: ItemNamespace = "",
    max_bad: MaxBad = 0.05,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Load who searched for what and where it led; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.searches import search_files

    options = LoadOptions(user_namespace, item_namespace, max_bad, dry_run, as_json)
    load(context, search_files(events, orders, judgments, products), options, _NEXT_STEP)
