"""Answers for a reader at a time: posts are scored from what was known before it, those chosen before left out."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import RecordError
from kindred.domain.explanation import Explanation, Standing
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Answer, Recommendation, Request
from kindred.recommenders.answering.held_versions import HeldVersions
from kindred.recommenders.answering.known import Known
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.answering.request_parts import OF_FEED, check_parts, left_aside, named_items
from kindred.recommenders.feed.model import ARMS, TEST, load_posts
from kindred.recommenders.feed.orders import Order, load_order
from kindred.recommenders.feed.tables import FeedTables, read_feed
from kindred.recommenders.posts import POSTS
from kindred.recommenders.releases import run_of
from kindred.recommenders.runs import find_run
from kindred.recommenders.system import System

_NO_PATHS = "the score of a post is a sum over counts of views and likes; it rests on no path of the graph"
_EXCLUDED = "excluded by the request"


@dataclass(frozen=True)
class FeedVersion:
    """What answers: the order of a published model, and the feed as the graph held it when it was read.

    Attributes:
        is_new: which posts came after the training, `[num_posts]`.
    """

    name: str
    feed: FeedTables
    order: Order
    is_new: NDArray[np.bool_]


class FeedRecommender:
    """Answers requests from the published version: a callable from `Request` to `Answer`.

    An answer for a time knows nothing of that second or later: no view, no like, and no label of a view in the three
    minutes before, within which its like may still come.
    """

    def __init__(self, system: System, opened: Opened) -> None:
        self.system = system
        self._opened = opened
        self._versions = HeldVersions(system, opened.vectors.of(system.name), self._load)

    def __call__(self, request: Request) -> Answer:
        """The k posts that suit the reader best at `request.at`, now where None; also for somebody unknown."""
        return self.answer(request, TEST)

    def answer(self, request: Request, arm: str) -> Answer:
        """The answer of one arm, `control` or `test`.

        Raises:
            SettingsError: the request has a part that a feed does not go by, or a label that posts do not lead to.
        """
        check_parts(self.system, request, OF_FEED)
        return self._answer(self._versions.of(request.version), request, arm)

    def everyone(self, k: int) -> Iterator[tuple[str, list[str], list[float]]]:
        """The k posts that suit each reader of the graph best now, and their chances."""
        at = int(time.time())
        for user in self.feed().readers.ids:
            found = self(Request(user, k=k, at=at, reasons=False, removed=False)).recommendations
            yield user, [post.item_id for post in found], [post.score for post in found]

    def _answer(self, held: FeedVersion, request: Request, arm: str) -> Answer:
        at = int(time.time()) if request.at is None else request.at
        reader = held.feed.reader(request.user_id)
        scores, values = held.order.scores(arm, reader, at)
        removed = self._removed(held, request, reader, at)
        scores = np.where(_asked_for(held.feed, request), scores, -np.inf)
        best = _best(scores, removed, request.k)
        posts = tuple(
            _recommendation(held.feed, post, value, "new" if held.is_new[post] else "model")
            for post, value in zip(best.tolist(), values(best).tolist(), strict=True)
        )
        is_known = held.order.is_known(reader, at)
        nothing = "" if posts else _nothing_left(held.feed, request)
        aside = left_aside(named_items(request), held.feed.posts, held.name)
        return Answer(
            request.user_id,
            posts,
            "model" if is_known else "popular",
            held.name,
            {held.feed.posts.external(post): why for post, why in removed.items()} if request.removed else {},
            self.system.name,
            held.feed.as_of,
            "; ".join(filter(None, [nothing, aside])),
        )

    def most_liked(self, at: int | None, limit: int) -> list[str]:
        """Posts by their likes before a time, now where None, most first."""
        held, known = self._versions.of(), self._opened.known
        at = int(time.time()) if at is None else at
        likes = held.feed.likes_before(at)
        if known is not None and held.feed.as_of is not None and at > held.feed.as_of:
            since = known.counts(at - 1, held.feed.as_of)  # likes that came after the feed was read
            positions = held.feed.posts.positions(list(since))
            np.add.at(likes, positions[positions >= 0], np.array([*since.values()], dtype=np.int64)[positions >= 0])
        best = _best(likes.astype(np.float64), self._gone(held.feed), limit)
        return [held.feed.posts.external(post) for post in best]

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """The posts nearest in the spaces of texts and readers.

        Raises:
            RecordError: the published version has no such post.
        """
        held = self._versions.of()
        position, gone = held.feed.posts.position(item_id), self._gone(held.feed)
        if position is None or position in gone:
            raise RecordError(f"there is no post {item_id!r} in the published version", "see `kindred publish`")
        rows = _rows(held).vectors
        lengths = np.linalg.norm(rows, axis=1)
        cosine = rows @ rows[position] / np.maximum(lengths * lengths[position], 1e-9)
        nearest = _best(cosine.astype(np.float64), gone | {position: "itself"}, k)
        posts = tuple(_recommendation(held.feed, post, cosine[post], "similar") for post in nearest.tolist())
        title = self.system.titled(held.feed.words[position])
        about = Answer(None, posts, "similar", held.name, system=self.system.name, as_of=held.feed.as_of)
        return replace(about, item_id=item_id, title=title)

    def why(self, user_id: str, item_id: str, at: int | None = None) -> Explanation:
        """Where a post stands for a reader; its score is a sum over features, and rests on no path of the graph."""
        held = self._versions.of()
        position = held.feed.posts.position(item_id)
        if position is None:
            raise RecordError(f"there is no post {item_id!r}", "ids are those of the posts table")
        reader, when = held.feed.reader(user_id), int(time.time()) if at is None else at
        scores, values = held.order.scores(TEST, reader, when)
        better = scores > scores[position]
        better[list(self._removed(held, Request(user_id, at=at), reader, when))] = False
        rank = int(better.sum()) + 1
        is_candidate = scores[position] > -np.inf
        standing = Standing(float(values(np.array([position]))[0]), rank) if is_candidate else None
        level = "model" if held.order.is_known(reader, when) else "popular"
        title = self.system.titled(held.feed.words[position])
        said = (title, standing, (), None, level, held.name, held.feed.as_of, _NO_PATHS)
        return Explanation(self.system.name, user_id, item_id, *said)

    def example_users(self, count: int) -> list[str]:
        """Readers with many views."""
        feed = self._versions.of().feed
        views = np.bincount(feed.log.reader, minlength=len(feed.readers))
        return [feed.readers.external(int(reader)) for reader in np.argsort(-views, kind="stable")[:count]]

    def refresh(self) -> str:
        """Takes the published version and the feed as the graph holds it now; its name."""
        held = self._load(self._versions.published())
        first = Request(k=1, at=held.feed.as_of, removed=False)
        for arm in ARMS:
            self._answer(held, first, arm)  # loads what the first answer needs
        return self._versions.hold(held)

    def read_again(self) -> None:
        """Takes the feed as the graph holds it now; the version stays."""
        self._versions.hold(self._load(self._versions.of().name))

    def is_behind(self) -> bool:
        """Never: an answer does not look."""
        return False

    def is_quick(self, request: Request) -> bool:
        """False: an answer takes milliseconds, so it is made in a thread."""
        return False

    def in_memory(self) -> FeedRecommender:
        """The same: it asks no vector engine."""
        other = copy.copy(self)
        other._versions = replace(self._versions)
        return other

    def item_rows(self) -> Embeddings:
        """The posts in the spaces of texts and readers."""
        return _rows(self._versions.of())

    def feed(self) -> FeedTables:
        """The feed that answers are made from."""
        return self._versions.of().feed

    def _load(self, name: str) -> FeedVersion:
        run = find_run(self._opened.runs_folder, run_of(name))
        with self._opened.graph() as store:
            feed = read_feed(store)
            is_new = load_posts(run.folder).positions(feed.posts.ids) < 0
            return FeedVersion(name, feed, load_order(run, feed, store), is_new)

    def _removed(self, held: FeedVersion, request: Request, reader: int, at: int) -> dict[int, str]:
        """Posts that may not be in the answer, by position, and why."""
        posts = held.feed.posts
        removed = dict.fromkeys(posts.known_positions(request.exclude).tolist(), _EXCLUDED)
        if request.exclude_seen:
            removed |= dict.fromkeys(held.order.chosen_by(reader, at).tolist(), held.order.chosen)
            removed |= dict.fromkeys(self._liked_since(posts, request.user_id, at), "liked before")
        return removed | self._gone(held.feed, request.at)

    def _gone(self, feed: FeedTables, at: int | None = None) -> dict[int, str]:
        """Posts that are there no more or, as of a time, had not come yet, by position, and why they are left out."""
        known = self._opened.known
        barred = () if known is None else known.barred(at)
        return dict.fromkeys(feed.posts.known_positions(barred).tolist(), "no longer there")

    def _liked_since(self, posts: IdMap, user_id: str | None, at: int) -> list[int]:
        """Likes that came after the feed was read."""
        known: Known | None = self._opened.known
        if known is None or user_id is None:
            return []
        found: list[int] = posts.known_positions(known.seen(user_id, at - 1)).tolist()
        return found


def _asked_for(feed: FeedTables, request: Request) -> NDArray[np.bool_]:
    """Which posts the request asks for, `[num_posts]`."""
    fits = np.ones(len(feed.posts), dtype=np.bool_)
    if request.among is not None:
        fits[:] = False
        fits[feed.posts.known_positions(request.among)] = True
    for name in request.where.values():
        fits &= feed.log.topic == (feed.topics.index(name) if name in feed.topics else -1)
    return fits


def _nothing_left(feed: FeedTables, request: Request) -> str:
    """Why an answer is empty, in words."""
    unknown = [f"no post is of {label} {name}" for label, name in request.where.items() if name not in feed.topics]
    return "; ".join(unknown) or "there is no post left to recommend that fits what was asked for"


def _rows(held: FeedVersion) -> Embeddings:
    return Embeddings(held.feed.posts, held.order.vectors())


def _recommendation(feed: FeedTables, post: int, value: float, source: str) -> Recommendation:
    """A post in an answer, its first words as its title."""
    return Recommendation(feed.posts.external(post), float(value), POSTS.titled(feed.words[post]), source=source)


def _best(scores: NDArray[np.float64], removed: dict[int, str], k: int) -> NDArray[np.int64]:
    """Positions of the k best candidates that are not removed, best first; ties by id, whose order positions are in."""
    left = scores > -np.inf
    left[list(removed)] = False
    candidates = np.flatnonzero(left)
    return candidates[np.argsort(-scores[candidates], kind="stable")[: max(k, 0)]]
