"""A more varied list: maximal marginal relevance, one item after the other.

Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
1998. Next comes the candidate with the most of (1 − diversity) · score − diversity · similarity to the most alike of
those chosen already; scores are put between 0 and 1 within the request, since they have no unit of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from kindred.domain.interactions import FloatArray
from kindred.domain.recommendation import Candidate, best_first

T = TypeVar("T")

CANDIDATES_PER_RANK = 10
"""Candidates to choose from, for each rank of the list."""
Similarity = Callable[[Sequence[str]], FloatArray]
"""Item ids -> cosine between each two of them, `[num_items, num_items]`."""


def diversify(candidates: Sequence[Candidate], similarity: Similarity, k: int, diversity: float) -> list[Candidate]:
    """The k candidates in the order of maximal marginal relevance, each with its own score.

    The best one always comes first, and ties go by score, then by id.

    Args:
        candidates: what may be recommended.
        similarity: how alike items are.
        k: length of the list.
        diversity: from 0, the best first, to 1, the least alike next.
    """
    ranked = best_first(candidates)
    if diversity == 0 or not ranked:
        return ranked[:k]
    scores = np.array([candidate.score for candidate in ranked], dtype=np.float32)
    return [ranked[position] for position in mmr_order(scores, similarity([c.item_id for c in ranked]), k, diversity)]


def at_most_of_each(ordered: Iterable[T], nodes_of: Iterable[Sequence[str]], count: int) -> list[T]:
    """What is left without those that would be more than `count` of one node.

    Args:
        ordered: candidates or items, best first.
        nodes_of: of each the nodes that count, e.g. its artists.
        count: how many of one node may stay.
    """
    kept, counts = [], Counter[str]()
    for one, nodes in zip(ordered, nodes_of, strict=True):
        if all(counts[node] < count for node in nodes):
            counts.update(nodes)
            kept.append(one)
    return kept


def mmr_order(scores: FloatArray, similarity: FloatArray, k: int, diversity: float) -> list[int]:
    """Positions of the k chosen candidates, in the order of choice; equal values by position.

    Args:
        scores: best first, `[num_candidates]`.
        similarity: cosine between each two, `[num_candidates, num_candidates]`.
        k: how many to choose.
        diversity: share of similarity in the choice, in [0, 1].
    """
    spread = float(scores[0] - scores[-1])
    worth = (1 - diversity) * ((scores - scores[-1]) / spread if spread > 0 else np.ones_like(scores))
    chosen = [0]
    nearest = similarity[0].copy()
    left = np.ones(len(scores), dtype=bool)
    left[0] = False
    while len(chosen) < min(k, len(scores)):
        position = int(np.argmax(np.where(left, worth - diversity * nearest, -np.inf)))
        chosen.append(position)
        left[position] = False
        nearest = np.maximum(nearest, similarity[position])
    return chosen
