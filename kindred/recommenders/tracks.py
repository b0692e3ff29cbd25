"""Tracks from listening: what to listen to next."""

from __future__ import annotations

from kindred.domain.records import HasGenre, Listened, PerformedBy, Tagged
from kindred.recommenders.system import System, Words

SKIPPED = ("share", 0.3)
"""Who stops a track before this share of it has skipped it."""

TRACKS = System(
    name="tracks",
    target=Listened,
    words=Words("track", "tracks", "listen", "listens", "played"),
    context=(PerformedBy, HasGenre, Tagged),
    weight=("plays", "share"),
    maker=PerformedBy,
    skipped_below=SKIPPED,
    load_with="kindred ingest tracks --events FILE",
)
