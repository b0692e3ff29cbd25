"""The ladder: when what answers best fails, the next best answers, and says so.

Vector engine → every vector of the same version compared in memory → the last good list of this user → what is popular
among users like them → what is popular.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from kindred.domain.errors import ArtifactError, KindredError, StoreError
from kindred.domain.recommendation import Answer, Request
from kindred.recommenders.answering.known import left_out
from kindred.recommenders.answering.popular import most_popular, not_looked_at
from kindred.recommenders.recommends import AnswersTogether, Recommends
from kindred.serving.answering.breaker import Breaker
from kindred.serving.state.graph_door import NotReadError
from kindred.serving.state.memory import Memory

_LOG = logging.getLogger("kindred.serving")
FAILURES = (StoreError, ArtifactError, OSError, RuntimeError, ValueError, IndexError)
"""What a store that is gone, hung up, or full of garbage raises; a request that can't be understood raises others."""
LISTS_KEPT = 10_000
LATEST_ITEMS = 20
MOST_ALIKE = 500
NO_ENGINE, NO_VECTORS, NO_GRAPH = "the vector engine fails", "the vectors can't be read", "the graph can't be read"
NO_TEXTS = "the graph can't be read: without the user's texts"
TOO_LATE = "the best answer would have come too late"
INSTEAD = {
    "exact": "compared in memory with what the model learned",
    "last": "the last list that was good",
    "like": "popular among users who chose the same",
    "popular": "what is popular",
}


class Ladder:
    """Answers requests of one system, always.

    Args:
        recommender: answers through the vector engine.
        memory: what is known without it.
        version: names the version that answers.
        graph_problem: says what is wrong with the graph or was since a time, None where nothing is.
        as_stranger: the request to answer in place of one of a user who was deleted, None for others.
    """

    def __init__(
        self,
        recommender: Recommends,
        memory: Memory,
        version: Callable[[], str],
        graph_problem: Callable[[float], str | None],
        as_stranger: Callable[[Request], Request | None] = lambda request: None,
    ) -> None:
        self._recommender = recommender
        self._memory = memory
        self._version = version
        self._graph_problem = graph_problem
        self._as_stranger = as_stranger
        self._last: OrderedDict[tuple[str, bool], tuple[Answer, int]] = OrderedDict()
        self.breaker = Breaker()

    def __call__(self, request: Request) -> Answer:
        """The answer of the highest level that works; errors of the request itself are raised."""
        unknown = self._as_stranger(request)
        if unknown is not None:
            return replace(self(unknown), user_id=request.user_id)
        if request.version is not None:
            return self._recommender(request)
        if not self.breaker.allows():
            return self.below(request)
        began = time.monotonic()
        try:
            answer = self._recommender(request)
        except NotReadError as error:  # some answers go by the graph: the vector engine did not fail
            return self.from_lists(request, error, NO_GRAPH)
        except FAILURES as error:
            self.failed(error)
            return self.below(request)
        return self._good(request, answer, began)

    def failed(self, error: Exception) -> None:
        """Counts a failure of the vector engine, and says so once it is left alone for it."""
        if self.breaker.failed(error):
            _LOG.warning("system %s answers without the vector engine: %s", self._memory.system.name, error)

    def _good(self, request: Request, answer: Answer, began: float) -> Answer:
        """The answer of the best level, kept for when it fails."""
        if self.breaker.succeeded():
            _LOG.warning("system %s answers from the vector engine again", self._memory.system.name)
        if is_plain(request):
            self._keep(request, answer)
        return self._without_texts(request, answer, began)

    def together(self, requests: Sequence[Request]) -> list[Answer | Exception]:
        """What each of several requests that are quick gets: its answer, or the error of the request itself."""
        usual = all(is_plain(request) and request.version is None for request in requests)
        recommender = self._recommender if usual and self.breaker.state == "closed" else None
        if len(requests) > 1 and isinstance(recommender, AnswersTogether):
            with suppress(KindredError, *FAILURES):  # each is tried alone then, and fails alone
                began, answers = time.monotonic(), recommender.together(requests)
                return [self._good(request, answer, began) for request, answer in zip(requests, answers, strict=True)]
        return [self._alone(request) for request in requests]

    def _alone(self, request: Request) -> Answer | Exception:
        try:
            return self(request)
        except (KindredError, *FAILURES) as error:
            return error

    def below(self, request: Request) -> Answer:
        """The answer of the highest level below the vector engine that works."""
        try:
            return _degraded(self._recommender.in_memory()(request), "exact", NO_ENGINE)
        except FAILURES as error:
            return self.from_lists(request, error)

    def from_lists(self, request: Request, error: Exception, cause: str = NO_VECTORS) -> Answer:
        """An answer without any vector, which names the cause. Raises: the error, where the request takes one."""
        if request.among is not None or request.events:
            raise error
        last = self._last_list(request)
        if last is not None:
            return _degraded(last, "last", cause)
        alike = self._alike(request)
        level, counts = ("like", alike) if alike else ("popular", self._memory.counts(request.at))
        return _degraded(self._listed(request, counts), level, cause, not_looked_at(request))

    def _keep(self, request: Request, answer: Answer) -> None:
        if request.user_id is None or request.exclude or not answer.recommendations:
            return
        asked = request.user_id, request.exclude_seen  # with or without what they had is another list
        kept = self._last.get(asked)
        if kept is None or kept[1] <= request.k or kept[0].version != answer.version:
            self._last[asked] = (answer, request.k)
        self._last.move_to_end(asked)
        while len(self._last) > LISTS_KEPT:
            self._last.popitem(last=False)

    def forget_user(self, user_id: str) -> None:
        """Drops what is kept of a user, here and by who recommends."""
        for exclude_seen in (True, False):
            self._last.pop((user_id, exclude_seen), None)
        if isinstance(self._recommender, AnswersTogether):
            self._recommender.forget_user(user_id)

    def _last_list(self, request: Request) -> Answer | None:
        kept = self._last.get((request.user_id or "", request.exclude_seen))
        if kept is None or not is_plain(request):
            return None
        barred = left_out(self._memory, request)
        left = [item for item in kept[0].recommendations if item.item_id not in barred]
        return replace(kept[0], recommendations=tuple(left[: request.k]), removed={}) if left else None

    def _alike(self, request: Request) -> Counter[str]:
        """How often users who chose the same chose each item."""
        past, found = self._memory.past, Counter[str]()
        if request.user_id is None:
            return found
        latest = past.items.positions(list(self._memory.seen(request.user_id, request.at))[-LATEST_ITEMS:])
        of_items = [past.by_item.of(int(item)) for item in latest if item >= 0]
        if not of_items:
            return found
        users, shared = np.unique(np.concatenate(of_items), return_counts=True)
        for user in users[np.argsort(-shared, kind="stable")][:MOST_ALIKE]:
            found.update(past.item_ids(past.rows(past.users.external(int(user)), request.at)))
        return found

    def _listed(self, request: Request, counts: Mapping[str, int]) -> Answer:
        items = most_popular(self._memory, request, counts, self._nodes_of, self._memory.knows_item)
        system, version = self._memory.system.name, self._version()
        return Answer(request.user_id, items, "popular", version, {}, system)

    def _nodes_of(self, item_id: str, label: str) -> list[str]:
        triples = [triple for triple in self._memory.system.triples[1:] if triple[2].lower() == label]
        return [node for triple in triples for node in self._memory.members(item_id, triple)]

    def _without_texts(self, request: Request, answer: Answer, began: float) -> Answer:
        """The answer, said to be degraded where the graph could not be asked what the user wrote."""
        if answer.level in ("model", "popular") or request.events or self._graph_problem(began) is None:
            return answer
        return replace(answer, degraded=True, note=answer.note or NO_TEXTS)


def is_plain(request: Request) -> bool:
    """Whether the request asks for nothing but the best for a user now."""
    special = request.at is not None or request.among is not None or request.version is not None
    said = request.viewed or request.text or request.queries or request.events
    rules = request.where or request.bounds or request.at_most or request.boosts or request.pinned or request.diversity
    return not (special or said or rules)


def _degraded(answer: Answer, level: str, cause: str, aside: str = "") -> Answer:
    note = answer.note or "; ".join(filter(None, [cause, INSTEAD[level], aside]))
    return replace(answer, served_by=level, degraded=True, note=note)
