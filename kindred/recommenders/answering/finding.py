"""The items that may be in an answer: found, left out and put in order, by what the request asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from kindred.domain.recommendation import Candidate, Request, best_first
from kindred.recommenders.answering.asked import Asked, excluded_among, scored_anew
from kindred.recommenders.answering.known import Known, pinned_items
from kindred.recommenders.answering.opened import Version
from kindred.recommenders.answering.pipeline import Pipeline, Selection, Source
from kindred.recommenders.answering.popular import unmet_condition
from kindred.recommenders.diversity import CANDIDATES_PER_RANK, at_most_of_each, diversify
from kindred.recommenders.releases import ITEMS
from kindred.recommenders.system import System
from kindred.vectorstore.store import PublishedVectors

_WIDER = 4
"""Factor by which a search grows that found too few items of the kind asked for."""


class Finder:
    """Finds the items of an answer in the vectors of the version that answers.

    Args:
        system: whose items.
        known: what is known of items besides.
        vectors: where the items' vectors are searched.
    """

    def __init__(self, system: System, known: Known, vectors: PublishedVectors) -> None:
        self._system, self._known, self._vectors = system, known, vectors

    def selection(self, asked: Asked, level: str, k: int) -> Selection:
        """The k best items, pinned ones first, and what was taken out of them."""
        return self._with_pinned(asked, self._pipeline(asked, level).run(asked, k))

    def nearest(self, asked: Asked, k: int) -> Sequence[Candidate]:
        """Candidates by vector search, and those excluded that would be among them."""
        wanted = count = self.num_candidates(asked, k)
        found, excluded = asked.found, asked.excluded
        while True:
            if found is None:
                found = self._vectors.search(asked.version.name, ITEMS, asked.vector, count, exclude=excluded)
            if not asked.has_conditions:
                break
            suited = sum(self._unmet(asked, candidate) is None for candidate in found)
            if suited >= wanted or len(found) < count:
                break
            count, found = count * _WIDER, None
        if asked.request.boosts or asked.risen:
            there = {candidate.item_id for candidate in found}
            raised = dict.fromkeys([*asked.request.boosts, *asked.risen])
            found = [*found, *self._scored(asked, [item for item in raised if item not in there])]
        if not asked.request.removed:
            return found
        lowest = found[-1].score if len(found) >= k else -np.inf
        left_out = self._scored(asked, list(excluded))
        return [*found, *(candidate for candidate in left_out if candidate.score >= lowest)]

    def num_candidates(self, asked: Asked, k: int) -> int:
        """How many of the nearest items the best k are chosen from, where no condition is asked."""
        chooses = asked.request.diversity or asked.request.at_most or asked.request.boosts
        count = k * CANDIDATES_PER_RANK if chooses else k
        if asked.asker is not None and asked.version.ranker is not None:
            count = max(count, asked.version.ranker.candidates)
        return count

    def met_by_none(self, version: Version, request: Request) -> str:
        """The first condition that no item at all meets, in words; empty where some meet each."""
        item = self._system.words.item
        for name, values in self._known.numbers(request.bounds).items():
            if not values:
                return f"no {item} has a {name}"
        for label, node in request.where.items():
            if not any(node in self.nodes(version, one, label) for one in version.model.items):
                return f"no {item} is of {label} {node}"
        return ""

    def _pipeline(self, asked: Asked, level: str) -> Pipeline[Asked]:
        name = level if level in ("popular", "similar") else "model"
        find = self.nearest if asked.request.among is None else self._among
        conditions = (self._unfit_among,) if asked.has_conditions else ()
        scorer = scored_anew if asked.asker is not None or asked.request.boosts or asked.risen else None
        return Pipeline(
            sources=(Source(name, find),), filters=(excluded_among, *conditions), select=self._select, scorer=scorer
        )

    def _unmet(self, asked: Asked, candidate: Candidate) -> str | None:
        return unmet_condition(asked.request, candidate.item_id, asked.numbers, partial(self.nodes, asked.version))

    def _unfit_among(self, asked: Asked, candidates: Sequence[Candidate]) -> dict[str, str]:
        """The candidates that do not meet a condition of the request, and which."""
        why = {candidate.item_id: self._unmet(asked, candidate) for candidate in candidates}
        return {item_id: reason for item_id, reason in why.items() if reason is not None}

    def _with_pinned(self, asked: Asked, selection: Selection) -> Selection:
        """The selection after the pinned items, each with its own score."""
        request = asked.request
        if not request.pinned:
            return selection
        pinned = pinned_items(self._known, request)
        scores = {c.item_id: c for c in self._scored(asked, pinned)}
        first = [scores[item] for item in pinned if item in scores]
        others = [candidate for candidate in selection.chosen if candidate.item_id not in scores]
        chosen = tuple([*first, *others][: request.k])
        return Selection(chosen, selection.sources | dict.fromkeys(scores, "rule"), selection.removed)

    def _among(self, asked: Asked, k: int) -> Sequence[Candidate]:
        """The given candidates that the version has a vector of."""
        return self._scored(asked, asked.request.among or ())

    def _scored(self, asked: Asked, item_ids: Sequence[str]) -> list[Candidate]:
        found = self._vectors.fetch(asked.version.name, ITEMS, item_ids)
        scores = found.vectors @ asked.vector
        return [Candidate(i, float(s)) for i, s in zip(found.ids, scores, strict=True)]

    def _select(self, asked: Asked, candidates: Sequence[Candidate], k: int) -> Sequence[Candidate]:
        for label, count in asked.request.at_most.items():
            ordered = best_first(candidates)
            nodes = [self.nodes(asked.version, candidate.item_id, label) for candidate in ordered]
            candidates = at_most_of_each(ordered, nodes, count)
        if not asked.request.diversity:
            return best_first(candidates, k)
        return diversify(candidates, asked.version.model.similarity, k, asked.request.diversity)

    def nodes(self, version: Version, item_id: str, label: str) -> list[str]:
        """The nodes of one label that an item leads to."""
        triples = self._system.context_triples(label)
        return [node for triple in triples for node in version.members(item_id, triple, self._known)]
