"""A world that goes on: `python -m benchmarks.freshness [--data DIR] [--months N] [--json]`.

Reviews of 2014, month by month: a run learns from everything up to the first day of a month, is published, and the
recommender is asked for ten products before each review of that month, by users the run knew something of. Once as of
the first day, once as of the second before the review: then it folds in what the user did since, without training
again. Nothing after the review that is asked for is ever seen. Settings are the defaults, but EASE's ridge is chosen on
the time before that month, as long as the month; recall@10 over the full catalogue, what the user knew by then removed.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import datasets
from benchmarks.product_graphs import Shop, open_shop, reviews14_lines
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.domain.recommendation import Request
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import Split
from kindred.linear.baselines.popularity import fit_popularity
from kindred.recommenders.baselines import ease_map_on
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import InteractionGraph

METRIC = "recall@10"
FROZEN, FOLDED = "kindred as of the first", "kindred, reviews folded in"
FOLDED_SHARE = "folded-in share"


@dataclass(frozen=True)
class Asked:
    """What the recommender answered.

    Attributes:
        hits: 1 where the product was among the ten, `[num_asked]`.
        levels: what each asker was known by.
    """

    hits: NDArray[np.float64]
    levels: list[str]

    def level_share(self, level: str) -> float:
        """Part of the answers at a level."""
        return self.levels.count(level) / len(self.levels)


def main() -> None:
    """Prints a line a month, then mean and spread."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.freshness", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--months", type=int, default=8, help="number of months, the last whole ones of the data")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    months: dict[str, dict[str, float]] = {}
    with open_shop(reviews14_lines(arguments.data)) as shop:
        graph = shop.read_graph()
        for name, bounds in last_months(graph, arguments.months).items():
            months[name] = one_month(shop, graph, ModelConfig(), *bounds)
            print(name, json.dumps(months[name]), file=sys.stderr, flush=True)
    ways = [way for way in next(iter(months.values())) if way not in ("reviews", FOLDED_SHARE)]
    table = np.array([[month[way] for way in ways] for month in months.values()])
    summary = {
        way: {"mean": float(mean), "spread": float(spread)}
        for way, mean, spread in zip(ways, table.mean(0), table.std(0, ddof=1), strict=True)
    }
    if arguments.json:
        print(json.dumps({"months": months, "summary": summary}))
        return
    for name, month in months.items():
        head = f"{name}  {month['reviews']:4.0f} reviews, {month[FOLDED_SHARE]:.0%} of the answers folded in  "
        print(head + "  ".join(f"{way} {month[way]:.4f}" for way in ways))
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


def one_month(shop: Shop, graph: InteractionGraph, config: ModelConfig, start: int, end: int) -> dict[str, float]:
    """Recall of each way, the number of reviews that were asked for, and the share of answers that say "folded-in"."""
    events = graph.interactions
    assert events.at is not None
    known = np.flatnonzero(events.at < start)
    in_month = np.flatnonzero((events.at >= start) & (events.at < end))
    asked = in_month[
        np.isin(events.user_index[in_month], events.user_index[known])
        & np.isin(events.item_index[in_month], events.item_index[known])
    ]
    shop.publish(shop.train(config, until=start - 1))
    before = _events_before(events, asked)
    frozen, folded = (
        ask(shop, graph, asked, before, times) for times in (np.full(len(asked), start), events.at[asked])
    )
    answers = Interactions(np.arange(len(asked)), events.item_index[asked], len(asked), events.num_items)
    popular = fit_popularity(events.take(known))(np.zeros(1, dtype=np.int64))
    is_last = events.at[known] >= 2 * start - end
    weights = ease_map_on(Split("as of", events, known[~is_last], known[is_last], in_month))
    seen = _on_axis(events, before)
    ways: dict[str, Scorer] = {
        "popularity": lambda users: np.repeat(popular, len(users), axis=0),
        "EASE, reviews folded in": lambda users: _known_items(seen)[users] @ weights,
    }
    recalls = {name: evaluate_ranking(way, answers, seen, ks=(10,)).means[METRIC] for name, way in ways.items()}
    shares = {"reviews": float(len(asked)), FOLDED_SHARE: folded.level_share("folded-in")}
    return {**shares, FROZEN: float(frozen.hits.mean()), FOLDED: float(folded.hits.mean()), **recalls}


def ask(shop: Shop, graph: InteractionGraph, asked: IntArray, before: list[IntArray], times: IntArray) -> Asked:
    """What the recommender answers to the users of these reviews, each the second before a time."""
    events = graph.interactions
    hits, levels = [], []
    for row, own, time in zip(asked, before, times, strict=True):
        request = Request(
            user_id=graph.users.external(int(events.user_index[row])),
            at=int(time) - 1,
            exclude=frozenset(graph.items.external(int(item)) for item in events.item_index[own]),
            reasons=False,
        )
        answer = shop.recommender(request)
        product = graph.items.external(int(events.item_index[row]))
        hits.append(any(found.item_id == product for found in answer.recommendations))
        levels.append(answer.level)
    return Asked(np.array(hits, dtype=np.float64), levels)


def _events_before(events: Interactions, asked: IntArray) -> list[IntArray]:
    """For each asked review the rows of what the same user reviewed before it."""
    assert events.at is not None
    return [
        np.flatnonzero((events.user_index == events.user_index[row]) & (events.at < events.at[row])) for row in asked
    ]


def _on_axis(events: Interactions, histories: list[IntArray]) -> Interactions:
    """The histories as events of one user an asked review."""
    taken = events.take(np.concatenate(histories))
    users = np.repeat(np.arange(len(histories)), [len(rows) for rows in histories])
    return Interactions(users, taken.item_index, len(histories), events.num_items, taken.rating, taken.at)


def _known_items(seen: Interactions) -> FloatArray:
    matrix = np.zeros((seen.num_users, seen.num_items), np.float32)
    matrix[seen.user_index, seen.item_index] = 1.0
    return matrix


if __name__ == "__main__":
    main()
