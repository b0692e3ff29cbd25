"""Which articles may be an answer: popular ones, and those that others clicked right after the reader's last three.

Popular ones are taken as of the last whole ten seconds, so that many requests share them. Of all candidates those are
ranked by every feature that stand high in one of a few simple orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.distinct import distinct
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.features.click_contexts import Asked, contexts
from kindred.features.clicks import ClickFeatures, ranks_in

_TICK = 10_000  # milliseconds
_POPULAR = ((1, 200), (3, 250), (4, 250), (5, 150))
"""Number of a half-life in `KINDS["everyone"]`, and how many of the most popular by it are candidates."""
_FOLLOWERS, _LEAST = 300, 0.02
"""At most so many that were clicked right after, each at least so often (a faded count)."""
_SHORT = (("everyone", 1, 40), ("last", 1, 50), ("last", 3, 30), ("after_second", 1, 20), ("region", 1, 15))
"""Share, the number of its half-life, and how many of the first by it are ranked by every feature."""


@dataclass(frozen=True)
class Candidates:
    """Articles that may be an answer to some requests.

    Attributes:
        request: which request each row is of, growing, `[num_rows]`.
        article: `[num_rows]`.
        plain: how each is ordered without a model, higher is better, `[num_rows]`.
        is_short: whether it is among those that the model ranks, `[num_rows]`.
        keys: the context of each request by kind, `[num_requests]` each.
        shares: those of the simple orders, by kind, `[num_rows, half-lives]` each.
    """

    request: IntArray
    article: IntArray
    plain: DoubleArray
    is_short: NDArray[np.bool_]
    keys: Mapping[str, IntArray]
    shares: Mapping[str, DoubleArray]


class CandidateFinder:
    """Finds candidates by the features of clicks."""

    def __init__(self, features: ClickFeatures) -> None:
        self.features = features
        self._tick = -1
        self._popular = np.empty(0, dtype=np.int64)

    def find(self, reader: IntArray, asked: Asked) -> Candidates:
        """The candidates of each request, without what the reader clicked before."""
        found = [self._of_request(int(who), asked, request) for request, who in enumerate(reader.tolist())]
        request = np.repeat(np.arange(len(found)), [len(articles) for articles in found])
        article = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
        keys = contexts(self.features.log, asked)
        names = [name for name, _, _ in _SHORT]
        shares = self.features.shares(asked, keys, request, article, names)
        short = np.zeros(len(request), dtype=np.bool_)
        for name, half_life, most in _SHORT:
            short |= ranks_in(request, shares[name][:, half_life]) < most
        return Candidates(request, article, shares["last"][:, 1], short, keys, shares)

    def _of_request(self, reader: int, asked: Asked, request: int) -> IntArray:
        followers, often = self.features.followers(asked, request)
        most = _highest(often, _FOLLOWERS)
        popular = self._popular_at(int(asked.at[request]))
        articles = distinct(popular, followers[most[often[most] > _LEAST]])
        last = int(asked.row[request, 0])
        before = self.features.clicked(reader, int(self.features.log.at[last]) + 1) if last >= 0 else articles[:0]
        return articles[~np.isin(articles, before)]

    def _popular_at(self, at: int) -> IntArray:
        tick = at // _TICK * _TICK
        if tick != self._tick:
            counts = self.features.popular(tick)
            best = [_highest(counts[:, n], most) for n, most in _POPULAR]
            articles = distinct(*best)
            self._tick, self._popular = tick, articles[counts[articles, -1] > 0]
        return self._popular


def _highest(values: DoubleArray, most: int) -> IntArray:
    """Rows of the highest values, in no order; of equal ones the first."""
    if most >= len(values):
        return np.arange(len(values))
    least = np.partition(values, -most)[-most]
    above = np.flatnonzero(values > least)
    level = np.flatnonzero(values == least)[: most - len(above)]
    return np.concatenate([above, level])
