"""Clicks of a news site: what readers in the same place clicked of late, as of a time.

What is known of a reader before a click (the article clicked last, the device, the place in the session, …) is their
context. For each kind of context, clicks are counted by it and the article that was clicked, and fade with several
half-lives; the share that an article has of the clicks made in one's own context is what ranks it.

Two things of such data are used nowhere, because they know the future: the number of clicks of a session, and the time
that lies between a reader's last click and the one to come (the last click of a session may bear a made-up time, a
fixed span after the one before it). Of that time it is only used whether the session is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kindred.domain.distinct import distinct
from kindred.domain.groups import place_in
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.features.click_contexts import (
    AFTER,
    DEPTH,
    KINDS,
    LAST,
    PRIOR_AT,
    SHARES,
    SLOW,
    TOGETHER,
    Asked,
    both,
    contexts,
    last_article,
)
from kindred.features.click_log import CODES, MINUTE, SESSION, ClickLog
from kindred.features.decayed import DecayedCounts

_PRIOR_WEIGHT = 5.0
"""Clicks that the share of the prior kind of context counts as."""
_FADING = 3
"""Which of the half-lives the counts of followers fade by."""
_APART = 4
"""Clicks of a session up to so many apart count as made together."""


SLOW_FEATURES = frozenset(
    {
        *(f"{name}_{kind.half_lives.index(SLOW)}" for name, kind in KINDS.items() if SLOW in kind.half_lives),
        *(f"{after}_{KINDS[LAST].half_lives.index(SLOW)}" for after in (f"{AFTER}second", f"{AFTER}third", "followed")),
        *(TOGETHER, f"rank_{TOGETHER}"),
    }
)
"""Features that hardly fade."""


class ClickFeatures:
    """Features of requests and articles from the clicks before them.

    Args:
        log: the clicks.
    """

    def __init__(self, log: ClickLog) -> None:
        self.log = log
        self._order = np.lexsort((np.arange(len(log)), log.reader))
        self._first = int(log.at.min()) if len(log) else 0
        self._span = int(log.at.max()) - self._first + 2 if len(log) else 2
        self._known = self._by_reader_and_time(log.reader[self._order], log.at[self._order])
        self._starts = np.searchsorted(log.reader[self._order], np.arange(log.num_readers + 2))
        keys = contexts(log, self.asked(log.reader, log.at))
        self._of: dict[str, tuple[DecayedCounts, DecayedCounts]] = {}
        for name, kind in KINDS.items():
            half_lives = np.array(kind.half_lives) * MINUTE
            by_article = DecayedCounts(both(keys[name], log.article, log.num_articles), log.at, half_lives)
            self._of[name] = by_article, DecayedCounts(keys[name], log.at, half_lives)
        self._together = _made_together(log, self._order)

    def asked(self, reader: IntArray, at: IntArray, lag: int = 0) -> Asked:
        """Requests at a time, nothing of that millisecond or later known; counts are `lag` milliseconds older."""
        end = np.searchsorted(self._known, self._by_reader_and_time(reader, at))
        rank = end[:, None] - 1 - np.arange(DEPTH)[None, :]  # [num_requests, DEPTH]
        there = rank >= self._starts[reader][:, None]
        if not len(self.log):
            none = np.full(rank.shape, -1)
            return Asked(at - lag, none, none[:, 0] + 1, none[:, 0])
        row = np.where(there, self._order[np.maximum(rank, 0)], -1)
        last = row[:, 0]
        goes_on = (last >= 0) & (at - self.log.at[last] <= SESSION)
        place = np.where(goes_on, self.log.place[last] + 1, 0)
        before = rank[:, 0] - place  # the rank of the last click of the session before
        left = np.where(before >= self._starts[reader], self._order[np.maximum(before, 0)], -1)
        return Asked(at - lag, row, place, left)

    def clicked(self, reader: int, at: int) -> IntArray:
        """Articles that a reader clicked before a time."""
        end = np.searchsorted(self._known, self._by_reader_and_time(np.array([reader]), np.array([at])))[0]
        return self.log.article[self._order[self._starts[reader] : end]]

    def _by_reader_and_time(self, reader: IntArray, at: IntArray) -> IntArray:
        """One number that grows by reader and time."""
        return reader * self._span + np.clip(at - self._first, 0, self._span - 1)

    def popular(self, at: int, half_lives: Sequence[int]) -> tuple[IntArray, DoubleArray]:
        """Articles clicked before a time, and their faded counts, `[num_found, num_half_lives]`.

        Args:
            at: the time.
            half_lives: numbers of those of everyone.
        """
        return self._of["everyone"][0].between(0, self.log.num_articles, at, half_lives)

    def followers(self, asked: Asked, request: int) -> tuple[IntArray, DoubleArray]:
        """Articles that others clicked right after one of this reader's last three, and how often, faded.

        Args:
            asked: the requests.
            request: which of them.
        """
        return self._beside(self._of[LAST][0], asked, request, 2, _FADING)

    def neighbours(self, asked: Asked, request: int) -> tuple[IntArray, DoubleArray]:
        """Articles clicked in one session with one of this reader's last three, and how often, hardly faded."""
        return self._beside(self._together, asked, request, 1, 0)

    def _beside(
        self, counts: DecayedCounts, asked: Asked, request: int, kinds: int, half_life: int
    ) -> tuple[IntArray, DoubleArray]:
        """Articles counted with one of a reader's last three, and how often; `kinds` of keys an article has there."""
        num, at = self.log.num_articles, int(asked.at[request])
        row = asked.row[request, :3]
        found, often = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        for article in distinct(self.log.article[row[row >= 0]]).tolist():
            keys, times = counts.between(kinds * article * num, kinds * (article + 1) * num, at, [half_life])
            found.append(keys % num)
            often.append(times[:, 0])
        return np.concatenate(found), np.concatenate(often)

    def together(self, asked: Asked, request: IntArray, article: IntArray) -> DoubleArray:
        """How often each row's article was clicked in one session with the reader's last ones, as a logarithm.

        The latest of them counts in full, the one before it half, and so on. Next to nothing fades.

        Args:
            asked: the requests.
            request: which of them each row is of, `[num_rows]`.
            article: `[num_rows]`.
        """
        often = np.zeros(len(request))
        for place in range(DEPTH if len(self.log) else 0):
            row = asked.row[:, place]
            own = np.where(row >= 0, self.log.article[row], -1)[request]
            keys = both(own, article, self.log.num_articles)
            there = np.flatnonzero(keys >= 0)
            often[there] += self._together.before(keys[there], asked.at[request[there]])[:, 0] / (place + 1)
        return np.log1p(often)

    def rows(
        self,
        asked: Asked,
        request: IntArray,
        article: IntArray,
        keys: Mapping[str, IntArray] | None = None,
        known: Mapping[str, DoubleArray] | None = None,
    ) -> tuple[list[str], DoubleArray]:
        """Names of the features, and those of each row, `[num_rows, num_features]`.

        Args:
            asked: the requests.
            request: which of them each row is of, growing, `[num_rows]`.
            article: `[num_rows]`.
            keys: the contexts of the requests, where they were worked out before.
            known: shares of these rows that were worked out before, by name; that of everyone among them.
        """
        keys = contexts(self.log, asked) if keys is None else keys
        shares = self.shares(asked, keys, request, article, known=known)
        values = _flat(shares)
        popular = shares["everyone"]
        for name in (LAST, *CODES, "place"):
            at = PRIOR_AT.get(name, 0)
            values[f"{name}_lift"] = shares[name][:, at] - popular[:, PRIOR_AT["everyone"]]
        for faster, slower in ((0, 2), (1, 3), (3, 4)):
            values[f"trend_{faster}_{slower}"] = popular[:, faster] - popular[:, slower]
        values |= self._of_articles(asked, request, article)
        values |= self._followed(asked, keys, request, article)
        often = known[TOGETHER][:, 0] if known and TOGETHER in known else self.together(asked, request, article)
        values |= {TOGETHER: often, f"rank_{TOGETHER}": np.log1p(ranks_in(request, often))}
        values |= self._since_last_visit(asked, request, article, popular[:, 2])
        values |= self._of_requests(asked, keys, request)
        for name in ("everyone_1", "everyone_3", f"{LAST}_1", f"{LAST}_2"):
            values[f"rank_{name}"] = np.log1p(ranks_in(request, values[name]))
        return list(values), np.stack(list(values.values()), axis=1)

    def shares(
        self,
        asked: Asked,
        keys: Mapping[str, IntArray],
        request: IntArray,
        article: IntArray,
        names: Sequence[str] = SHARES,
        known: Mapping[str, DoubleArray] | None = None,
    ) -> dict[str, DoubleArray]:
        """Logarithm of the share of each row's article among the clicks of its context, `[num_rows, half-lives]`."""
        there = known or {}
        logs = {"everyone": there["everyone"] if there else self._popularity(asked, request, article)}
        for name in names:
            if name in there:
                logs[name] = there[name]
            if name in logs:
                continue
            after = name.removeprefix(AFTER)
            of = name if after == name else LAST
            key = keys[name] if after == name else both(keys[after], np.ones(len(asked), dtype=np.int64), 2)
            logs[name] = self._share(of, key, asked, request, article, logs[KINDS[of].prior])
        return logs

    def _popularity(self, asked: Asked, request: IntArray, article: IntArray) -> DoubleArray:
        by_article, total = self._of["everyone"]
        counts = by_article.before(article, asked.at[request])
        everything = total.before(np.zeros(len(asked), dtype=np.int64), asked.at)[request]
        share: DoubleArray = np.log((counts + 1e-3) / (everything + 1.0))
        return share

    def _share(
        self, name: str, key: IntArray, asked: Asked, request: IntArray, article: IntArray, prior: DoubleArray
    ) -> DoubleArray:
        by_article, total = self._of[name]
        counts = by_article.before(both(key[request], article, self.log.num_articles), asked.at[request])
        mass = total.before(key, asked.at)[request]
        usual = np.exp(prior[:, PRIOR_AT[KINDS[name].prior]])[:, None]
        share: DoubleArray = np.log((counts + _PRIOR_WEIGHT * usual) / (mass + _PRIOR_WEIGHT))
        return share

    def _of_articles(self, asked: Asked, request: IntArray, article: IntArray) -> dict[str, DoubleArray]:
        at = asked.at[request]
        number, first, last = self._of["everyone"][0].history(article, at)
        return {
            "clicks": np.log1p(number),
            "age": np.log1p(np.where(number > 0, at - first, 0) / MINUTE),
            "silence": np.log1p(np.where(number > 0, at - last, 0) / 1000),
        }

    def _followed(
        self, asked: Asked, keys: Mapping[str, IntArray], request: IntArray, article: IntArray
    ) -> dict[str, DoubleArray]:
        """How often, and not only in which share, the article was clicked after the last one."""
        by_article, total = self._of[LAST]
        counts = by_article.before(both(keys[LAST][request], article, self.log.num_articles), asked.at[request])
        mass = total.before(keys[LAST], asked.at)[request]
        back = by_article.before(
            both(2 * article + 1, last_article(self.log, asked)[request], self.log.num_articles), asked.at[request]
        )
        return {
            **{f"followed_{n}": np.log1p(counts[:, n]) for n in range(counts.shape[1])},
            "led_on_1": np.log1p(mass[:, 1]),
            "led_on_3": np.log1p(mass[:, 3]),
            "led_here": np.log1p(back[:, 2]),
        }

    def _since_last_visit(
        self, asked: Asked, request: IntArray, article: IntArray, now: DoubleArray
    ) -> dict[str, DoubleArray]:
        """What the article was to everybody when the reader's session before this one ended, NaN without one."""
        known = asked.left >= 0
        left = np.where(known, self.log.at[asked.left], 0) if len(self.log) else np.zeros(len(asked), dtype=np.int64)
        then = self._popularity(Asked(left, asked.row, asked.place, asked.left), request, article)[:, 2]
        _, first, _ = self._of["everyone"][0].history(article, asked.at[request])
        there = known[request]
        return {
            "then": np.where(there, then, np.nan),
            "since_then": np.where(there, now - then, np.nan),
            "is_new": np.where(there, first > left[request], np.nan),
        }

    def _of_requests(self, asked: Asked, keys: Mapping[str, IntArray], request: IntArray) -> dict[str, DoubleArray]:
        """What is the same for all articles of a request; the last one's clicks are those before the reader's own."""
        last = last_article(self.log, asked)
        when = np.where(last >= 0, self.log.at[asked.row[:, 0]], 0) if len(self.log) else asked.at
        popular = self._of["everyone"][0].before(last, np.minimum(when, asked.at))[:, 2]
        once = {
            "place_in_session": np.minimum(asked.place, 10),
            "history": (asked.row >= 0).sum(axis=1),
            **{name: keys[name] for name in ("os", "referrer", "device")},
            "last_popularity": np.log1p(popular),
        }
        return {name: value[request].astype(np.float64) for name, value in once.items()}


def _made_together(log: ClickLog, order: IntArray) -> DecayedCounts:
    """Pairs of articles clicked in one session, either way round, counted from the later click on.

    Args:
        log: the clicks.
        order: its rows by reader and time.
    """
    keys, at = [], []
    for apart in range(1, _APART + 1):
        early, late = order[:-apart], order[apart:]
        same = (log.session[early] == log.session[late]) & (log.article[early] != log.article[late])
        one, other = log.article[early[same]], log.article[late[same]]
        keys += [both(one, other, log.num_articles), both(other, one, log.num_articles)]
        at += [log.at[late[same]]] * 2
    return DecayedCounts(np.concatenate(keys), np.concatenate(at), np.array([SLOW * MINUTE]))


def _flat(shares: Mapping[str, DoubleArray]) -> dict[str, DoubleArray]:
    return {f"{name}_{n}": of[:, n] for name, of in shares.items() for n in range(of.shape[1])}


def ranks_in(request: IntArray, score: DoubleArray) -> IntArray:
    """The rank of each row's score within its request, best 0, ties in the order given, `[num_rows]`."""
    order = np.lexsort((-score, request))
    ranks = np.empty(len(request), dtype=np.int64)
    ranks[order] = place_in(request[order])
    return ranks
