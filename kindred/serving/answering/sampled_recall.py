"""How much of the best an engine's answers hold: now and then one is compared with what all vectors give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kindred.domain.recommendation import Answer, Request
from kindred.recommenders.recommends import Recommends
from kindred.serving.answering.ladder import is_plain

EVERY = 500
"""Answers of which one is compared."""


class SampledRecall:
    """Compares some answers of a system's engine, the first among them.

    Args:
        recommender: what answered.
        observe: told the share of each comparison, in [0, 1].
        every: of so many answers one is compared.
    """

    def __init__(self, recommender: Recommends, observe: Callable[[float], None], every: int = EVERY) -> None:
        self._recommender = recommender
        self._observe = observe
        self._every = every
        self._num_answers = 0

    def is_due(self, request: Request, answer: Answer) -> bool:
        """Whether this answer is one to compare."""
        if answer.served_by != "engine" or not answer.recommendations or not is_plain(request):
            return False
        self._num_answers += 1
        return self._num_answers % self._every == 1 % self._every

    def compare(self, request: Request, answer: Answer) -> None:
        """Compares the answer; items that came after the training are in no vectors in memory and do not count."""
        exact = self._recommender.in_memory()(replace(request, reasons=False, removed=False))
        if exact.version != answer.version:
            return
        found = {item.item_id for item in answer.recommendations if item.source != "new"}
        best = [item.item_id for item in exact.recommendations[: len(found)]]
        if best:
            self._observe(len(found.intersection(best)) / len(best))
