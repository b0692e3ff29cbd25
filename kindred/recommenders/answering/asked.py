"""A request as the pipeline sees it, and how its candidates are scored and left out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kindred.domain.embeddings import Vectors
from kindred.domain.recommendation import Candidate, Request
from kindred.recommenders.answering.askers import Asker
from kindred.recommenders.answering.opened import Version


@dataclass(frozen=True)
class Asked:
    """A request as the pipeline sees it.

    Attributes:
        request: what was asked.
        version: what answers.
        vector: the row to search with, `[width]`.
        excluded: items that may not be in the answer, with the reason.
        asker: who asks, for a ranker; None where retrieval alone ranks.
        numbers: of the items, those that the request bounds: name → item → value.
        risen: what events since the version add to the scores of their items, or to that of an item without fans where
            they stand below it.
        found: the nearest items, where they were searched together with those of other requests.
    """

    request: Request
    version: Version
    vector: Vectors
    excluded: Mapping[str, str]
    asker: Asker | None = None
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    risen: Mapping[str, float] = field(default_factory=dict)
    found: Sequence[Candidate] | None = None

    @property
    def has_conditions(self) -> bool:
        """Whether not every item will do."""
        return bool(self.request.where or self.request.bounds)


def excluded_among(asked: Asked, candidates: Sequence[Candidate]) -> Mapping[str, str]:
    """The candidates that may not be in the answer, each with the reason."""
    excluded = asked.excluded
    return {item_id: excluded[item_id] for item_id, _ in candidates if item_id in excluded}


def _ranked(asked: Asked, candidates: Sequence[Candidate]) -> Sequence[float]:
    """Scores of the ranker."""
    asker, version = asked.asker, asked.version
    if asker is None or version.ranker is None:
        return [candidate.score for candidate in candidates]
    from kindred.recommenders.ranking.ranker import Asking, rank_candidates

    past, learned = asker.past, asker.learned
    if learned is None:
        learned = version.model.learned_rows(asker.history())
    at = int(time.time()) if asked.request.at is None else asked.request.at
    asking = Asking(asker.user_id, past.seen, past.seen_at, past.skipped, learned, at)
    return rank_candidates(version.ranker, version.model, asking, candidates)


def scored_anew(asked: Asked, candidates: Sequence[Candidate]) -> Sequence[float]:
    """Scores of the ranker, if there is one, with what rose and the boosts of the request in units of their spread."""
    scores = _ranked(asked, candidates)
    if asked.risen:
        risen, least = asked.risen, asked.version.score_without_fans
        pairs = zip(scores, candidates, strict=True)
        scores = [max(s, least) + risen[c.item_id] if c.item_id in risen else s for s, c in pairs]
    return boosted(scores, candidates, asked.request.boosts)


def boosted(scores: Sequence[float], candidates: Sequence[Candidate], boosts: Mapping[str, float]) -> Sequence[float]:
    """The scores of these candidates with the boosts of a request, in units of the spread of all."""
    if not boosts or not candidates:
        return scores
    spread = max(scores) - min(scores) or 1.0
    return [s + spread * boosts.get(c.item_id, 0.0) for s, c in zip(scores, candidates, strict=True)]
