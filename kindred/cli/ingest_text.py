"""`kindred ingest posts`, `kindred ingest clicks` and `kindred ingest queries`: feeds, news and searches in."""

from __future__ import annotations

from typing import Annotated

import typer

from kindred.cli.ingest import LoadOptions, Namespaces, Renaming, Sql, ingest_app, load
from kindred.cli.many_files import FILES, ManyFilesCommand
from kindred.cli.options import with_groups


@ingest_app.command(
    "posts",
    cls=ManyFilesCommand,
    epilog="Example: kindred ingest posts --users users.csv --posts posts.csv --feed feed.csv",
)
@with_groups
def ingest_posts(
    context: typer.Context,
    users: Annotated[
        list[str] | None,
        typer.Option(metavar=FILES, help="Users (user_id, gender, age, country, city, …): CSV, JSON lines or Parquet."),
    ] = None,
    posts: Annotated[
        list[str] | None,
        typer.Option(metavar=FILES, help="Posts (post_id, text, topic), in the same formats; or news.tsv of MIND."),
    ] = None,
    feed: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES,
            help="Views and likes (timestamp, user_id, post_id, action, target); or behaviors.tsv of MIND.",
        ),
    ] = None,
    dump: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A plain PostgreSQL dump with the tables user_data, post_text_df and feed_data."
        ),
    ] = None,
    sql: Sql = "",
    users_table: Annotated[
        str, typer.Option(metavar="TABLE", help="With --sql: the table of users, else user_data.")
    ] = "",
    posts_table: Annotated[
        str, typer.Option(metavar="TABLE", help="With --sql: the table of posts, else post_text_df.")
    ] = "",
    feed_table: Annotated[
        str, typer.Option(metavar="TABLE", help="With --sql: the table of views and likes, else feed_data.")
    ] = "",
    *,
    namespaces: Namespaces,
    options: LoadOptions,
    renaming: Renaming,
) -> None:
    """Load who saw and liked which posts; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.feed import post_files, post_tables

    of_files = bool(users or posts or feed or dump) or not sql
    files = post_files(users, posts, feed, dump) if of_files else post_tables(sql, users_table, posts_table, feed_table)
    load(context, files, ("train", "posts"), options, namespaces, renaming)


@ingest_app.command(
    "clicks",
    cls=ManyFilesCommand,
    epilog="Example: kindred ingest clicks --clicks clicks.parquet --item-namespace news",
)
@with_groups
def ingest_clicks(
    context: typer.Context,
    clicks: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES,
            help="Clicks (user_id, click_article_id, click_timestamp, …) in any format; or behaviors.tsv of MIND.",
        ),
    ] = None,
    sql: Sql = "",
    clicks_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of clicks.")] = "",
    *,
    namespaces: Namespaces,
    options: LoadOptions,
    renaming: Renaming,
) -> None:
    """Load who read which articles; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.feed import click_files, click_table

    files = click_table(sql, clicks_table) if clicks_table else click_files(clicks)
    load(context, files, ("train", "posts", "--target", "clicks"), options, namespaces, renaming)


@ingest_app.command(
    "queries",
    cls=ManyFilesCommand,
    epilog="Example: kindred ingest queries --events ubi.ndjson.gz --products products.jsonl",
)
@with_groups
def ingest_queries(
    context: typer.Context,
    events: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES,
            help="Searches and clicks: of User Behavior Insights, or a table (user, query, time, product, action).",
        ),
    ] = None,
    orders: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES, help="Orders with their queries (user, query, time, product): JSON lines, CSV or Parquet."
        ),
    ] = None,
    judgments: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES,
            help="Judgments (query, product_id, esci_label or a rating), in the same formats or as one JSON document.",
        ),
    ] = None,
    products: Annotated[
        list[str] | None,
        typer.Option(metavar=FILES, help="Products (asin, title, description, bullet_points, brand, category)."),
    ] = None,
    sql: Sql = "",
    orders_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of orders.")] = "",
    products_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of products.")] = "",
    judgments_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of judgments.")] = "",
    locale: Annotated[
        str, typer.Option(help="Which locale of judgments and products to load (us, es, jp); the first that comes.")
    ] = "",
    *,
    namespaces: Namespaces,
    options: LoadOptions,
    renaming: Renaming,
) -> None:
    """Load who searched for what and where it led; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.searches import search_files, search_tables

    if orders_table or products_table or judgments_table:
        files = search_tables(sql, orders_table, products_table, judgments_table, locale)
    else:
        files = search_files(events, orders, judgments, products, locale)
    load(context, files, ("train", "queries"), options, namespaces, renaming)
