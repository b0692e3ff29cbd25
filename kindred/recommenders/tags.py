"""Tags of tracks, from what they sound like."""

from __future__ import annotations

from kindred.domain.records import Tagged
from kindred.recommenders.system import System, Words

TAGS = System(
    name="tags",
    target=Tagged,
    words=Words("tag", "tags", "tag of a track", "tags of tracks", "carried", "track", "tracks"),
    title="name",
    predicted="probability",
    model="tagger",
    load_with="kindred ingest tags --tags FILE --frames PATH",
)
"""Tracks take the place of users and tags that of items: which tags fit a track."""
