"""A feed of posts with a planted truth, which is also a simulator: who would like which post, and when.

What is planted, and what of it shows:

* **topics**: each reader likes some topics more and some less; so does each group of gender and age. Shows in the
  likes by reader and topic.
* **angles**: every topic is written about from a few angles (how to, news, stories, …); each reader likes some more.
  Shows in the words of the texts first: who liked a post says little, the texts of what a reader liked says more.
* **sessions and drift**: the like rate falls along a session and rises over the three months; it is the reader's own
  besides. None of it tells one post from another.
* **exposure**: some posts are shown far more often, which says nothing of how they are liked.

Rates are products of plain factors (`sampler.py` says why), so equal seeds give equal bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from kindred.domain.errors import StoreError
from kindred.domain.groups import numbered
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.ingest.generate.feed_words import ANGLES, CITIES, CLOSINGS, TOPICS
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.sizes import check_least
from kindred.ingest.generate.write import write_csv

START = 1_633_046_400  # 2021-10-01
DAYS = 90
LABEL_SECONDS = 170
RATE_FIRST, RATE_LAST, POSITIONS = 0.19, 0.06, 30  # of the first view of a session, and from its 30th on
DRIFT = (0.8, 1.2)
GROUPS = 8

_POSTS, _READERS, _VIEWS, _TEXTS = range(1, 5)


@dataclass(frozen=True)
class FeedSample:
    """How much to generate. Raises SettingsError where a number is below 1 or the seed is negative."""

    users: int = 5000
    posts: int = 1500
    events: int = 300_000
    seed: int = 7

    def __post_init__(self) -> None:
        check_least(self, users=1, posts=1, events=1, seed=0)


@dataclass(frozen=True)
class FeedTruth:
    """What is hidden: who likes what, and by how much.

    Attributes:
        topic, angle: of each post, `[num_posts]`.
        exposure: how often each post is shown, in proportion, `[num_posts]`.
        gender, age: of each reader, `[num_users]`.
        own: each reader's factor of the like rate, `[num_users]`.
        to_topic: factor of each reader and topic, profile included, `[num_users, num_topics]`.
        to_angle: the same of angles, `[num_users, num_angles]`.
    """

    topic: IntArray
    angle: IntArray
    exposure: DoubleArray
    gender: IntArray
    age: IntArray
    own: DoubleArray
    to_topic: DoubleArray
    to_angle: DoubleArray

    def rate(self, reader: IntArray, post: IntArray, at: IntArray, position: IntArray) -> DoubleArray:
        """The probability of a like, for each view: reader, post, seconds UTC, and place in the session from 0."""
        along = RATE_FIRST + (RATE_LAST - RATE_FIRST) * np.minimum(position, POSITIONS) / POSITIONS
        drift = DRIFT[0] + (DRIFT[1] - DRIFT[0]) * np.clip((at - START) / (DAYS * 86_400), 0.0, 1.0)
        liking = self.to_topic[reader, self.topic[post]] * self.to_angle[reader, self.angle[post]]
        rate: DoubleArray = np.clip(along * drift * self.own[reader] * liking, 0.002, 0.9)
        return rate


@dataclass(frozen=True)
class FeedViews:
    """Views of the sample, oldest first, `[num_views]` each; `like_after` is seconds, −1 where there was no like."""

    reader: IntArray
    post: IntArray
    at: IntArray
    position: IntArray
    like_after: IntArray


def feed_truth(sample: FeedSample) -> FeedTruth:
    """What is planted in a sample."""
    posts, readers = Sampler(sample.seed, _POSTS), Sampler(sample.seed, _READERS)
    users, num_topics, num_angles = sample.users, len(TOPICS), len(ANGLES)
    gender = readers.chance(0.55, users).astype(np.int64)
    age = 14 + (readers.uniform(users) * readers.uniform(users) * 60).astype(np.int64)
    group = gender * (GROUPS // 2) + np.searchsorted((20, 27, 36), age, side="right")
    by_group = 1.0 + 0.25 * readers.bell(GROUPS, num_topics).clip(-2.0, 2.0)
    topic_share = np.cumsum(np.array([1.0 / (2 + number) for number in range(num_topics)]))
    return FeedTruth(
        topic=posts.weighted(topic_share, sample.posts),
        angle=posts.below(np.full(sample.posts, num_angles)),
        exposure=1.0 / (0.05 + posts.uniform(sample.posts)),
        gender=gender,
        age=age,
        own=np.clip(1.0 + 0.35 * readers.bell(users), 0.2, 2.5),
        to_topic=by_group[group] * _factors(readers, users, num_topics, 0.35),
        to_angle=_factors(readers, users, num_angles, 0.5),
    )


def _factors(sampler: Sampler, num: int, kinds: int, spread: float) -> DoubleArray:
    factors = np.clip(1.0 + spread * sampler.bell(num, kinds), 0.15, 2.5)
    scaled: DoubleArray = factors / (factors.sum(axis=1, keepdims=True) / kinds)
    return scaled


def feed_views(sample: FeedSample, truth: FeedTruth) -> FeedViews:
    """The views of a sample: sessions of readers, posts as they are shown, likes as the truth has them."""
    sampler = Sampler(sample.seed, _VIEWS)
    lengths = 5 + sampler.below(np.full(sample.events // 20 + 1, 31))
    lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), sample.events)) + 1]
    num = int(lengths.sum())
    activity = np.cumsum(1.0 / (0.1 + sampler.uniform(sample.users)))
    who = sampler.weighted(activity, len(lengths))
    begins = START + (sampler.uniform(len(lengths)) * (DAYS * 86_400 - 7200)).astype(np.int64)
    session = np.repeat(np.arange(len(lengths)), lengths)
    position = numbered(lengths)
    gaps = 15 + sampler.below(np.full(num, 90))
    gaps[position == 0] = 0
    passed = np.cumsum(gaps)
    at = begins[session] + passed - np.repeat(passed[position == 0], lengths)
    post = sampler.weighted(np.cumsum(truth.exposure), num)
    liked = sampler.uniform(num) < truth.rate(who[session], post, at, position)
    after = np.where(liked, 2 + sampler.below(np.full(num, LABEL_SECONDS)), -1)
    order = np.argsort(at, kind="stable")[: sample.events]
    return FeedViews(who[session][order], post[order], at[order], position[order], after[order])


@dataclass(frozen=True)
class FeedFiles:
    """Where the sample was written."""

    users: Path
    posts: Path
    feed: Path


def generate_feed(sample: FeedSample, folder: Path) -> FeedFiles:
    """Writes `users.csv`, `posts.csv` and `feed.csv`; likes come on top of the views that `events` counts.

    Raises:
        StoreError: the folder can't be written.
    """
    truth = feed_truth(sample)
    files = FeedFiles(folder / "users.csv", folder / "posts.csv", folder / "feed.csv")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_csv(
            files.users, ("user_id", "gender", "age", "country", "city", "exp_group", "os", "source"), _users(truth)
        )
        write_csv(files.posts, ("post_id", "text", "topic"), _post_rows(sample, truth))
        write_csv(
            files.feed, ("timestamp", "user_id", "post_id", "action", "target"), _events(feed_views(sample, truth))
        )
    except OSError as error:
        raise StoreError(f"can't write {folder}: {error.strerror}", "name another folder") from error
    return files


def feed_texts(sample: FeedSample, truth: FeedTruth) -> list[str]:
    """The text of each post: sentences of its topic and its angle."""
    sampler = Sampler(sample.seed, _TEXTS)
    picks = sampler.uniform(sample.posts, 6)
    texts = []
    for topic, angle, pick in zip(truth.topic.tolist(), truth.angle.tolist(), picks, strict=True):
        things = TOPICS[topic].things
        first, second = things[int(pick[0] * len(things))], things[int(pick[1] * len(things))]
        says = ANGLES[angle].sentences
        opening, middle = says[int(pick[2] * len(says))], says[int(pick[3] * len(says))]
        closing = CLOSINGS[int(pick[4] * len(CLOSINGS))]
        texts.append(f"{opening.format(thing=first)}\n\n{middle.format(thing=second)} {closing.format(thing=first)}")
    return texts


def _users(truth: FeedTruth) -> Iterator[tuple[object, ...]]:
    for number, (gender, age) in enumerate(zip(truth.gender.tolist(), truth.age.tolist(), strict=True)):
        os = "iOS" if number % 3 == 0 else "Android"
        source = "organic" if number % 4 == 0 else "ads"
        yield number + 1, gender, age, "Lumeria", CITIES[number % len(CITIES)], number % 5, os, source


def _post_rows(sample: FeedSample, truth: FeedTruth) -> Iterator[tuple[object, ...]]:
    for number, text in enumerate(feed_texts(sample, truth)):
        yield number + 1, text, TOPICS[int(truth.topic[number])].name


def _events(views: FeedViews) -> Iterator[tuple[object, ...]]:
    """Views and likes as rows, oldest first."""
    likes = np.flatnonzero(views.like_after >= 0)
    rows = np.concatenate([np.arange(len(views.at)), likes])
    is_like = np.arange(len(rows)) >= len(views.at)
    at = views.at[rows] + np.where(is_like, views.like_after[rows], 0)
    for place in np.lexsort((is_like, at)).tolist():
        row, like = int(rows[place]), bool(is_like[place])
        target = 0 if like else int(views.like_after[row] >= 0)
        when = datetime.fromtimestamp(int(at[place]), UTC).strftime("%Y-%m-%d %H:%M:%S")
        yield when, int(views.reader[row]) + 1, int(views.post[row]) + 1, "like" if like else "view", target
