"""`kindred ingest tracks` and `kindred ingest tags`: music in."""

from __future__ import annotations

from typing import Annotated

import typer

from kindred.cli.ingest import LoadOptions, Namespaces, Renaming, Sql, ingest_app, load
from kindred.cli.many_files import FILES, ManyFilesCommand
from kindred.cli.options import settings_of, with_groups


@ingest_app.command(
    "tracks", cls=ManyFilesCommand, epilog="Example: kindred ingest tracks --lastfm hetrec2011-lastfm-2k --dry-run"
)
@with_groups
def ingest_tracks(
    context: typer.Context,
    lastfm: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Folder of the Last.fm data set of HetRec 2011.")
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES, help="Listening events (user, track, at, plays, share): JSON lines, CSV or Parquet."
        ),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES,
            help="Tracks (track, title, artist, album, genres, duration, popularity), in the same formats.",
        ),
    ] = None,
    sql: Sql = "",
    events_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of events.")] = "",
    metadata_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of tracks.")] = "",
    user: Annotated[
        str,
        typer.Option(metavar="ID", help="Who listened, where events do not say it: an export of one's own account."),
    ] = "",
    at_format: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="How events write times: seconds, %d/%m/%y, order …"),
    ] = None,
    *,
    namespaces: Namespaces,
    options: LoadOptions,
    renaming: Renaming,
) -> None:
    """Load who listens to what; bad records go to a quarantine file, replays change nothing."""
    from kindred.ingest.music import track_files, track_tables

    if events_table or metadata_table:
        files = track_tables(sql, events_table, metadata_table, user, at_format)
    else:
        files = track_files(lastfm, events, metadata, user, at_format)
    load(context, files, ("train", "listens" if lastfm else "tracks"), options, namespaces, renaming)


@ingest_app.command(
    "tags", cls=ManyFilesCommand, epilog="Example: kindred ingest tags --tags train.csv --frames embeddings/"
)
@with_groups
def ingest_tags(
    context: typer.Context,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            metavar=FILES, help="Tag lists (track, tags): CSV, JSON lines or Parquet; or a column a tag, of 0 and 1."
        ),
    ] = None,
    frames: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A folder of TRACK.npy, .npz (X, IDS, Y) or Parquet (track, frames)."),
    ] = None,
    sql: Sql = "",
    tags_table: Annotated[str, typer.Option(metavar="TABLE", help="With --sql: the table of tags.")] = "",
    item_namespace: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Prefix for the ids of tracks and tags, where equal ids elsewhere are others."
        ),
    ] = "",
    *,
    options: LoadOptions,
    renaming: Renaming,
) -> None:
    """Load tags of tracks and frames of their audio; bad ones go to a quarantine file, replays change nothing."""
    from functools import partial

    from kindred.ingest.loading.frame_files import frame_path, write_frames
    from kindred.ingest.music import tag_files, tag_table

    save = partial(frame_path if options.dry_run else write_frames, settings_of(context).data_dir / "frames")
    of_tables = tag_table(sql, tags_table) if tags_table else []
    of_files = tag_files(tags, frames or [], save) if tags or frames or not of_tables else []
    load(context, [*of_tables, *of_files], ("train", "tags"), options, Namespaces("", item_namespace), renaming)
