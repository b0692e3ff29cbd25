"""Judges the recipe of a model of clicks: which article a reader clicks next, after three quarters of the time.

Each later click of a reader who clicked before is a request just before it, and the article that it was on is the one
right answer; clicks on articles that the reader had clicked already are no requests, and such articles no answers. A
target that is no candidate counts as not found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import RecordError
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.evaluation.bootstrap import interval_text
from kindred.evaluation.clustered import clustered_ratios
from kindred.evaluation.report import Report
from kindred.features.click_candidates import Candidates
from kindred.features.click_contexts import LAST, TOGETHER
from kindred.features.click_log import ClickLog
from kindred.features.clicks import ranks_in
from kindred.recommenders.feed.click_model import ClickScorer, batches, fit_click_model, warm_clicks
from kindred.recommenders.feed.model import CONTROL, TEST

KNOWN_SHARE = 3 / 4
"""Share of the time, the oldest, that the model is fitted on."""
MOST_REQUESTS = 10_776
"""As many as the first judging of these data had (`docs/experiments/2026-11-27-news.md`), so that figures compare."""
LAG = 60_000
"""Milliseconds for which clicks stay unknown in the variant `STALE`."""
POPULAR, STALE = "popular", "test, counts 60 s old"
FOLLOWED, SHARED = "followed the last click", "clicked in the same session"
"""Orders by counts that hardly fade, which need no model."""
K = 5
_METRICS = ("hit@5", "mrr")


def known_until(log: ClickLog) -> int:
    """Where the test begins, milliseconds."""
    first, last = int(log.at[0]), int(log.at[-1])
    return first + int((last - first) * KNOWN_SHARE)


def judge_clicks(log: ClickLog, since: int, seed: int) -> Report:
    """What a model fitted on the clicks before `since`, milliseconds, is worth after it, beside plainer orders.

    Raises:
        RecordError: too few clicks to learn from or to judge by.
    """
    model = fit_click_model(log, since, seed)
    scorer = ClickScorer(log)
    rows = warm_clicks(scorer, since, MOST_REQUESTS, seed)
    if not len(rows):
        raise RecordError("no reader who clicked before clicks anything later", "load more clicks")
    ranks: dict[str, list[IntArray]] = {name: [] for name in (POPULAR, FOLLOWED, SHARED, CONTROL, TEST, STALE)}
    held = []
    for some, asked, found in batches(scorer, rows):
        right = found.article == log.article[some][found.request]
        held.append(np.bincount(found.request, right, len(some)) > 0)
        scores = {
            POPULAR: found.shares["everyone"][:, 1],
            FOLLOWED: found.shares[LAST][:, -1],
            SHARED: found.shares[TOGETHER][:, 0],
            CONTROL: found.plain,
            TEST: scorer.scores(model, asked, found),
        }
        for name, of in scores.items():
            ranks[name].append(_ranks(found, right, of, len(some)))
    for some, asked, found in batches(scorer, rows, LAG):
        right = found.article == log.article[some][found.request]
        ranks[STALE].append(_ranks(found, right, scorer.scores(model, asked, found), len(some)))
    values = {name: _metrics(np.concatenate(parts)) for name, parts in ranks.items()}
    return _report(log, since, rows, values, float(np.concatenate(held).mean()))


def _ranks(found: Candidates, right: NDArray[np.bool_], scores: DoubleArray, num_requests: int) -> IntArray:
    """The rank of the right article of each request, best 0, −1 where it is no candidate."""
    ranks = np.full(num_requests, -1)
    ranks[found.request[right]] = ranks_in(found.request, scores)[right]
    return ranks


def _metrics(ranks: IntArray) -> DoubleArray:
    """Hit and reciprocal rank of each request, `[num_requests, 2]`."""
    there = ranks >= 0
    return np.stack([there & (ranks < K), np.where(there, 1 / (np.maximum(ranks, 0) + 1.0), 0.0)], axis=1).astype(float)


def _report(log: ClickLog, since: int, rows: IntArray, values: Mapping[str, DoubleArray], held: float) -> Report:
    cases = np.concatenate(list(values.values()), axis=1)
    ratios = clustered_ratios(cases, np.ones_like(cases), log.reader[rows], np.random.default_rng(0))
    column = {pair: n for n, pair in enumerate((name, metric) for name in values for metric in _METRICS)}
    report: Report = {
        "protocol": {"since": since, "known_clicks": int((log.at < since).sum()), "requests": len(rows)},
        "held": held,
        "rankers": {name: {m: asdict(ratios.interval(column[name, m])) for m in _METRICS} for name in values},
        "delta": {
            name: {m: asdict(ratios.interval(column[TEST, m], column[name, m])) for m in _METRICS}
            for name in values
            if name != TEST
        },
    }
    own = report["rankers"][TEST]
    report["figures"] = {metric: own[metric]["mean"] for metric in _METRICS}
    report["above"] = {f"delta.{POPULAR}.hit@5.low": 0.0}
    report["summary"] = _summary(report)
    return report


def _summary(report: Report) -> list[str]:
    protocol = report["protocol"]
    lines = [
        f"{protocol['known_clicks']:,} clicks to learn from, {protocol['requests']:,} later ones to judge by",
        f"candidates hold the article clicked in {report['held']:.1%} of them",
        f"{'':<29}{'hit@5':>24}{'mrr':>24}   test less it, hit@5",
    ]
    for name, of in report["rankers"].items():
        less = report["delta"].get(name)
        shown = "" if less is None else f"   {interval_text(less['hit@5'])}"
        figures = "".join(f"{of[m]['mean']:>9.4f} [{of[m]['low']:.3f}, {of[m]['high']:.3f}]" for m in _METRICS)
        lines.append(f"{name:<29}{figures}{shown}")
    return lines
