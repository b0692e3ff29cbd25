"""Files of public data sets whose first line names no columns, by what they are called."""

from __future__ import annotations

from collections.abc import Sequence

from kindred.ingest.tables.column_names import is_name_of
from kindred.ingest.tables.mapping import Layout

_GENRES = (
    "unknown Action Adventure Animation Children Comedy Crime Documentary Drama Fantasy Film-Noir Horror Musical "
    "Mystery Romance Sci-Fi Thriller War Western"
)
_RATINGS = Layout(separator="\t", columns=("user_id", "item_id", "rating", "timestamp"))
_CHECKINS = Layout(separator="\t", columns=("user_id", "at", "latitude", "longitude", "location_id"))
_VENUES = "user_id venue_id venue_category_id venue_category latitude longitude offset at"
_TSMC = Layout(separator="\t", columns=tuple(_VENUES.split()), encoding="latin-1")
_FOLDS = tuple(f"u{fold}.{part}" for fold in "12345ab" for part in ("base", "test"))

_KNOWN = {
    "u.data": _RATINGS,  # MovieLens 100K
    "u.item": Layout(
        separator="|",
        columns=("item_id", "title", "release_date", "video_release_date", "url", *_GENRES.split()),
        encoding="latin-1",
    ),
    "ratings.dat": _RATINGS.model_copy(update={"separator": "::"}),  # MovieLens 1M, 10M; MovieTweetings
    "movies.dat": Layout(separator="::", columns=("item_id", "title", "genres"), encoding="latin-1"),
    "ml-1m.train.rating": _RATINGS,  # of neural collaborative filtering
    "ml-1m.test.rating": _RATINGS,
    "pinterest-20.train.rating": _RATINGS,
    "pinterest-20.test.rating": _RATINGS,
    "UserBehavior.csv": Layout(separator=",", columns=("user_id", "item_id", "category_id", "behavior_type", "at")),
    "yoochoose-clicks.dat": Layout(separator=",", columns=("session_id", "at", "item_id", "category")),
    "yoochoose-buys.dat": Layout(separator=",", columns=("session_id", "at", "item_id", "price", "quantity")),
    "steam-200k.csv": Layout(separator=",", columns=("user_id", "game", "behavior", "hours", "last")),
    "Gowalla_totalCheckins.txt": _CHECKINS,
    "Brightkite_totalCheckins.txt": _CHECKINS,
    "loc-gowalla_totalCheckins.txt": _CHECKINS,
    "loc-brightkite_totalCheckins.txt": _CHECKINS,
    "dataset_TSMC2014_NYC.txt": _TSMC,
    "dataset_TSMC2014_TKY.txt": _TSMC,
    "dataset_TIST2015_Checkins.txt": Layout(separator="\t", columns=("user_id", "venue_id", "at", "offset")),
    "movie-ratings.txt": Layout(  # CiaoDVD
        separator=",", columns=("user_id", "movie_id", "genre_id", "review_id", "rating", "date")
    ),
    "userid-timestamp-artid-artname-traid-traname.tsv": Layout(  # Last.fm 1K
        separator="\t", columns=("user_id", "at", "artist_id", "artist_name", "track_id", "track_name")
    ),
    "usersha1-artmbid-artname-plays.tsv": Layout(  # Last.fm 360K
        separator="\t", columns=("user_id", "artist_id", "artist_name", "plays")
    ),
    "LFM-1b_LEs.txt": Layout(separator="\t", columns=("user_id", "artist_id", "album_id", "track_id", "at")),
    "movie_titles.csv": Layout(separator=",", columns=("item_id", "year", "title"), encoding="latin-1"),  # Netflix
    "news.tsv": Layout(  # MIND
        separator="\t",
        columns=(
            "news_id",
            "category",
            "subcategory",
            "title",
            "abstract",
            "url",
            "title_entities",
            "abstract_entities",
        ),
    ),
    **dict.fromkeys(_FOLDS, _RATINGS),
}
_PACKINGS = (".gz", ".bz2", ".xz", ".zst", ".zip")


def known_layout(name: str, start: bytes) -> Layout:
    """How a file of this name is written; nothing of it is known where there is none, or its first line is a header.

    Args:
        name: of the file, packed or not.
        start: its first bytes, unpacked.
    """
    for packing in _PACKINGS:
        name = name.removesuffix(packing)
    layout = _KNOWN.get(name, Layout())
    first = start.split(b"\n", 1)[0].decode(errors="replace").strip("\ufeff\r ")
    if not layout.columns or _is_header(first.split(layout.separator)):
        return Layout()
    return layout.model_copy(update={"encoding": ""}) if _is_utf8(start) else layout


def _is_header(cells: Sequence[str]) -> bool:
    return any(is_name_of(role, cell) for role in ("user", "item", "id") for cell in cells)


def _is_utf8(start: bytes) -> bool:
    """Whether the bytes, but for a character that their end splits, are UTF-8 and more than ASCII."""
    try:
        return not start[: max(start.rfind(b"\n"), 0)].decode().isascii()
    except UnicodeDecodeError:
        return False
