"""A slice of each real sample beside the checkout, as the files that ingest takes; `None` rows are all of them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from kindred.graph.store import GraphStore
from kindred.ingest.feed import click_files, post_files
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.music import track_files
from kindred.ingest.products import product_files
from kindred.ingest.searches import search_files
from tests.ingest.conftest import hash_encoder

REAL = Path(__file__).resolve().parents[3] / "shared/data"
AMAZON = "amazon_reviews_musical_instruments_2014/reviews_Musical_Instruments_5.json.gz"
LASTFM = ("artists.dat", "tags.dat", "user_artists.dat", "user_taggedartists.dat", "user_friends.dat")
SliceFiles = Callable[[Path, int | None], list[SourceFile]]


def reviews(folder: Path, num_rows: int | None) -> list[SourceFile]:
    """Amazon reviews with texts."""
    return product_files(_sliced(REAL / AMAZON, folder, num_rows))


def lastfm(folder: Path, num_rows: int | None) -> list[SourceFile]:
    """Listens, names, tags and friends of Last.fm."""
    for name in LASTFM:
        _sliced(REAL / "lastfm_hetrec2011" / name, folder, num_rows)
    return track_files(folder, None, None)


def feed(folder: Path, num_rows: int | None) -> list[SourceFile]:
    """Users, posts, views and likes of a feed."""
    real = REAL / "social_feed_samples"
    of_table = "schema_sample_{}_sample.csv".format
    events = _sliced(real / "feed_sample_50k_b.csv.gz", folder, num_rows)
    return post_files(
        real / of_table("user_data"), real / of_table("post_text_df"), [real / of_table("feed_data"), events]
    )


def searches(folder: Path, num_rows: int | None) -> list[SourceFile]:
    """Products, judgments and simulated searches of ESCI."""
    real = REAL / "product_search_esci_sample"
    events = _sliced(real / "ubi_queries_events_simulated.ndjson.gz", folder, num_rows)
    products = _sliced(real / "products.jsonl.gz", folder, 1_000)
    return search_files(events, None, real / "esci_us_judgments.json.gz", products)


def clicks(folder: Path, num_rows: int | None) -> list[SourceFile]:
    """Clicks on a news site."""
    rows = pq.read_table(REAL / "news_clicks_globo_48h/clicks.parquet")
    pq.write_table(rows.slice(0, num_rows), folder / "clicks.parquet")
    return click_files([folder / "clicks.parquet"])


# Each with the rows of a file that a test takes: enough for several statements and pages of the server.
SAMPLES: dict[str, tuple[SliceFiles, int]] = {
    "reviews": (reviews, 1_200),
    "lastfm": (lastfm, 2_000),
    "feed": (feed, 4_000),
    "searches": (searches, 8_000),  # the carts come last
    "clicks": (clicks, 8_000),
}


def ingest(store: GraphStore, files: list[SourceFile], folder: Path) -> IngestSummary:
    """Loads the files, with vectors out of the hashes of texts."""
    return ingest_files(store, files, hash_encoder("hash"), IngestOptions(folder / "staging", folder / "quarantine"))


def _sliced(path: Path, folder: Path, num_lines: int | None) -> Path:
    """The first lines of a file, unpacked, under its own name; a header is one of them."""
    copy = folder / path.name.removesuffix(".gz")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines, copy.open("wb") as out:
        out.writelines(islice(lines, num_lines))
    return copy
