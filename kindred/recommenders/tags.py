"""Tags of tracks, from what they sound like."""

from __future__ import annotations

from kindred.domain.records import PerformedBy, Tagged
from kindred.recommenders.system import System, Words

TAGS = System(
    name="tags",
    target=Tagged,
    words=Words("tag", "tags", "tag of a track", "tags of tracks", "carried", "track", "tracks"),
    title="name",
    reads=(PerformedBy,),
    predicted="probability",
    model="tagger",
    load_with="kindred ingest tags --tags FILE --frames PATH",
    levels={
        "model": "from what the track sounds like",
        "folded-in": "from the tags that the track has",
        "popular": "nothing is known of this track: how frequent each tag is",
        "similar": "by what they sound like",
    },
)
"""Tracks take the place of users and tags that of items: which tags fit a track."""
