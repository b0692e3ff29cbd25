"""Judges the recipe of a feed's run: both arms fitted on the first two thirds of the views, beside plainer rankers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import IntArray
from kindred.domain.roc_auc import roc_auc
from kindred.evaluation.bootstrap import interval_text
from kindred.evaluation.report import Report, write_summary
from kindred.features.feed_log import LABEL_SECONDS, FeedLog
from kindred.graph.store import GraphStore
from kindred.ingest.generate.feed import FeedSample, FeedTruth, feed_texts, feed_truth
from kindred.recommenders.feed.click_evaluation import judge_clicks, known_until
from kindred.recommenders.feed.judging import OWN, Ladder, logged, over_all_posts
from kindred.recommenders.feed.ladder import ladder
from kindred.recommenders.feed.model import ARMS, FeedScorer, fit_feed_model
from kindred.recommenders.feed.orders import predicts_clicks
from kindred.recommenders.feed.tables import FeedTables, read_clicks, read_feed
from kindred.recommenders.judging.evaluating import EvaluationOptions
from kindred.recommenders.runs import Run
from kindred.recommenders.training import recipe_of
from kindred.training.fit import RunOptions

KNOWN_SHARE = 2 / 3
"""Share of the views, the oldest, that models are fitted on."""
SEEDS = range(100)
"""Seeds by which a feed is known again as one of the generator."""


def evaluate(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
    """The report of a run's settings, written to `options.folder`.

    Raises:
        SettingsError: asked for another protocol than that of time.
        RecordError: too little was viewed to judge by.
    """
    if evaluation.protocol != "temporal":
        raise SettingsError("a feed is judged by what came later", "leave --protocol out")
    until = run.manifest["graph"]["until"]
    feed = read_feed(store, until)
    if predicts_clicks(run):
        clicks = read_clicks(store, feed.readers, feed.posts, until)
        options.has_read()
        report = judge_clicks(clicks, known_until(clicks), options.seed)
        write_summary(report, options.folder)
        return report
    options.has_read()
    text = feed.text if recipe_of(run).text else None
    since = int(feed.log.at[int(len(feed.log) * KNOWN_SHARE)])
    report = judge_feed(feed.log, text, since, options.seed, generated_truth(feed))
    write_summary(report, options.folder)
    return report


def judge_feed(
    log: FeedLog, text: NDArray[np.float32] | None, since: int, seed: int, truth: FeedTruth | None = None
) -> Report:
    """What models fitted on the views before `since` are worth after it, by every protocol.

    Args:
        log: all views.
        text: vectors of posts, `[num_posts, dim]`.
        since: where the test begins, seconds UTC.
        seed: of trees and of the requests for which all posts are ranked.
        truth: of a generated feed.

    Raises:
        RecordError: no request after `since` holds a liked post and another.
    """
    model = fit_feed_model(log, text, since, seed)
    scorer = FeedScorer(log, model.spaces)
    rungs = Ladder(scorer, ladder(log, model, scorer, since, seed))
    report: Report = {"protocol": _protocol(log, since), "logged": logged(rungs, since)}
    if not any(part["judged"] for part in report["logged"].values()):
        raise RecordError(
            "no request of the last third of the views has five posts, one of them liked and another not",
            "load more with `kindred ingest posts --feed FILE`",
        )
    later = np.flatnonzero(log.at >= since)
    report["impressions"] = {"views": len(later), "liked": float(log.liked[later].mean())}
    for arm in ARMS:
        rows = scorer.rows(arm, log.reader[later], log.post[later], log.at[later])
        chance = model.arms[arm].boosting.probability(rows).astype(np.float32)
        report["impressions"][arm] = roc_auc(chance, log.liked[later], otherwise=0.5)
    report |= over_all_posts(rungs, since, truth, seed)
    both = report["logged"].get("both") or next(iter(report["logged"].values()))
    own = both["rankers"][OWN]
    report["figures"] = {"slate_auc": own["auc"]["mean"], "hit@5": own["hit@5"]["mean"]}
    report["summary"] = summary(report)
    return report


def generated_truth(feed: FeedTables) -> FeedTruth | None:
    """The truth of a feed that `kindred generate posts` wrote, told by its texts; None for any other."""
    post, reader = _numbers(feed.posts), _numbers(feed.readers)
    if post is None or reader is None:
        return None
    for seed in SEEDS:
        sample = FeedSample(users=1, posts=len(post), events=1, seed=seed)
        texts = feed_texts(sample, feed_truth(sample))
        if all(feed.words[position] == texts[number] for position, number in enumerate(post.tolist())):
            whole = feed_truth(replace(sample, users=len(reader)))
            of_posts = {name: getattr(whole, name)[post] for name in ("topic", "angle", "exposure")}
            of_readers = {n: getattr(whole, n)[reader] for n in ("gender", "age", "own", "to_topic", "to_angle")}
            return FeedTruth(**of_posts, **of_readers)
    return None


def _numbers(ids: IdMap) -> IntArray | None:
    """The number from 0 that the generator gave each; None where they are not 1 to the last of them."""
    number = {str(n + 1): n for n in range(len(ids))}
    return np.array([number[name] for name in ids.ids]) if number.keys() == set(ids.ids) else None


def _protocol(log: FeedLog, since: int) -> Report:
    return {
        "since": since,
        "known_views": int((log.at < since).sum()),
        "test_views": int((log.at >= since).sum()),
        "label_seconds": LABEL_SECONDS,
        "interval": "95 %, bootstrap over readers; a sampled reader brings all their requests",
    }


def summary(report: Mapping[str, Any]) -> list[str]:
    """What people are told, line by line."""
    protocol, shares = report["protocol"], report["impressions"]
    lines = [f"{protocol['known_views']:,} views to learn from, {protocol['test_views']:,} later ones to judge by"]
    for name, part in report["logged"].items():
        if not part["judged"]:
            continue
        lines += ["", f"logged, {name}: {part['judged']} of {part['requests']} requests have a like and a post without"]
        lines.append(
            f"{'':<30}{'slate-AUC':>10}{'95 %':>16}{'near':>7}{'hit@5':>8}{'− random':>10}   test less it, AUC"
        )
        lines += [_line(ranker, of, part["delta"].get(ranker)) for ranker, of in part["rankers"].items()]
    lines += ["", "ROC-AUC over impressions (the reader's own rate and the place in the session; it ranks nothing):"]
    lines.append("  " + ", ".join(f"{arm} {shares[arm]:.4f}" for arm in ARMS))
    if "full" in report:
        lines += ["", f"all posts ranked, {report['requests']} requests at the start of a session"]
        if "simulated" in report:
            less = report["simulated"]["share, test less control"]
            lines.append(f"share of the oracle's lift over random, test less control: {_shown(less)}")
        columns = {"full, hour": report["full"]["within the hour"], "full, later": report["full"]["at any later time"]}
        columns["matched"] = report["matched"]
        if "simulated" in report:
            columns |= {"simulated": report["simulated"]["hit@5"], "of oracle": report["simulated"]["share"]}
        lines.append(f"{'':<30}" + "".join(f"{name:>24}" for name in columns))
        names = list(dict.fromkeys(name for of in columns.values() for name in of))
        lines += [f"{name:<30}" + "".join(f"{_shown(of.get(name)):>24}" for of in columns.values()) for name in names]
    return lines


def _line(name: str, of: Mapping[str, Mapping[str, float]], delta: Mapping[str, Mapping[str, float]] | None) -> str:
    auc = of["auc"]
    interval = f"[{auc['low']:.3f}, {auc['high']:.3f}]"
    less = "" if delta is None else interval_text(delta["auc"])
    return (
        f"{name:<30}{auc['mean']:>10.4f}{interval:>16}{of['auc_near']['mean']:>7.3f}{of['hit@5']['mean']:>8.4f}"
        f"{of['hit@5 − random']['mean']:>+10.4f}   {less}"
    )


def _shown(of: Mapping[str, float] | None) -> str:
    return "" if of is None else f"{of['mean']:.4f} [{of['low']:.3f}, {of['high']:.3f}]"
