"""How good the order of posts is, by four protocols: logged, full, matched and, where the truth is known, simulated.

* **logged**: requests at the start of a session, 1 s before its first view, and after its 10th view; the posts shown
  in the hour that follows are ranked by what was known when asked, labels three minutes after their view. Pairs within
  a request count, so what its posts share (the reader's own rate, the hour) says nothing.
* **full**: all posts that the reader had not liked are ranked; a hit is one of the first five that the reader liked
  within the hour, or at any later time. A log holds few of them: almost all posts were not shown.
* **matched**: the like rate of the shown posts that are among the model's first tenth of all posts.
* **simulated**: the chance that the reader likes one of the first five, by the truth of the generator; as the share of
  what lies between five random posts and the best five.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.evaluation.clustered import Ratios, clustered_ratios
from kindred.evaluation.report import Report
from kindred.evaluation.slates import Slates, build_slates, near_auc, none_chance, slate_auc, slate_hit_rate
from kindred.features.feed_log import FeedLog
from kindred.ingest.generate.feed import FeedTruth
from kindred.recommenders.feed.ladder import Asked, Ranker, ask, ask_all
from kindred.recommenders.feed.model import FeedScorer

AFTER = 10
HOUR, K = 3600, 5
TOP_SHARE = 0.1
MOST_REQUESTS = 200
"""Requests for which all posts are ranked; more are sampled down to so many."""
WITHIN = ("within the hour", "at any later time")
OWN, RANDOM, ORACLE = "test", "random", "oracle"


@dataclass(frozen=True)
class Ladder:
    """What is compared: how rows are scored, by name."""

    scorer: FeedScorer
    rankers: Mapping[str, Ranker]

    @property
    def log(self) -> FeedLog:
        """All views."""
        return self.scorer.features.log


def logged(ladder: Ladder, since: int) -> Report:
    """Requests from `since` on, at both times, each and together: each ranker, and the model less each."""
    log = ladder.log
    parts = {
        "start": build_slates(log.reader, log.post, log.at, since),
        f"after {AFTER} views": build_slates(log.reader, log.post, log.at, since, AFTER),
    }
    measured = {name: _measure_slates(ladder, slates) for name, slates in parts.items() if len(slates)}
    report: Report = {}
    for name, (values, reader) in measured.items():
        report[name] = _compared(values, reader, len(parts[name]))
    if len(measured) == len(parts):
        first, second = measured.values()
        values = {
            ranker: {m: np.concatenate([a, second[0][ranker][m]]) for m, a in of.items()}
            for ranker, of in first[0].items()
        }
        report["both"] = _compared(values, np.concatenate([first[1], second[1]]), sum(map(len, parts.values())))
    return report


Values = dict[str, dict[str, DoubleArray]]


def _measure_slates(ladder: Ladder, slates: Slates) -> tuple[Values, IntArray]:
    """Metrics of each ranker in every request that holds a like and a post without; and who asked."""
    log = ladder.log
    post, liked, place = log.post[slates.view], log.liked[slates.view], log.place[slates.view]
    asked = ask(ladder.scorer, slates.reader[slates.request], post, slates.at[slates.request])
    likes = np.bincount(slates.request, liked, len(slates))
    size = np.bincount(slates.request, minlength=len(slates))
    told = np.flatnonzero((likes > 0) & (likes < size))
    chance = np.array(
        [1.0 - none_chance(int(n), int(some), K) for n, some in zip(size[told], likes[told], strict=True)]
    )
    values: Values = {}
    for name, rank in ladder.rankers.items():
        score = rank(asked)
        hits = slate_hit_rate(slates.request, score, liked, K)[told]
        values[name] = {
            "auc": slate_auc(slates.request, score, liked)[told],
            "auc_near": near_auc(slates.request, score, liked, place)[told],
            "hit@5": hits,
            "hit@5 − random": hits - chance,
        }
    return values, slates.reader[told]


def _compared(values: Values, reader: IntArray, num_requests: int) -> Report:
    if not len(reader):
        return {"requests": num_requests, "judged": 0}
    rankers, metrics = list(values), list(values[OWN])
    cases = np.stack([values[ranker][metric] for ranker in rankers for metric in metrics], axis=1)
    there = np.isfinite(cases)
    ratios = clustered_ratios(np.where(there, cases, 0.0), there.astype(np.float64), reader, np.random.default_rng(0))
    column = {pair: number for number, pair in enumerate((r, m) for r in rankers for m in metrics)}
    return {
        "requests": num_requests,
        "judged": len(reader),
        "readers": len(np.unique(reader)),
        "rankers": {r: {m: asdict(ratios.interval(column[r, m])) for m in metrics} for r in rankers},
        "delta": {
            r: {m: asdict(ratios.interval(column[OWN, m], column[r, m])) for m in metrics} for r in rankers if r != OWN
        },
    }


def over_all_posts(ladder: Ladder, since: int, truth: FeedTruth | None, seed: int) -> Report:
    """The protocols that rank all posts, at starts of sessions: full, matched, and simulated where there is a truth."""
    log, rng = ladder.log, np.random.default_rng(seed)
    slates = build_slates(log.reader, log.post, log.at, since)
    if not len(slates):
        return {}
    chosen = np.sort(rng.permutation(len(slates))[:MOST_REQUESTS])
    by_reader = np.argsort(log.reader, kind="stable")
    starts = np.searchsorted(log.reader[by_reader], np.arange(log.num_readers + 1))
    cases: dict[str, list[list[float]]] = {"full": [], "likes": [], "views": [], "simulated": []}
    for request in chosen.tolist():
        reader, at = int(slates.reader[request]), int(slates.at[request])
        own = by_reader[starts[reader] : starts[reader + 1]]
        asked = ask_all(ladder.scorer, reader, at)
        left = np.setdiff1d(asked.post, log.post[own[log.liked[own] & (log.at[own] < at)]])
        scores = {name: rank(asked) for name, rank in ladder.rankers.items()}
        shown = slates.view[slates.request == request]
        likes, views = _matched(scores, log.post[shown], log.liked[shown])
        cases["full"].append(_full(log, own, at, scores, left))
        cases["likes"].append(likes)
        cases["views"].append(views)
        if truth is not None:
            cases["simulated"].append(_simulated(truth, asked, scores, left, rng))
    measured = {name: np.array(rows) for name, rows in cases.items()}
    return {"requests": len(chosen), **_of_cases(measured, list(ladder.rankers), slates.reader[chosen])}


def _of_cases(cases: Mapping[str, DoubleArray], names: list[str], who: IntArray) -> Report:
    full = clustered_ratios(cases["full"], np.ones_like(cases["full"]), who, np.random.default_rng(0))
    matched = clustered_ratios(cases["likes"], cases["views"], who, np.random.default_rng(0))
    report: Report = {
        "full": {within: _figures(full, names, shift, 2) for shift, within in enumerate(WITHIN)},
        "matched": _figures(matched, names),
    }
    if len(cases["simulated"]):
        report["simulated"] = _reached(cases["simulated"], [*names, ORACLE], who)
    return report


def _full(log: FeedLog, own: IntArray, at: int, scores: Mapping[str, DoubleArray], left: IntArray) -> list[float]:
    """Whether a post of the first five is liked within the hour, and later; ranker by ranker."""
    one = np.zeros(len(left), dtype=np.int64)
    later = own[log.liked[own] & (log.at[own] >= at)]
    soon = later[log.at[later] < at + HOUR]
    hits = [np.isin(left, log.post[rows]) for rows in (soon, later)]
    return [float(slate_hit_rate(one, score[left], hit, K)[0]) for score in scores.values() for hit in hits]


def _matched(
    scores: Mapping[str, DoubleArray], post: IntArray, liked: NDArray[np.bool_]
) -> tuple[list[float], list[float]]:
    """Likes and views of the shown posts that are in the first tenth; equal scores at its border count in part."""
    top, bottom = [], []
    for score in scores.values():
        size = max(round(TOP_SHARE * len(score)), 1)
        border = np.partition(score, len(score) - size)[len(score) - size]
        ties = int((score == border).sum())
        part = (size - int((score > border).sum())) / ties
        inside = np.where(score[post] > border, 1.0, np.where(score[post] == border, part, 0.0))
        top.append(float(inside[liked].sum()))
        bottom.append(float(inside.sum()))
    return top, bottom


def _simulated(
    truth: FeedTruth, asked: Asked, scores: Mapping[str, DoubleArray], left: IntArray, rng: np.random.Generator
) -> list[float]:
    """The chance of a like among five posts shown one after another, of each ranker and of the truth itself."""
    rate = truth.rate(asked.reader, asked.post, asked.at, np.zeros(len(asked.post), dtype=np.int64))
    shuffled = rng.permutation(left)
    place = np.arange(K)
    chances = []
    for score in (*scores.values(), rate):
        first = shuffled[np.argsort(-score[shuffled], kind="stable")[:K]]
        likes = truth.rate(asked.reader[:K], first, asked.at[:K], place[: len(first)])
        chances.append(float(1.0 - np.prod(1.0 - likes)))
    return chances


def _reached(cases: DoubleArray, names: list[str], who: IntArray) -> Report:
    """The hit rate of each, and the share of the oracle's lift over random that it reaches."""
    ratios = clustered_ratios(cases, np.ones_like(cases), who, np.random.default_rng(0))
    floor, ceiling = cases[:, names.index(RANDOM)], cases[:, names.index(ORACLE)]
    lift = np.repeat((ceiling - floor)[:, None], len(names), axis=1)
    shares = clustered_ratios(cases - floor[:, None], lift, who, np.random.default_rng(0))
    return {
        "hit@5": _figures(ratios, names),
        "share": {name: asdict(shares.interval(number)) for number, name in enumerate(names)},
        "share, test less control": asdict(shares.interval(names.index(OWN), names.index("control"))),
    }


def _figures(ratios: Ratios, names: list[str], shift: int = 0, step: int = 1) -> Report:
    return {name: asdict(ratios.interval(step * number + shift)) for number, name in enumerate(names)}
