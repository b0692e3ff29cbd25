"""Music into the graph: who listens to what, what is known of tracks, tags and frames of audio."""

from __future__ import annotations

from collections.abc import Sequence

from kindred.domain.errors import SettingsError
from kindred.ingest.bytes.paths import Given, Paths, expand, is_elsewhere, one_file, path_of
from kindred.ingest.bytes.remote import Location
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.formats.sql_tables import sql_table
from kindred.ingest.sources import lastfm, listening, tag_lists
from kindred.ingest.sources.frames import SaveFrames, frames_source


def track_files(
    lastfm_folder: Given | None = None,
    events: Paths = None,
    metadata: Paths = None,
    user: str = "",
    at_format: str | None = None,
) -> list[SourceFile]:
    """The files of the Last.fm data set, listening events and metadata of tracks, whichever are given.

    Args:
        lastfm_folder: of that data set.
        events: files of listening events.
        metadata: files of tracks.
        user: who listened, where events do not say it.
        at_format: how events write times; None where each tells it.

    Raises:
        SettingsError: none is given, or there is no such form of times.
        RecordError: the folder holds no file of Last.fm.
    """
    of_lastfm = lastfm.sources_in(lastfm_folder) if lastfm_folder else {}
    files = [SourceFile(path, source) for path, source in of_lastfm.items()]
    files += [SourceFile(path, listening.METADATA) for path in expand(metadata)]
    of_events = listening.events_source(user, at_format)
    files += [SourceFile(path, of_events) for path in expand(events)]
    if not files:
        raise SettingsError("nothing to load", "give --lastfm FOLDER, --events FILE or --metadata FILE")
    return files


def track_tables(
    url: str, events: str = "", metadata: str = "", user: str = "", at_format: str | None = None
) -> list[SourceFile]:
    """Listening events and metadata of tracks from tables of a database, whichever are named."""
    named = ((metadata, listening.METADATA), (events, listening.events_source(user, at_format)))
    return [sql_table(url, name, source) for name, source in named if name]


def tag_table(url: str, tags: str) -> list[SourceFile]:
    """Tag lists from a table of a database."""
    return [sql_table(url, tags, tag_lists.TAG_LISTS)]


def tag_files(tags: Paths, frames: Sequence[Given], save: SaveFrames) -> list[SourceFile]:
    """Tag lists, and archives or folders of frames; `save` keeps the frames of an archive's track and says where.

    Raises:
        SettingsError: none is given.
    """
    files = [SourceFile(path, tag_lists.TAG_LISTS) for path in expand(tags)]
    files += [SourceFile(path, frames_source(path, save)) for path in map(_frames, frames)]
    if not files:
        raise SettingsError("nothing to load", "give --tags FILE, or --frames with an .npz file or a folder")
    return files


def _frames(given: Given) -> Location:
    """An archive of frames, wherever it is, or a folder of this machine, to whose files the graph refers."""
    return one_file(given) if is_elsewhere(given) else path_of(given)
