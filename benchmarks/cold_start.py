"""Users that no training saw: `python -m benchmarks.cold_start [--data DIR] [--folds N] [--json]`.

A fifth of the users is left out of the graph with all reviews; five times, until each was left out once. A run is
trained on the others and published.

New users bring their first 1, 2 or 5 reviews to the recommender, as events that the graph does not hold; the next one
is to be found among its ten answers, out of the whole catalogue. Beside the model:
what is popular, what reads alike (text-kNN: the mean of their reviews' vectors against each product's), the mean of
the network's vectors of the products they reviewed, and EASE applied to them.

New products: `python -m benchmarks.new_products`.

Settings are the defaults, but EASE's ridge is chosen on a random fifth of the known reviews. Recall@10 with paired
intervals over users.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import datasets
from benchmarks.product_graphs import ProductData, Shop, open_shop, read_product_data, reviews14_lines, sample_lines
from kindred.domain.embeddings import TextEncoder, unit_rows
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.domain.recommendation import Request
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import validation_split
from kindred.linear.baselines.popularity import fit_popularity
from kindred.linear.inputs.event_text import EventText
from kindred.linear.scorers.all_scorers import event_text_of_items
from kindred.recommenders.baselines import ease_map_on
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.model import Model, load_model
from kindred.recommenders.products import PRODUCTS

FOLDS = 5
HISTORY_LENGTHS = (1, 2, 5)
EVEN = 1e-6  # shrinkage: products with few reviews count as much as others
K = 10
METRIC = f"recall@{K}"
MODEL = "kindred"

Results = dict[str, NDArray[np.float64]]
"""Recall of each way for each user with an answer, `[num_users]`."""


@dataclass(frozen=True)
class Histories:
    """What new users bring, one row of `events` a review, and what they are to be given.

    Attributes:
        events: their first reviews, users numbered anew.
        rows: of these in the graph's reviews.
        answers: the next review of each, on the same axes.
    """

    events: Interactions
    rows: IntArray
    answers: Interactions


def main() -> None:
    """Prints the experiment on both data sets; on the way, on stderr, what each fit took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five to run")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    report: dict[str, dict[str, str]] = {}
    folds = range(arguments.folds)
    for name, lines in (("reviews of 2014", reviews14_lines(arguments.data)), ("generated sample", sample_lines())):
        data = read_product_data(lines)
        of_users = [new_users(data, fold, ModelConfig()) for fold in folds]
        for length in HISTORY_LENGTHS:
            results = [found[length] for found in of_users]
            report[f"{name}: new users with {length} review{'s' * (length > 1)}"] = compare(results)
    if arguments.json:
        print(json.dumps(report))
        return
    for title, figures in report.items():
        print(f"\n{title}")
        for model, figure in figures.items():
            print(f"  {model:<16} {figure}")


def new_users(
    data: ProductData, fold: int, config: ModelConfig, encoder: TextEncoder | None = None
) -> dict[int, Results]:
    """What each way is worth to one fifth of the users, by number of reviews known."""
    events = data.graph.interactions
    is_new = left_out(events.num_users, fold)
    known_rows = np.flatnonzero(~is_new[events.user_index])
    ease = ease_map_on(validation_split(events.take(known_rows), fold, temporal=False))
    found = {}
    with open_shop(data.part(known_rows, data.metadata), encoder) as shop:
        run = shop.train(config)
        shop.publish(run)
        model = load_model(PRODUCTS, run.folder)
        for length in HISTORY_LENGTHS:
            brought = first_reviews(events, is_new, length)
            ways = _ways_for_users(data.graph, model, ease, known_rows, brought)
            found[length] = {MODEL: ask(shop, data, brought), **_measure(ways, brought.answers, brought.events)}
    return found


def ask(shop: Shop, data: ProductData, brought: Histories) -> NDArray[np.float64]:
    """Whether the recommender's ten answers to what each new user brings hold their next product, `[num_users]`."""
    hits = np.zeros(brought.events.num_users)
    products = dict(zip(brought.answers.user_index, brought.answers.item_index, strict=True))
    for user in range(brought.events.num_users):
        own = [data.reviews[row] for row in brought.rows[brought.events.user_index == user]]
        answer = shop.recommender(Request(events=own, k=K, reasons=False))
        product = data.graph.items.external(int(products[user]))
        hits[user] = any(found.item_id == product for found in answer.recommendations)
    return hits


def first_reviews(events: Interactions, is_new: np.ndarray, length: int) -> Histories:
    """The first reviews of each new user who wrote more than `length`, and the next one."""
    if events.at is None:
        raise ValueError("the first reviews need times")
    order = np.lexsort((np.arange(len(events)), events.at, events.user_index))
    order = order[is_new[events.user_index[order]]]
    users = events.user_index[order]
    _, starts, numbers, counts = np.unique(users, return_index=True, return_inverse=True, return_counts=True)
    place = np.arange(len(order)) - starts[numbers]
    enough = counts[numbers] > length
    first, following = order[enough & (place < length)], order[enough & (place == length)]
    renumbered = np.unique(events.user_index[following])

    def on_axis(rows: IntArray) -> Interactions:
        taken = events.take(rows)
        users = np.searchsorted(renumbered, taken.user_index)
        return Interactions(users, taken.item_index, len(renumbered), events.num_items, taken.rating, taken.at)

    return Histories(on_axis(first), first, on_axis(following))


def _ways_for_users(
    graph: InteractionGraph, model: Model, ease: FloatArray, known_rows: IntArray, brought: Histories
) -> dict[str, Scorer]:
    train = graph.interactions.take(known_rows)
    events, text = brought.events, None
    if graph.event_text is not None:
        text = graph.event_text[brought.rows].astype(np.float32)
    history = np.zeros((events.num_users, events.num_items), np.float32)
    history[events.user_index, events.item_index] = 1.0
    popularity = fit_popularity(train)(np.zeros(1, dtype=np.int64))
    ways: dict[str, Scorer] = {
        "popularity": lambda users: np.repeat(popularity, len(users), axis=0),
    }
    if text is not None and graph.event_text is not None:
        known_text = EventText.of(graph.event_text).take(known_rows)
        mean = known_text.mean()
        of_items = event_text_of_items(train, known_text, mean, EVEN)
        told = np.zeros((events.num_users, text.shape[1]), np.float32)
        np.add.at(told, events.user_index, text - mean)
        ways["text-kNN"] = lambda users: unit_rows(told[users]) @ of_items.T
    if model.learned is not None:
        vectors = _on_items(graph, model, model.learned.vectors.target_ranking)
        means = history @ vectors / history.sum(1, keepdims=True)
        ways["mean of items"] = lambda users: means[users] @ vectors.T
    ways["EASE"] = lambda users: history[users] @ ease
    return ways


def _on_items(graph: InteractionGraph, model: Model, rows: FloatArray) -> FloatArray:
    """Rows of the model's items on the graph's axis, zeros for those that the model does not know."""
    aligned = np.zeros((len(graph.items), rows.shape[1]), np.float32)
    aligned[graph.items.positions(model.items.ids)] = rows
    return aligned


def _measure(ways: Mapping[str, Scorer], answers: Interactions, seen: Interactions | None) -> Results:
    return {name: evaluate_ranking(way, answers, seen, ks=(K,)).per_user[METRIC] for name, way in ways.items()}


def compare(folds: Sequence[Results]) -> dict[str, str]:
    """Recall of each way over all folds, and the model's lead over it with its interval."""
    pooled = {name: np.concatenate([fold[name] for fold in folds]) for name in folds[0]}
    figures = {"rankings": f"{len(pooled[MODEL]):,}"}
    for name, recalls in pooled.items():
        figures[name] = f"{METRIC} {recalls.mean():.4f}"
        if name != MODEL:
            lead = paired_bootstrap(pooled[MODEL], recalls, np.random.default_rng(0))
            figures[name] += f"   kindred − it {lead}"
    return figures


def left_out(size: int, fold: int) -> np.ndarray:
    """Which fifth is new, `[size]`; from the sixth fold on fifths of another partition."""
    partition, part = divmod(fold, FOLDS)
    left_out: np.ndarray = np.random.default_rng(partition).permutation(size) % FOLDS == part
    return left_out


if __name__ == "__main__":
    main()
