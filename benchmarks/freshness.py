"""A world that goes on: `python -m benchmarks.freshness [--data DIR] [--months N] [--json]`.

Reviews of 2014, month by month: the model learns from everything up to the first day of a month and is asked for the
products of the reviews of that month, by users it knew something of. Once with what it knew on that day, once with
each user's later reviews folded in as they came, without training again. Nothing after the review that is asked for is
ever seen. Settings are the defaults, but EASE's ridge is chosen on the time before that month, as long as the month;
recall@10 over the full catalogue, what the user knew by then removed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks import datasets
from benchmarks.product_graphs import reviews14_graph
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import as_of_split
from kindred.linear.popularity import fit_popularity
from kindred.recommenders.baselines import ease_map_on
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.fitting import fit_model
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.model import Model
from kindred.training.fit import RunOptions

METRIC = "recall@10"
FROZEN, FOLDED = "kindred as of the first", "kindred, reviews folded in"


def main() -> None:
    """Prints a line a month, then mean and spread."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freshness", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--months", type=int, default=8, help="number of months, the last whole ones of the data")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    graph = reviews14_graph(arguments.data)
    months = {name: one_month(graph, *bounds) for name, bounds in last_months(graph, arguments.months).items()}
    ways = [way for way in next(iter(months.values())) if way != "reviews"]
    table = np.array([[month[way] for way in ways] for month in months.values()])
    summary = {
        way: {"mean": float(mean), "spread": float(spread)}
        for way, mean, spread in zip(ways, table.mean(0), table.std(0, ddof=1), strict=True)
    }
    if arguments.json:
        print(json.dumps({"months": months, "summary": summary}))
        return
    for name, month in months.items():
        print(f"{name}  {month['reviews']:4.0f} reviews  " + "  ".join(f"{way} {month[way]:.4f}" for way in ways))
    for way, numbers in summary.items():
        print(f"{way:<28} mean {numbers['mean']:.4f}, standard deviation between months {numbers['spread']:.4f}")


def last_months(graph: InteractionGraph, count: int) -> dict[str, tuple[int, int]]:
    """Name and bounds in seconds UTC of the last whole months of the data, oldest first."""
    at = graph.interactions.at
    if at is None:
        raise ValueError("months need times")
    latest = datetime.fromtimestamp(int(at.max()), UTC)
    number = latest.year * 12 + latest.month - 1
    starts = [_month_start(number - back) for back in range(count, -1, -1)]
    return {f"{start:%Y-%m}": (int(start.timestamp()), int(end.timestamp())) for start, end in pairwise(starts)}


def _month_start(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def one_month(graph: InteractionGraph, start: int, end: int) -> dict[str, float]:
    """Recall of each way, and the number of reviews that were asked for."""
    events = graph.interactions
    assert events.at is not None
    known = np.flatnonzero(events.at < start)
    in_month = np.flatnonzero((events.at >= start) & (events.at < end))
    asked = in_month[
        np.isin(events.user_index[in_month], events.user_index[known])
        & np.isin(events.item_index[in_month], events.item_index[known])
    ]
    with tempfile.TemporaryDirectory() as folder:
        model = fit_model(graph, known, ModelConfig(), RunOptions(folder=Path(folder)))
    frozen, folded = (_histories(events, asked, moments) for moments in (np.full(len(asked), start), events.at[asked]))
    answers = Interactions(np.arange(len(asked)), events.item_index[asked], len(asked), events.num_items)
    train = events.take(known)
    popular = fit_popularity(train)(np.zeros(1, dtype=np.int64))
    weights = ease_map_on(as_of_split(events, start - 1, end - start, validation_horizon=end - start))
    seen = _on_axis(events, folded, len(asked))
    ways: dict[str, Scorer] = {
        FROZEN: _model_scorer(graph, model, frozen, len(asked)),
        FOLDED: _model_scorer(graph, model, folded, len(asked)),
        "popularity": lambda users: np.repeat(popular, len(users), axis=0),
        "EASE, reviews folded in": lambda users: _known_items(seen)[users] @ weights,
    }
    recalls = {name: evaluate_ranking(way, answers, seen, ks=(10,)).means[METRIC] for name, way in ways.items()}
    return {"reviews": float(len(asked)), **recalls}


def _histories(events: Interactions, asked: IntArray, moments: IntArray) -> tuple[IntArray, IntArray]:
    """For each asked review its place, and rows of the same user's reviews before that moment, both `[num_known]`."""
    assert events.at is not None
    places, rows = [], []
    for place, (row, moment) in enumerate(zip(asked, moments, strict=True)):
        own = np.flatnonzero((events.user_index == events.user_index[row]) & (events.at < moment))
        places.append(np.full(len(own), place))
        rows.append(own)
    return np.concatenate(places), np.concatenate(rows)


def _on_axis(events: Interactions, history: tuple[IntArray, IntArray], num_asked: int) -> Interactions:
    """The histories as events of one user an asked review."""
    places, rows = history
    taken = events.take(rows)
    return Interactions(places, taken.item_index, num_asked, events.num_items, taken.rating, taken.at)


def _model_scorer(graph: InteractionGraph, model: Model, history: tuple[IntArray, IntArray], num_asked: int) -> Scorer:
    histories = graph.histories(history[1])
    rows = model.encode(replace(histories, events=_on_axis(graph.interactions, history, num_asked)))
    return lambda users: rows[users] @ model.ranking.items.T


def _known_items(seen: Interactions) -> FloatArray:
    matrix = np.zeros((seen.num_users, seen.num_items), np.float32)
    matrix[seen.user_index, seen.item_index] = 1.0
    return matrix


if __name__ == "__main__":
    main()
