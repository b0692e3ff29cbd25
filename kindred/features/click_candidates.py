"""Which articles may be an answer: popular ones, and those that others clicked after or beside the reader's last three.

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
from kindred.features.click_contexts import LAST, TOGETHER, Asked, contexts
from kindred.features.clicks import ClickFeatures, ranks_in

_TICK = 10_000  # milliseconds
_POPULAR = ((1, 200), (3, 250), (4, 250), (5, 150))
"""Number of a half-life in `KINDS["everyone"]`, and how many of the most popular by it are candidates."""
_FOLLOWERS, _LEAST = 300, 0.02
"""At most so many that were clicked right after, each at least so often (a faded count)."""
_TOGETHER = 100
"""At most so many that were clicked in the same session as one of the last three."""
_SHORT = (("everyone", 1, 40), ("last", 1, 50), ("last", 3, 30), ("after_second", 1, 20), ("region", 1, 15))
"""Share, the number of its half-life, and how many of the first by it are ranked by every feature."""
_SHORT_FOLLOWED, _SHORT_TOGETHER = 20, 30
"""So many of the first by what hardly fades: what followed the last one, and what was clicked in its session."""


@dataclass(frozen=True)
class Candidates:
    """Articles that may be an answer to some requests.

    Attributes:
        request: which request each row is of, growing, `[num_rows]`.
        article: `[num_rows]`.
        plain: how each is ordered without a model, higher is better, `[num_rows]`.
        is_short: whether it is high by counts that fade, so that every model ranks it, `[num_rows]`.
        is_lasting: whether it is high by counts that hardly fade, for models that read those, `[num_rows]`.
        keys: the context of each request by kind, `[num_requests]` each.
        shares: those of the simple orders, by kind, and what `together` says, `[num_rows, half-lives]` each.
    """

    request: IntArray
    article: IntArray
    plain: DoubleArray
    is_short: NDArray[np.bool_]
    is_lasting: NDArray[np.bool_]
    keys: Mapping[str, IntArray]
    shares: Mapping[str, DoubleArray]

    def ranked(self, lasting: bool) -> NDArray[np.bool_]:
        """The rows that a model ranks, one that reads what hardly fades or one that does not, `[num_rows]`."""
        return self.is_short | self.is_lasting if lasting else self.is_short


class CandidateFinder:
    """Finds candidates by the features of clicks."""

    def __init__(self, features: ClickFeatures) -> None:
        self.features = features
        self._tick = -1
        self._popular = np.empty(0, dtype=np.int64)

    def find(self, reader: IntArray, asked: Asked) -> Candidates:
        """The candidates of each request, without what the reader clicked before."""
        found = [self._of_request(int(who), asked, request) for request, who in enumerate(reader.tolist())]
        request = np.repeat(np.arange(len(found)), [len(articles) for articles, _ in found])
        article = np.concatenate([articles for articles, _ in found]) if found else np.empty(0, dtype=np.int64)
        fades = np.concatenate([of for _, of in found]) if found else np.empty(0, dtype=np.bool_)
        keys = contexts(self.features.log, asked)
        names = [name for name, _, _ in _SHORT]
        shares = self.features.shares(asked, keys, request, article, names)
        short = np.zeros(len(request), dtype=np.bool_)
        for name, half_life, most in _SHORT:
            short |= ranks_in(request, np.where(fades, shares[name][:, half_life], -np.inf)) < most
        short &= fades
        together = self.features.together(asked, request, article)
        lasting = (together > 0) & (ranks_in(request, together) < _SHORT_TOGETHER)
        lasting |= ranks_in(request, shares[LAST][:, -1]) < _SHORT_FOLLOWED
        shares[TOGETHER] = together[:, None]
        return Candidates(request, article, shares[LAST][:, 1], short, lasting, keys, shares)

    def _of_request(self, reader: int, asked: Asked, request: int) -> tuple[IntArray, NDArray[np.bool_]]:
        """The candidates of a request, and which of them are found by counts that fade."""
        followers, often = self.features.followers(asked, request)
        most = _highest(often, _FOLLOWERS)
        popular = self._popular_at(int(asked.at[request]))
        near, together = self.features.neighbours(asked, request)
        nearest = near[_highest(together, _TOGETHER)]
        of_fading = distinct(popular, followers[most[often[most] > _LEAST]])
        articles = distinct(of_fading, nearest)
        last = int(asked.row[request, 0])
        before = self.features.clicked(reader, int(self.features.log.at[last]) + 1) if last >= 0 else articles[:0]
        articles = articles[~np.isin(articles, before)]
        return articles, np.isin(articles, of_fading)

    def _popular_at(self, at: int) -> IntArray:
        tick = at // _TICK * _TICK
        if tick != self._tick:
            articles, counts = self.features.popular(tick, [half_life for half_life, _ in _POPULAR])
            best = [_highest(counts[:, n], most) for n, (_, most) in enumerate(_POPULAR)]
            self._tick, self._popular = tick, articles[distinct(*best)]
        return self._popular


def _highest(values: DoubleArray, most: int) -> IntArray:
    """Rows of the highest values, in no order; of equal ones the first."""
    if most >= len(values):
        return np.arange(len(values))
    least = np.partition(values, -most)[-most]
    above = np.flatnonzero(values > least)
    level = np.flatnonzero(values == least)[: most - len(above)]
    return np.concatenate([above, level])
