"""The second stage: a network that ranks what retrieval found, and takes the place of its scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.domain.recommendation import Candidate
from kindred.domain.sessions import SILENCE
from kindred.models.pairwise_scores import PairwiseScores
from kindred.recommenders.model import Model
from kindred.recommenders.ranking.latest_events import LatestEvents
from kindred.recommenders.ranking.pair_features import (
    EventsByUser,
    PairFeatures,
    Spread,
    Tastes,
    best_candidates,
    scores_at,
)
from kindred.recommenders.runs import RANKER
from kindred.training.checkpoint import read_arrays, write_arrays


@dataclass(frozen=True)
class Ranker:
    """Ranks candidates of users.

    Attributes:
        scores: the trained network.
        features: the numbers of pairs that it reads.
        user_graph: embeddings of the graph network of the users of the training, `[num_users, graph_dim]`.
        candidates: how many items of retrieval it ranks.
        within: whether it ranks for those who ask in a session, in which they did something.
        between: whether it ranks for those who are in none.
    """

    scores: PairwiseScores
    features: PairFeatures
    user_graph: FloatArray
    candidates: int
    within: bool = True
    between: bool = True

    def ranks_for(self, events: Interactions, of_session: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """For which users it ranks, `[num_users]`; for the others retrieval alone does.

        Args:
            events: of the users.
            of_session: which of them are of the session that goes on, `[num_events]`.
        """
        return np.where(events.take(of_session).are_active, self.within, self.between)

    def ranks_at(self, seen_at: IntArray, at: int) -> bool:
        """Whether it ranks for somebody with events at these times, ascending, who asks at that time."""
        is_within = len(seen_at) > 0 and (not self.features.is_timed or at - int(seen_at[-1]) <= SILENCE)
        return self.within if is_within else self.between

    def logits(self, users: FloatArray, tastes: Tastes, candidates: IntArray, scores: FloatArray) -> FloatArray:
        """Logit of each candidate, `[num_users, num_candidates]`; `−inf` where there is none.

        Args:
            users: embeddings, `[num_users, dim]`.
            tastes: what the users did.
            candidates: item positions, `[num_users, num_candidates]`, −1 for an item that training did not know.
            scores: of retrieval, then of the latest events, `[1 + NUM_SUMS, num_users, num_candidates]`; `−inf` where
                there is no candidate.
        """
        numbers = self.features.numbers(tastes, candidates, Spread.of(scores).apply(scores))
        flat = numbers.reshape(-1, numbers.shape[2])
        pairs = users if len(users) == 1 else np.repeat(users, candidates.shape[1], axis=0)
        logits = self.scores.logits(pairs, candidates.reshape(-1), flat).reshape(candidates.shape)
        found: FloatArray = np.where(np.isfinite(scores[0]), logits, -np.inf)
        return found

    def save(self, folder: Path) -> None:
        """Writes it into the folder; `load_ranker` brings it back."""
        arrays = self.scores.state() | self.features.state() | {"users": self.user_graph}
        settings = {"candidates": self.candidates, "within": self.within, "between": self.between}
        write_arrays(folder, RANKER, arrays, settings)


def load_ranker(folder: Path) -> Ranker:
    """What was saved into the folder.

    Raises:
        ArtifactError: it is damaged, or of another version.
    """
    arrays, manifest = read_arrays(folder, RANKER)
    try:
        scores, features = PairwiseScores.from_state(arrays), PairFeatures.from_state(arrays)
        settings = (manifest["candidates"], manifest["within"], manifest["between"])
        ranker = Ranker(scores, features, arrays["users"], *settings)
    except KeyError as error:
        raise ArtifactError(f"the ranker in {folder} does not fit this version: {error}", "train again") from error
    if scores.num_numbers != features.num_numbers:
        told = f"it reads {scores.num_numbers} numbers of a pair, of which there are {features.num_numbers}"
        raise ArtifactError(f"the ranker in {folder} does not fit this version: {told}", "train again")
    return ranker


@dataclass(frozen=True)
class RankedUsers:
    """Users in numbers, e.g. all of a training, ranked in batches: what they know and skipped is left out.

    Attributes:
        retrieve: retrieval's scores of the whole catalogue, by row.
        position: of each in the training, `[num_rows]`.
        graph: what the graph network makes of each, `[num_rows, graph_dim]`.
        known: events up to now, by row.
        skips: skips up to now, None where there are none.
        latest: their last events alone; None where no ranker will ask.
    """

    retrieve: Scorer
    position: IntArray
    graph: FloatArray
    known: Interactions
    skips: Interactions | None
    latest: LatestEvents | None = None

    def open_scores(self, users: IntArray) -> FloatArray:
        """Retrieval's scores, `−inf` where a user knows or skipped the item, `[num_users, num_items]`."""
        scores = np.array(self.retrieve(users), dtype=np.float32)
        for events in (self._known, self._skips):
            if events is not None:
                found = events.of_users(users)
                scores[found.user_index, found.item_index] = -np.inf
        return scores

    def all_scores(self, users: IntArray, retrieved: FloatArray) -> FloatArray:
        """Retrieval's open scores, then those of the latest events, `[num_scores, num_users, num_items]`."""
        if self.latest is None:
            return retrieved[None]
        latest = np.where(np.isfinite(retrieved), self.latest.scores(users), -np.inf)
        return np.concatenate([retrieved[None], latest]).astype(np.float32)

    def tastes(self, features: PairFeatures, users: IntArray) -> Tastes:
        """What these users did."""
        skips = None if self._skips is None else self._skips.of_users(users)
        return features.tastes(*self._sessions(users), skips)

    @property
    def of_session(self) -> NDArray[np.bool_]:
        """Which known events are of the session that goes on, `[num_events]`, where a ranker asks."""
        assert self.latest is not None
        return self.latest.of_session

    def _sessions(self, users: IntArray) -> tuple[Interactions, NDArray[np.bool_]]:
        """The events of these users, and which are of the session that goes on."""
        return self._known.of_users(users), self.of_session[self._known.rows_of_users(users)]

    @cached_property
    def _known(self) -> EventsByUser:
        return EventsByUser.of(self.known)

    @cached_property
    def _skips(self) -> EventsByUser | None:
        return None if self.skips is None else EventsByUser.of(self.skips)

    def logits(
        self, ranker: Ranker, users: IntArray, items: IntArray, found: FloatArray, scores: FloatArray
    ) -> FloatArray:
        """Logits of candidates, `[num_users, num_candidates]`; `−inf` where there is none and where retrieval ranks.

        Args:
            ranker: the second stage.
            users: rows.
            items: their candidates, −1 where there are fewer and for an item that training did not know,
                `[num_users, num_candidates]`.
            found: retrieval's scores of them, `−inf` where there are fewer.
            scores: retrieval's open scores of the whole catalogue, `[num_users, num_items]`.
        """
        logits: FloatArray = np.full(items.shape, -np.inf, dtype=np.float32)
        ranked = np.flatnonzero(ranker.ranks_for(*self._sessions(users)))
        if not len(ranked):
            return logits
        users, items = users[ranked], items[ranked]
        every = scores_at(self.all_scores(users, scores[ranked]), items)
        every[0] = found[ranked]
        embeddings = ranker.scores.users(self.position[users], self.graph[users])
        logits[ranked] = ranker.logits(embeddings, self.tastes(ranker.features, users), items, every)
        return logits

    def scorer(self, ranker: Ranker | None) -> Scorer:
        """Scores of the whole catalogue: first the candidates by their logits, then all others as retrieval has them.

        Those of retrieval alone without a ranker, and for users for whom it does not rank.
        """
        if ranker is None:
            return self.open_scores

        def score(users: IntArray) -> FloatArray:
            return _in_batches(users, lambda batch: self._ranked_scores(ranker, batch))

        return score

    def _ranked_scores(self, ranker: Ranker, users: IntArray) -> FloatArray:
        scores = self.open_scores(users)
        items, found = best_candidates(scores, ranker.candidates)
        logits = self.logits(ranker, users, items, found, scores)
        scores -= np.max(scores, axis=1, keepdims=True, initial=-1e30, where=np.isfinite(scores)) + 1
        rows, columns = np.nonzero(np.isfinite(logits))
        least = np.min(logits, axis=1, initial=1e30, where=np.isfinite(logits))
        scores[rows, items[rows, columns]] = logits[rows, columns] - least[rows]
        return scores


USERS_A_BATCH = 256


def _in_batches(users: IntArray, score: Callable[[IntArray], FloatArray]) -> FloatArray:
    parts = [score(users[start : start + USERS_A_BATCH]) for start in range(0, len(users), USERS_A_BATCH)]
    return np.concatenate(parts) if parts else score(users)


@dataclass(frozen=True)
class Asking:
    """Who asks for a ranking, as an answer knows them.

    Attributes:
        user_id: None for somebody who is not in the graph.
        seen: items of their events, oldest first.
        seen_at: seconds UTC of each of them, ascending, `BEFORE_ALL` where unknown.
        skipped: items that they skipped.
        learned: what the graph network makes of their events, `[1, dim]`; None without one.
        at: when they ask, seconds UTC.
    """

    user_id: str | None
    seen: Sequence[str]
    seen_at: IntArray
    skipped: Sequence[str]
    learned: FloatArray | None
    at: int


def rank_candidates(ranker: Ranker, model: Model, asking: Asking, candidates: Sequence[Candidate]) -> list[float]:
    """The logit of each candidate of retrieval, of somebody for whom the ranker ranks (`ranks_at`)."""
    if not candidates:
        return []
    seen = ranker.features.in_time(_of_one_user(asking.seen, model.items, asking.seen_at))
    found = None if asking.user_id is None else model.users.position(asking.user_id)
    position = np.array([-1 if found is None else found])
    graph = np.zeros_like(ranker.user_graph[:1]) if asking.learned is None else asking.learned
    items = model.items.positions([candidate.item_id for candidate in candidates])[None, :]
    retrieved = np.array([[[candidate.score for candidate in candidates]]], dtype=np.float32)
    latest = LatestEvents.of(model, seen, np.array([asking.at]), model.ranking.items[items[0]])
    tastes = ranker.features.tastes(seen, latest.of_session, _of_one_user(asking.skipped, model.items))
    scores = np.concatenate([retrieved, np.where(items >= 0, latest.scores(np.zeros(1, np.int64)), -np.inf)])
    logits: list[float] = ranker.logits(ranker.scores.users(position, graph), tastes, items, scores)[0].tolist()
    return logits


def _of_one_user(item_ids: Sequence[str], items: IdMap, at: IntArray | None = None) -> Interactions:
    """Events of one user with these items."""
    num_events = len(item_ids)
    positions = items.positions(item_ids) if num_events else np.zeros(0, dtype=np.int64)
    return Interactions(np.zeros(num_events, dtype=np.int64), positions, 1, len(items), at=at)
