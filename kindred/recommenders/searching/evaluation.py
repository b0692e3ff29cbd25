"""Judges the recipe of a run of searches: fitted on the older orders, the later ones predicted, beside plainer rankers.

The latest tenth of the orders is predicted from the searches that came before each; nothing that came after the time
where it begins is learned from. Every product is ranked. Without orders nothing comes later: judged queries are then
predicted in folds, each from what was fitted on the other queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.interactions import FloatArray, IntArray
from kindred.evaluation.bootstrap import interval_text, paired_bootstrap
from kindred.evaluation.graded import EXACT, graded_metrics
from kindred.evaluation.report import Report, write_summary
from kindred.graph.store import GraphStore
from kindred.models.two_tower import HISTORY, TowerConfig
from kindred.recommenders.judging.evaluating import EvaluationOptions, of_seed
from kindred.recommenders.runs import Run
from kindred.recommenders.searching.histories import Examples, judged_examples, order_examples
from kindred.recommenders.searching.model import QueryModel, fit_query_model
from kindred.recommenders.searching.product_index import Weights
from kindred.recommenders.searching.search_log import Links, SearchLog, read_search_log
from kindred.recommenders.training import recipe_of
from kindred.training.fit import RunOptions

TEST_SHARE, MOST_TESTED = 0.1, 3_000
FOLDS = 5
"""Parts that judged queries are dealt into."""
OWN, POPULARITY = "towers, words and vectors", "popularity"
SHOWN = ("recall@10", "recall@200", "ndcg@10")
_BATCH, _NEAREST = 500, 10

Metrics = Mapping[str, NDArray[np.float64]]
Ranker = Callable[[Examples], FloatArray]


@dataclass(frozen=True)
class Held:
    """Examples to learn from, others to predict, and what was known when those were asked."""

    log: SearchLog
    before: SearchLog
    train: Examples
    test: Examples


def evaluate(store: GraphStore, run: Run, evaluation: EvaluationOptions, options: RunOptions) -> Report:
    """The report of a run's settings, written to `options.folder`.

    Raises:
        SettingsError: asked for another protocol than that of time.
        RecordError: there are too few orders, and too few judged queries, to hold some back.
    """
    if evaluation.protocol != "temporal":
        raise SettingsError("searches are judged by what was ordered later", "leave --protocol out")
    log = read_search_log(store, run.manifest["graph"]["until"])
    options.has_read()
    judged = judged_examples(log)
    config, seeded = recipe_of(run).tower, of_seed(options, options.seed, "model")
    if len(judged) >= 2 and len(order_examples(log)) < 2:
        report = judge_in_folds(log, judged, config, seeded)
    else:
        report = judge(held_out(log), config, {}, seeded)
    write_summary(report, options.folder)
    return report


def held_out(log: SearchLog) -> Held:
    """The log in two: orders to learn from and the latest tenth, of which at most some thousands are predicted.

    Raises:
        RecordError: there are too few orders.
    """
    examples = order_examples(log)
    if len(examples) < 2:
        raise RecordError(
            "there are no orders with searches to predict, and no two judged queries with a right product",
            "load some: kindred ingest queries --orders FILE, or --judgments FILE",
        )
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
        name: fit_query_model(held.before, held.train, settings, of_seed(options, options.seed, f"fit-{number}"))[0]
        for number, (name, settings) in enumerate({OWN: config, **variants}.items())
    }
    rankers = {name: _ranker(model, held.log, model.weights) for name, model in models.items()}
    rankers |= baselines(models[OWN], held)
    measured = {name: measure(rank, held.test) for name, rank in rankers.items()}
    protocol = {
        "orders": len(held.train),
        "test_orders": len(held.test),
        "products": len(held.log.products),
        "interval": "95 %, paired bootstrap over orders",
    }
    told = (
        f"{len(held.train):,} orders to learn from, {len(held.test):,} later ones to predict, "
        f"{len(held.log.products):,} products, all ranked"
    )
    return _report(protocol, measured, by_group(measured[OWN], held) | by_length(models[OWN], held), told)


def judge_in_folds(log: SearchLog, judged: Examples, config: TowerConfig, options: RunOptions) -> Report:
    """Figures of judged queries, each fold of them predicted by what was fitted on the others, with intervals.

    Args:
        log: the search log.
        judged: its judged queries, two or more.
        config: settings of the towers.
        options: folder, seed, device.
    """
    order = np.random.default_rng(0).permutation(len(judged))
    parts = np.array_split(order, min(FOLDS, len(order)))
    found: list[dict[str, Metrics]] = []
    for number, part in enumerate(parts):
        held = hold_fold(log, judged, part)
        model, _ = fit_query_model(held.before, held.train, config, of_seed(options, options.seed, f"fit-{number}"))
        rankers = {OWN: _ranker(model, log, model.weights), **baselines(model, held)}
        if not len(log.bought):
            del rankers[POPULARITY]
        found.append({name: measure(rank, held.test) for name, rank in rankers.items()})
    measured = {
        name: {key: np.concatenate([of_part[name][key] for of_part in found]) for key in metrics}
        for name, metrics in found[0].items()
    }
    protocol = {
        "judged_queries": len(judged),
        "folds": len(parts),
        "products": len(log.products),
        "interval": "95 %, paired bootstrap over queries",
    }
    told = (
        f"{len(judged):,} judged queries in {len(parts)} folds, each predicted from the others, "
        f"{len(log.products):,} products, all ranked"
    )
    return _report(protocol, measured, {}, told)


def hold_fold(log: SearchLog, judged: Examples, part: IntArray) -> Held:
    """The judged queries at these rows to predict, the others to learn from; of the first nothing is known."""
    train, test = judged.take(np.setdiff1d(np.arange(len(judged)), part)), judged.take(part)
    judged_links, led_to = (
        links.take(~np.isin(links.source, test.histories.query[:, 0])) for links in (log.judged, log.led_to)
    )
    return Held(log, replace(log, judged=judged_links, led_to=led_to), train, test)


def _report(protocol: Report, measured: Mapping[str, Metrics], groups: Report, told: str) -> Report:
    """What was measured, with intervals, and in lines for people."""
    report: Report = {
        "protocol": protocol,
        "rankers": {name: {key: float(found[key].mean()) for key in SHOWN} for name, found in measured.items()},
        "delta": {
            name: {key: paired_interval(measured[OWN][key], found[key]) for key in SHOWN}
            for name, found in measured.items()
            if name != OWN
        },
        "groups": groups,
    }
    report["figures"] = {key: report["rankers"][OWN][key] for key in ("recall@10", "ndcg@10")}
    report["summary"] = summary(report, told)
    return report


def baselines(model: QueryModel, held: Held) -> dict[str, Ranker]:
    """What the model is compared with."""
    alone = Weights(words=0, title=0, feedback=0, groups=0, tower=1)
    latest = Weights(words=0, title=0, feedback=0, groups=0, decay=0)
    return {
        "towers alone": _ranker(model, held.log, alone),
        POPULARITY: _ranker(model, held.log, replace(latest, popularity=1)),
        "nearest known queries": lambda rows: _nearest(held, rows),
        "BM25 of the latest query": _ranker(model, held.log, replace(latest, words=1)),
        "BM25 + text of the latest query": _ranker(model, held.log, replace(latest, words=0.6, title=1)),
    }


def _ranker(model: QueryModel, log: SearchLog, weights: Weights) -> Ranker:
    return lambda rows: model.index.scores(model.asked(rows.histories, log.queries), weights)


def _nearest(held: Held, rows: Examples) -> FloatArray:
    """What the ten known queries nearest in text to the latest one led to, or were judged right for."""
    log, led_to = held.before, held.before.led_to
    if not len(led_to):
        led_to = _right_products(held.train)
    known = np.unique(led_to.source)
    scores = np.zeros((len(rows), len(log.products)), dtype=np.float32)
    if not len(known):
        return scores
    similar = log.query_vectors[rows.histories.query[:, 0]] @ log.query_vectors[known].T
    kept = min(_NEAREST, len(known))
    best = np.argpartition(-similar, kept - 1, axis=1)[:, :kept]
    order = np.argsort(led_to.source, kind="stable")
    starts = np.searchsorted(led_to.source[order], [*known.tolist(), np.iinfo(np.int64).max])
    for row, columns in enumerate(best):
        for column in columns:
            leads = led_to.target[order[starts[column] : starts[column + 1]]]
            np.add.at(scores[row], leads, np.exp(20 * (similar[row, column] - 1)))
    return scores


def _right_products(examples: Examples) -> Links:
    """The latest query of each example with every product that is just right for it."""
    gains = examples.gains.tocoo()
    right = gains.data >= EXACT
    query = examples.histories.query[gains.row[right], 0]
    return Links(query, gains.col[right].astype(np.int64), np.zeros(len(query), np.int64), gains.data[right])


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


def summary(report: Report, told: str) -> list[str]:
    """What people are told, line by line, what was judged first."""
    heads = f"{'R@10':>7}{'R@200':>8}{'nDCG@10':>9}"
    lines = [
        told,
        "",
        f"{'':<36}{heads}   ours − theirs, R@10 and nDCG@10",
    ]
    for name, found in report["rankers"].items():
        less = report["delta"].get(name)
        shown = "" if less is None else "  ".join(interval_text(less[key]) for key in ("recall@10", "ndcg@10"))
        lines.append(f"{name:<36}{_figures(found)}   {shown}")
    if report["groups"]:
        lines += ["", f"{'ours, by group':<36}{heads}{'orders':>9}"]
    lines += [f"{name:<36}{_figures(of)}{of['orders']:>9,}" for name, of in report["groups"].items()]
    return lines


def _figures(found: Mapping[str, float]) -> str:
    return f"{found['recall@10']:>7.4f}{found['recall@200']:>8.4f}{found['ndcg@10']:>9.4f}"
