"""New products in the whole catalogue: `python -m benchmarks.new_products [--data DIR] [--folds N] [--shares …]
[--without-network]`.

A fifth of the products is left out of the training with all reviews, five times, until each was left out once; so is a
fifth of the reviews of the others. Then the new products are placed among the others, as publishing does, and every
user gets one list of ten out of all of them. Asked for are both: recall@10 of (user, new product) pairs, and of the
held-out reviews of the known products before and after the new ones came.

A new product brings title and description (generated sample) or the text of its first review (the real reviews have
nothing else), and who wrote its first 0, 1, 2 or 5 reviews; what came after those is asked for. Beside the model,
each with as many positions in all lists together as the model gave to new products: text-kNN (mean direction of what a
user reviewed), the mean of the rows of the ten products that read most similar, both by their score and by their lead
over the product that they replace, and popularity, which knows nothing of new products and takes any. Paired intervals
over users.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import datasets
from benchmarks.cold_start import FOLDS, fit, left_out
from benchmarks.product_graphs import reviews14_graph, sample_graph
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.linear.cold_item_fit import text_of_items
from kindred.linear.cold_items import NEAREST, ColdItemConfig, FirstEvents
from kindred.linear.scorer import unit_rows
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.model import Model

FIRST_REVIEWS = (0, 1, 2, 5)
K = 10
HELD_OUT = 0.2
MODEL = "kindred"
Column = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One fold.

    Attributes:
        graph: everything.
        known: rows of the reviews that are trained on.
        held_out: rows of those on known products that are asked for.
        new: products left out.
        reviews: rows of the reviews of new products, product by product, oldest first.
        place: of each among its product's reviews.
    """

    graph: InteractionGraph
    known: IntArray
    held_out: IntArray
    new: IntArray
    reviews: IntArray
    place: IntArray

    @property
    def events(self) -> Interactions:
        """All reviews."""
        return self.graph.interactions


@dataclass(frozen=True)
class Lists:
    """What each user's list of ten holds before new products come.

    Attributes:
        best: scores of the ten, the least first, `[num_users, 10]`.
        hits: which of them were held out, in the same order.
        wanted: held-out reviews of each user, `[num_users]`.
        is_known: whom the training knows.
    """

    best: FloatArray
    hits: NDArray[np.bool_]
    wanted: IntArray
    is_known: NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """Recall of each user who has something to be found: of new products, of known ones before and after."""

    new: Column
    before: Column
    after: Column
    positions: int
    share: float


def main() -> None:
    """Prints a line for each data set, share and number of first reviews."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.new_products", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five to run")
    shares = [ColdItemConfig().max_share, 5 * ColdItemConfig().max_share]
    parser.add_argument("--shares", type=float, nargs="+", default=shares, help="positions for new products")
    parser.add_argument("--without-network", action="store_true", help="linear scorers alone: a third of the time")
    arguments = parser.parse_args()
    plain = ModelConfig(network=not arguments.without_network)
    for name, graph in (("reviews of 2014", reviews14_graph(arguments.data)), ("generated sample", sample_graph())):
        cases = [make_case(graph, fold) for fold in range(arguments.folds)]
        for share in arguments.shares:
            found: dict[int, list[dict[str, Outcome]]] = {first: [] for first in FIRST_REVIEWS}
            for case in cases:
                ranking = replace(plain.ranking, cold_items=ColdItemConfig(max_share=share))
                model = fit(graph, case.known, plain.model_copy(update={"ranking": ranking}))
                for first in FIRST_REVIEWS:
                    found[first].append(compare(case, model, first))
            for first, outcomes in found.items():
                print(f"{name}, share {share:g}, {first} first reviews: {describe(outcomes)}", flush=True)


def make_case(graph: InteractionGraph, fold: int) -> Case:
    """The fold with that number."""
    events = graph.interactions
    is_new = left_out(events.num_items, fold)
    on_new = is_new[events.item_index]
    held_out = ~on_new & (np.random.default_rng([fold, 1]).random(len(events)) < HELD_OUT)
    at = np.zeros(len(events), dtype=np.int64) if events.at is None else events.at
    reviews = np.flatnonzero(on_new)
    reviews = reviews[np.lexsort((reviews, at[reviews], events.item_index[reviews]))]
    new, starts, of_item = np.unique(events.item_index[reviews], return_index=True, return_inverse=True)
    place = np.arange(len(reviews)) - starts[of_item]
    return Case(graph, np.flatnonzero(~on_new & ~held_out), np.flatnonzero(held_out), new, reviews, place)


def compare(case: Case, model: Model, first: int) -> dict[str, Outcome]:
    """What the model and every other way make of new products with so many first reviews."""
    lists = _lists(case, model)
    graph, events = case.graph, case.events
    as_text = graph.item_text is None  # then the first review is the text, and not asked for
    told = case.reviews[case.place < first]
    asked = case.reviews[case.place >= max(first, int(as_text))]
    text = _new_text(case)
    rows = model.ranking.encode_cold_items(text, _first_events(case, model, told, lists) if first else None)
    used = np.concatenate([told, case.reviews[case.place < 1]]) if as_text else told
    taken = _on_new(case, used)
    wanted = _on_new(case, asked) & lists.is_known[:, None]

    def scored(scores: FloatArray) -> FloatArray:
        masked: FloatArray = np.where(taken | ~lists.is_known[:, None], -np.inf, scores)
        return masked

    placed = _lead(scored(model.vectors @ rows.T), lists)
    outcomes = {MODEL: _outcome(placed[0], placed[1] > 0, wanted, lists)}
    positions = outcomes[MODEL].positions
    similar, knn = _others(case, model, text)
    chance = np.random.default_rng(0).random((events.num_users, len(case.new))).astype(np.float32)
    ways = {"text-kNN": (knn, False), "mean of similar": (similar, False), "mean of similar, lead": (similar, True)}
    for name, (scores, by_lead) in {**ways, "popularity": (chance, False)}.items():
        best, lead = _lead(scored(scores), lists)
        value = lead if by_lead else np.take_along_axis(scored(scores), best, axis=1)
        least = np.sort(value, axis=None)[::-1][positions - 1] if positions else np.inf
        outcomes[name] = _outcome(best, value >= least, wanted, lists)
    return outcomes


def _lists(case: Case, model: Model) -> Lists:
    train, events = case.events.take(case.known), case.events
    scores = model.vectors @ model.ranking.items.T
    scores[:, np.bincount(train.item_index, minlength=events.num_items) == 0] = -np.inf
    scores[train.user_index, train.item_index] = -np.inf
    wanted = np.zeros(scores.shape, dtype=bool)
    wanted[events.user_index[case.held_out], events.item_index[case.held_out]] = True
    wanted[train.user_index, train.item_index] = False
    is_known = np.bincount(train.user_index, minlength=events.num_users) > 0
    wanted[~is_known] = False
    best = np.argsort(-scores, axis=1, kind="stable")[:, :K][:, ::-1]
    hits = np.take_along_axis(wanted, best, axis=1)
    return Lists(np.take_along_axis(scores, best, axis=1), hits, wanted.sum(axis=1), is_known)


def _new_text(case: Case) -> FloatArray:
    graph = case.graph
    if graph.item_text is not None:
        text: FloatArray = graph.item_text[case.new]
        return text
    if graph.event_text is None:
        raise ValueError("this graph has no texts")
    first: FloatArray = graph.event_text[case.reviews[case.place == 0]]
    return first


def _first_events(case: Case, model: Model, told: IntArray, lists: Lists) -> FirstEvents:
    events = case.events.take(told)
    events = events.take(lists.is_known[events.user_index])
    place = np.searchsorted(case.new, events.item_index)
    rows = np.zeros((len(case.new), model.vectors.shape[1]), dtype=np.float32)
    np.add.at(rows, place, model.vectors[events.user_index])
    return FirstEvents(rows, np.bincount(place, minlength=len(case.new)))


def _on_new(case: Case, rows: IntArray) -> NDArray[np.bool_]:
    """Which user wrote which of these reviews, `[num_users, num_new]`."""
    pairs = np.zeros((case.events.num_users, len(case.new)), dtype=bool)
    pairs[case.events.user_index[rows], np.searchsorted(case.new, case.events.item_index[rows])] = True
    return pairs


def _others(case: Case, model: Model, text: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scores of the mean of similar products and of text-kNN, `[num_users, num_new]` both."""
    train, graph = case.events.take(case.known), case.graph
    of_items = graph.item_text
    if of_items is None and graph.event_text is not None:
        of_items = text_of_items(train, graph.event_text[case.known])
    assert of_items is not None
    known = np.unique(train.item_index)
    centre = of_items[known].mean(0)
    directions, asked = unit_rows(of_items - centre), unit_rows(text - centre)
    nearest = known[np.argsort(-(asked @ directions[known].T), axis=1)[:, :NEAREST]]
    profiles = np.zeros((train.num_users, text.shape[1]), np.float32)
    np.add.at(profiles, train.user_index, directions[train.item_index])
    similar: FloatArray = model.vectors @ model.ranking.items[nearest].mean(1).T
    knn: FloatArray = unit_rows(profiles) @ asked.T
    return similar, knn


def _lead(scores: FloatArray, lists: Lists) -> tuple[IntArray, FloatArray]:
    """Each user's ten best new products, and how far the m-th is ahead of the known one on position 11 − m."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    lead: FloatArray = np.take_along_axis(scores, best, axis=1) - lists.best[:, : best.shape[1]]
    return best, lead


def _outcome(best: IntArray, placed: NDArray[np.bool_], wanted: NDArray[np.bool_], lists: Lists) -> Outcome:
    count = wanted.sum(axis=1)
    found = (np.take_along_axis(wanted, best, axis=1) & placed).sum(axis=1)
    hits, lost = lists.hits.sum(axis=1), (lists.hits[:, : best.shape[1]] & placed).sum(axis=1)
    asked = lists.wanted > 0
    places = placed[lists.is_known]
    share = float(places.sum()) / (K * len(places))
    before, after = hits[asked] / lists.wanted[asked], (hits - lost)[asked] / lists.wanted[asked]
    return Outcome(found[count > 0] / count[count > 0], before, after, int(placed.sum()), share)


def describe(folds: list[dict[str, Outcome]]) -> str:
    """The figures of all folds in one line."""

    def pooled(way: str, field: str) -> Column:
        return np.concatenate([getattr(fold[way], field) for fold in folds])

    news: Mapping[str, Column] = {way: pooled(way, "new") for way in folds[0]}
    others = {way: values for way, values in news.items() if way != MODEL}
    best = max(others, key=lambda way: float(others[way].mean()))
    lead = paired_bootstrap(news[MODEL], others[best], np.random.default_rng(0))
    before, after = pooled(MODEL, "before").mean(), pooled(MODEL, "after").mean()
    share = np.mean([fold[MODEL].share for fold in folds])
    figures = ", ".join(f"{way} {values.mean():.4f}" for way, values in news.items())
    price = 100 * (after / before - 1) if before else 0.0
    return (
        f"new recall@{K} {figures}; lead over {best} {lead}; positions {100 * share:.2f} %; "
        f"known {before:.4f} -> {after:.4f} ({price:+.2f} %)"
    )


if __name__ == "__main__":
    main()
