"""Judges the recipe of a run of searches: fitted on the older orders, the later ones predicted, beside plainer rankers.

The latest tenth of the orders is predicted from the searches that came before each; nothing that came after the time
where it begins is learned from. Every product is ranked. Without orders there is nothing that comes later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.interactions import FloatArray
from kindred.evaluation.bootstrap import interval_text, paired_bootstrap
from kindred.evaluation.graded import graded_metrics
from kindred.evaluation.report import Report, write_summary
from kindred.graph.store import GraphStore
from kindred.models.two_tower import HISTORY, TowerConfig
from kindred.recommenders.judging.evaluating import EvaluationOptions, of_seed
from kindred.recommenders.runs import Run
from kindred.recommenders.searching.histories import Examples, order_examples
from kindred.recommenders.searching.model import QueryModel, fit_query_model
from kindred.recommenders.searching.product_index import Weights
from kindred.recommenders.searching.search_log import SearchLog, read_search_log
from kindred.recommenders.training import recipe_of
from kindred.training.fit import RunOptions

TEST_SHARE, MOST_TESTED = 0.1, 3_000
OWN, POPULARITY = "towers, words and vectors", "popularity"
SHOWN = ("recall@10", "recall@200", "ndcg@10")
_BATCH, _NEAREST = 500, 10

Metrics = Mapping[str, NDArray[np.float64]]
Ranker = Callable[[Examples], FloatArray]


@dataclass(frozen=True)
class Held:
    """Orders to learn from, later ones to predict, and what there was between."""

    log: SearchLog
    before: SearchLog
    train: Examples
    test: Examples


def evaluate(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
    """The report of a run's settings, written to `options.folder`.

    Raises:
        SettingsError: asked for another protocol than that of time.
        RecordError: there are too few orders to hold some back.
    """
    if evaluation.protocol != "temporal":
        raise SettingsError("searches are judged by what was ordered later", "leave --protocol out")
    log = read_search_log(store, run.manifest["graph"]["until"])
    options.has_read()
    held = held_out(log)
    report = judge(held, recipe_of(run).tower, {}, of_seed(options, options.seed, "model"))
    write_summary(report, options.folder)
    return report


def held_out(log: SearchLog) -> Held:
    """The log in two: orders to learn from and the latest tenth, of which at most some thousands are predicted.

    Raises:
        RecordError: there are too few orders.
    """
    examples = order_examples(log)
    if len(examples) < 2:
        raise RecordError("there are no orders with searches to predict", "load some: kindred ingest queries --orders")
    since = int(np.quantile(examples.at, 1 - TEST_SHARE))
    later = np.flatnonzero(examples.at >= since)
    test = examples.take(np.random.default_rng(0).permutation(later)[:MOST_TESTED])
    train = examples.take(examples.at < since)
    if not len(train):
        raise RecordError("all orders are of one time, so none can be held back", "load orders with their times")
    return Held(log, log.before(since), train, test)


def judge(held: Held, config: TowerConfig, variants: Mapping[str, TowerConfig], options: RunOptions) -> Report:
    """Figures of the model and of every other ranker, with the interval of the model less each.

    Args:
        held: what to learn from and what to predict.
        config: settings of the towers.
        variants: other settings that are fitted and compared too, by name.
        options: folder, seed, device.
    """
    models = {
        name: fit_query_model(held.before, held.train, None, settings, of_seed(options, options.seed, f"fit-{number}"))[
            0
        ]
        for number, (name, settings) in enumerate({OWN: config, **variants}.items())
    }
    rankers = {name: _ranker(model, held.log, model.weights) for name, model in models.items()}
    rankers |= baselines(models[OWN], held)
    measured = {name: measure(rank, held.test) for name, rank in rankers.items()}
    report: Report = {
        "protocol": {
            "orders": len(held.train),
            "test_orders": len(held.test),
            "products": len(held.log.products),
            "interval": "95 %, paired bootstrap over orders",
        },
        "rankers": {name: {key: float(found[key].mean()) for key in SHOWN} for name, found in measured.items()},
        "delta": {
            name: {key: paired_interval(measured[OWN][key], found[key]) for key in SHOWN}
            for name, found in measured.items()
            if name != OWN
        },
        "groups": by_group(measured[OWN], held) | by_length(models[OWN], held),
    }
    report["figures"] = {key: report["rankers"][OWN][key] for key in ("recall@10", "ndcg@10")}
    report["summary"] = summary(report)
    return report


def baselines(model: QueryModel, held: Held) -> dict[str, Ranker]:
    """What the model is compared with."""
    alone = Weights(words=0, title=0, feedback=0, groups=0, tower=1)
    latest = Weights(words=0, title=0, feedback=0, groups=0, decay=0)
    return {
        "towers alone": _ranker(model, held.log, alone),
        POPULARITY: _ranker(model, held.log, replace(latest, popularity=1)),
        "nearest known queries": lambda rows: _nearest(held.before, rows),
        "BM25 of the latest query": _ranker(model, held.log, replace(latest, words=1)),
        "BM25 + text of the latest query": _ranker(model, held.log, replace(latest, words=0.6, title=1)),
    }


def _ranker(model: QueryModel, log: SearchLog, weights: Weights) -> Ranker:
    return lambda rows: model.index.scores(model.asked(rows.histories, log.queries), weights)


def _nearest(log: SearchLog, rows: Examples) -> FloatArray:
    """What the ten known queries nearest in text to the latest one led to."""
    known = np.unique(log.led_to.source)
    scores = np.zeros((len(rows), len(log.products)), dtype=np.float32)
    if not len(known):
        return scores
    similar = log.query_vectors[rows.histories.query[:, 0]] @ log.query_vectors[known].T
    kept = min(_NEAREST, len(known))
    best = np.argpartition(-similar, kept - 1, axis=1)[:, :kept]
    order = np.argsort(log.led_to.source, kind="stable")
    starts = np.searchsorted(log.led_to.source[order], [*known.tolist(), np.iinfo(np.int64).max])
    for row, columns in enumerate(best):
        for column in columns:
            leads = log.led_to.target[order[starts[column] : starts[column + 1]]]
            np.add.at(scores[row], leads, np.exp(20 * (similar[row, column] - 1)))
    return scores


def measure(rank: Ranker, test: Examples) -> Metrics:
    """Metrics of each order, `[num_orders]` each."""
    parts = []
    for start in range(0, len(test), _BATCH):
        some = test.take(np.arange(start, min(start + _BATCH, len(test))))
        parts.append(graded_metrics(rank(some), some.gains, (10, 200)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def paired_interval(own: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    """The mean of own less other, with its 95 % interval over orders; both `[num_orders]`."""
    return asdict(paired_bootstrap(own, other, np.random.default_rng(0)))


def by_group(own: Metrics, held: Held) -> Report:
    """The model's figures of new and known products and of new and known queries."""
    test, before = held.test, held.before
    ordered = np.bincount(before.bought.target, minlength=len(before.products))[test.gains.indices]
    known = np.isin(test.histories.query[:, 0], before.led_to.source)
    groups = {"products ordered before": ordered > 0, "new products": ordered == 0}
    groups |= {"latest query known": known, "latest query new": ~known}
    return {
        name: {"orders": int(rows.sum()), **{key: float(own[key][rows].mean()) for key in SHOWN}}
        for name, rows in groups.items()
        if rows.any()
    }


def by_length(model: QueryModel, held: Held) -> Report:
    """The model's figures where it is told no more than the latest queries, of orders with so many or more."""
    report: Report = {}
    for count in range(1, HISTORY + 1):
        some = held.test.take(held.test.histories.query[:, count - 1] >= 0)
        if len(some):
            told = replace(some, histories=some.histories.latest(count))
            found = measure(_ranker(model, held.log, model.weights), told)
            name = f"the latest {count} queries" if count > 1 else "the latest query"
            report[name] = {"orders": len(some), **{key: float(found[key].mean()) for key in SHOWN}}
    return report


def summary(report: Report) -> list[str]:
    """What people are told, line by line."""
    made, heads = report["protocol"], f"{'R@10':>7}{'R@200':>8}{'nDCG@10':>9}"
    lines = [
        f"{made['orders']:,} orders to learn from, {made['test_orders']:,} later ones to predict, "
        f"{made['products']:,} products, all ranked",
        "",
        f"{'':<36}{heads}   ours − theirs, R@10 and nDCG@10",
    ]
    for name, found in report["rankers"].items():
        less = report["delta"].get(name)
        shown = "" if less is None else "  ".join(interval_text(less[key]) for key in ("recall@10", "ndcg@10"))
        lines.append(f"{name:<36}{_figures(found)}   {shown}")
    lines += ["", f"{'ours, by group':<36}{heads}{'orders':>9}"]
    lines += [f"{name:<36}{_figures(of)}{of['orders']:>9,}" for name, of in report["groups"].items()]
    return lines


def _figures(found: Mapping[str, float]) -> str:
    return f"{found['recall@10']:>7.4f}{found['recall@200']:>8.4f}{found['ndcg@10']:>9.4f}"
