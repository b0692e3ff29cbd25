"""Artists from listening, for sources that know no tracks."""

from __future__ import annotations

from kindred.domain.records import ListenedToArtist, TaggedArtist
from kindred.recommenders.system import System, Words
from kindred.recommenders.tracks import SKIPPED

LISTENS = System(
    name="listens",
    target=ListenedToArtist,
    words=Words("artist", "artists", "listen", "listens", "listened to"),
    context=(TaggedArtist,),
    title="name",
    weight=("plays", "share"),
    skipped_below=SKIPPED,
    load_with="kindred ingest tracks --lastfm FOLDER",
)
