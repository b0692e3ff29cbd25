"""Readers of the public files that the lab ranks, and the splits it ranks them on.

The files are research data and are not part of the project; each reader says where its originals are to be had. The
default folder is `../shared/data` beside the checkout; another one is given with `--data DIR`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.domain.interactions import FloatArray, IntArray, Interactions

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SOURCES = {
    "social_feed_samples": "samples of the feed of a course on recommender services (feed_data, post features)",
    "news_clicks_globo_48h": "https://www.kaggle.com/datasets/gspmoreira/news-portal-user-interactions-by-globocom",
    "gowalla": "https://github.com/gusye1234/LightGCN-PyTorch (data/gowalla: train.txt, test.txt)",
    "amazon_interactions_instruments_2018": "the LC-Rec/TIGER-style Instruments data set: Instruments.inter.json.gz",
    "amazon_reviews_musical_instruments_2014": "https://snap.stanford.edu/data/amazon/productGraph (5-core)",
    "product_search_esci_sample": "https://github.com/amazon-science/esci-data, sampled",
    "music_tags_yandex_cup_2023": "the Yandex Cup 2023 (RecSys track), train.csv of track tags, gzipped",
    "lastfm_hetrec2011": "https://grouplens.org/datasets/hetrec-2011 (hetrec2011-lastfm-2k.zip)",
}


@dataclass(frozen=True)
class Split:
    """One train/test split; `temporal`: test events come after train events, so validation is held out the same way."""

    name: str
    train: Interactions
    test: Interactions
    temporal: bool


@dataclass(frozen=True)
class Reviews:
    """Reviews with their text; `interactions.edge_index` is the row of a review in `texts`."""

    interactions: Interactions
    texts: list[str]


def find_file(data: Path, folder: str, name: str) -> Path:
    """The path of a data file.

    Raises:
        FileNotFoundError: with the address of the originals.
    """
    path = data / folder / name
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing. Get it from {SOURCES[folder]} and pass its folder's parent with --data DIR."
        )
    return path


def read_gowalla(data: Path) -> Split:
    """The published split of LightGCN (He et al., 2020, arXiv 2002.02126)."""
    train = _read_adjacency(find_file(data, "gowalla", "train.txt"))
    test = _read_adjacency(find_file(data, "gowalla", "test.txt"))
    num_users = int(max(train[0].max(), test[0].max())) + 1
    num_items = int(max(train[1].max(), test[1].max())) + 1
    return Split(
        "published",
        Interactions(*train, num_users, num_items),
        Interactions(*test, num_users, num_items),
        temporal=False,
    )


def _read_adjacency(path: Path) -> tuple[IntArray, IntArray]:
    """Lines `user item item …` as parallel user and item columns."""
    users, items = [], []
    with path.open() as lines:
        for line in lines:
            user, *row = map(int, line.split())
            users.append(np.full(len(row), user, dtype=np.int64))
            items.append(np.array(row, dtype=np.int64))
    return np.concatenate(users), np.concatenate(items)


def read_instruments18(data: Path) -> Interactions:
    """Amazon Instruments 2018, each user's items oldest first; `at` is the rank in the history, not a time."""
    path = find_file(data, "amazon_interactions_instruments_2018", "Instruments.inter.json.gz")
    with gzip.open(path, "rt") as file:
        histories: dict[str, list[int]] = json.load(file)
    users = np.repeat(np.array([int(user) for user in histories]), [len(items) for items in histories.values()])
    items = np.concatenate([np.array(items) for items in histories.values()])
    ranks = np.concatenate([np.arange(len(items)) for items in histories.values()])
    return Interactions(users, items, int(users.max()) + 1, int(items.max()) + 1, at=ranks)


def read_reviews14(data: Path) -> Reviews:
    """Amazon Musical Instruments 5-core with texts, users and items numbered in order of first appearance."""
    path = find_file(data, "amazon_reviews_musical_instruments_2014", "reviews_Musical_Instruments_5.json.gz")
    with gzip.open(path, "rt") as lines:
        records = [json.loads(line) for line in lines]
    users, num_users = _number([record["reviewerID"] for record in records])
    items, num_items = _number([record["asin"] for record in records])
    rating = np.array([record["overall"] for record in records], dtype=np.float32)
    at = np.array([record["unixReviewTime"] for record in records], dtype=np.int64)
    rows = np.arange(len(records), dtype=np.int64)
    texts = [f"{record['summary']}. {record['reviewText']}".strip() for record in records]
    return Reviews(Interactions(users, items, num_users, num_items, rating, at, rows), texts)


def _number(names: Sequence[str]) -> tuple[IntArray, int]:
    """Each name's position in order of first appearance, and how many there are."""
    positions: dict[str, int] = {}
    return np.array([positions.setdefault(name, len(positions)) for name in names], dtype=np.int64), len(positions)


def read_lastfm(data: Path) -> tuple[Interactions, FloatArray]:
    """HetRec 2011 Last.fm listens, and the play count of each, `[num_events]`."""
    path = find_file(data, "lastfm_hetrec2011", "user_artists.dat")
    rows = np.loadtxt(path, dtype=np.int64, skiprows=1)
    users, items = np.unique(rows[:, 0], return_inverse=True), np.unique(rows[:, 1], return_inverse=True)
    interactions = Interactions(users[1].astype(np.int64), items[1].astype(np.int64), len(users[0]), len(items[0]))
    return interactions, rows[:, 2].astype(np.float32)


def split_random(interactions: Interactions, seed: int) -> Split:
    """A seeded sample of a fifth of all events as test."""
    order = np.random.default_rng(seed).permutation(len(interactions))
    size = round(len(interactions) * 0.2)
    held_out = np.zeros(len(interactions), dtype=bool)
    held_out[order[:size]] = True
    return Split(
        f"random 80/20, seed {seed}", interactions.take(~held_out), interactions.take(held_out), temporal=False
    )


def split_last(interactions: Interactions) -> Split:
    """Each user's last event as test; equal times by the order of the file. Users with one event keep it in train."""
    if interactions.at is None:
        raise ValueError("leave-last-out needs the time of each event")
    order = np.lexsort((np.arange(len(interactions)), interactions.at, interactions.user_index))
    users = interactions.user_index[order]
    is_last = np.append(users[1:] != users[:-1], True)
    has_more = np.bincount(users, minlength=interactions.num_users)[users] > 1
    held_out = np.zeros(len(interactions), dtype=bool)
    held_out[order[is_last & has_more]] = True
    return Split("leave-last-out by time", interactions.take(~held_out), interactions.take(held_out), temporal=True)
