"""New products in the whole catalogue: `python -m benchmarks.new_products [--data DIR] [--folds N]`.

Further options are `--reviews-only`, `--shares …`, `--without-network` and `--without-text`.

A fifth of the products is left out of the graph with all reviews, five times, until each was left out once; so is a
fifth of the reviews of the others. A run is trained on the rest; then the new products come into the graph with
their first reviews, the run is published, and the recommender gives every user ten products out of all. Asked for are
both: recall@10 of (user, new product) pairs, and of the held-out reviews of the known products, the latter also with
the new ones excluded by the request: the same version, which folds in who wrote their first reviews, without them.

A new product brings title and description (generated sample) and its first 0, 1, 2 or 5 reviews, or these alone, 1, 2
or 5 of them (the real reviews have nothing else); what came after is asked for. Beside the model, each with as many
positions in all lists together as the model gave to new products: text-kNN (mean direction of what a user reviewed;
the product's own text, or that of its first review), the mean of the rows of the ten products that read most similar,
both by their score and by their lead over the product that they replace, and popularity, which knows nothing of new
products and takes any. Paired intervals over users.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import datasets
from benchmarks.cold_start import FOLDS, left_out
from benchmarks.product_graphs import (
    ProductData,
    Shop,
    external_ids,
    open_shop,
    read_product_data,
    reviews14_lines,
    sample_lines,
)
from kindred.domain.embeddings import Embeddings, TextEncoder, unit_rows
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.recommendation import Answer, Request
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.linear.cold_items.rows import NEAREST, ColdItemConfig
from kindred.linear.inputs.event_text import EventText
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.releases import ITEMS, USERS

FIRST_REVIEWS = (0, 1, 2, 5)
K = 10
HELD_OUT = 0.2
MODEL = "kindred"
Column = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One fold.

    Attributes:
        data: everything.
        known: rows of the reviews that are trained on.
        held_out: rows of those on known products that are asked for.
        new: products left out.
        reviews: rows of the reviews of new products, product by product, oldest first.
        place: of each among its product's reviews.
    """

    data: ProductData
    known: IntArray
    held_out: IntArray
    new: IntArray
    reviews: IntArray
    place: IntArray

    @property
    def graph(self) -> InteractionGraph:
        """Everything as arrays."""
        return self.data.graph

    @property
    def events(self) -> Interactions:
        """All reviews."""
        return self.graph.interactions


@dataclass(frozen=True)
class Rows:
    """Rows of the published version on the axes of the whole graph, zeros where it has none."""

    users: FloatArray
    items: FloatArray


@dataclass(frozen=True)
class Lists:
    """What each user's list of ten holds without the new products.

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
    """Recall of each user who has something to be found: of new products, of known ones without and with these."""

    new: Column
    before: Column
    after: Column
    positions: int
    share: float


def main() -> None:
    """Prints a line for each data set, share and number of first reviews."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.new_products", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--folds", type=int, default=FOLDS, help="five leave out each product once; ten, twice")
    parser.add_argument("--reviews-only", action="store_true", help="leave the generated sample out")
    shares = [ColdItemConfig().max_share, 5 * ColdItemConfig().max_share]
    parser.add_argument("--shares", type=float, nargs="+", default=shares, help="positions for new products")
    parser.add_argument("--without-network", action="store_true", help="linear scorers alone: a third of the time")
    parser.add_argument(
        "--without-text", action="store_true", help="by their first reviewers alone; other ways still read"
    )
    arguments = parser.parse_args()
    plain = ModelConfig(network=not arguments.without_network, text=not arguments.without_text)
    sources = {"reviews of 2014": reviews14_lines(arguments.data)}
    if not arguments.reviews_only:
        sources["generated sample"] = sample_lines()
    for name, lines in sources.items():
        data = read_product_data(lines)
        for share in arguments.shares:
            ranking = replace(plain.ranking, cold_items=ColdItemConfig(max_share=share))
            config = plain.model_copy(update={"ranking": ranking})
            folds = [one_fold(make_case(data, fold), config) for fold in range(arguments.folds)]
            for first in folds[0]:
                line = describe([fold[first] for fold in folds])
                print(f"{name}, share {share:g}, {first} first reviews: {line}", flush=True)


def make_case(data: ProductData, fold: int) -> Case:
    """The fold with that number."""
    events = data.graph.interactions
    is_new = left_out(events.num_items, fold)
    on_new = is_new[events.item_index]
    held_out = ~on_new & (np.random.default_rng([fold, 1]).random(len(events)) < HELD_OUT)
    at = np.zeros(len(events), dtype=np.int64) if events.at is None else events.at
    reviews = np.flatnonzero(on_new)
    reviews = reviews[np.lexsort((reviews, at[reviews], events.item_index[reviews]))]
    new, starts, of_item = np.unique(events.item_index[reviews], return_index=True, return_inverse=True)
    place = np.arange(len(reviews)) - starts[of_item]
    return Case(data, np.flatnonzero(~on_new & ~held_out), np.flatnonzero(held_out), new, reviews, place)


def one_fold(case: Case, config: ModelConfig, encoder: TextEncoder | None = None) -> dict[int, dict[str, Outcome]]:
    """What every way makes of the new products, by how many first reviews they bring; trained once."""
    new_ids = external_ids(case.graph, PRODUCTS.item_label, case.new)
    known_ids = [product for product in case.data.metadata if product not in set(new_ids)]
    found = {}
    with open_shop(case.data.part(case.known, known_ids), encoder) as shop:
        run = shop.train(config)
        for first in FIRST_REVIEWS:
            told = case.reviews[case.place < first]
            if first or case.graph.item_text is not None:  # else there is nothing to place them by
                shop.load(case.data.part(told, new_ids))
                found[first] = compare(case, shop, _read_rows(case, shop, shop.publish(run)), first)
    return found


def compare(case: Case, shop: Shop, rows: Rows, first: int) -> dict[str, Outcome]:
    """What the recommender and every other way make of new products with so many first reviews."""
    events = case.events
    new_ids = frozenset(external_ids(case.graph, PRODUCTS.item_label, case.new))
    lists = _lists(case, ask(case, shop, new_ids))
    taken = _on_new(case, case.reviews[case.place < first])
    wanted = _on_new(case, case.reviews[case.place >= first]) & lists.is_known[:, None]
    outcomes = {MODEL: _outcome_of_answers(case, ask(case, shop, frozenset()), wanted, lists)}
    positions = outcomes[MODEL].positions
    similar, knn = _others(case, rows, _new_text(case))
    chance = np.random.default_rng(0).random((events.num_users, len(case.new))).astype(np.float32)

    def scored(scores: FloatArray) -> FloatArray:
        masked: FloatArray = np.where(taken | ~lists.is_known[:, None], -np.inf, scores)
        return masked

    ways = {"text-kNN": (knn, False), "mean of similar": (similar, False), "mean of similar, lead": (similar, True)}
    for name, (scores, by_lead) in {**ways, "popularity": (chance, False)}.items():
        best, lead = _lead(scored(scores), lists)
        value = lead if by_lead else np.take_along_axis(scored(scores), best, axis=1)
        least = np.sort(value, axis=None)[::-1][positions - 1] if positions else np.inf
        outcomes[name] = _outcome(best, value >= least, wanted, lists)
    return outcomes


def ask(case: Case, shop: Shop, exclude: frozenset[str]) -> list[Answer | None]:
    """The recommender's answer to every user whom the training knows, None for others."""
    is_known = _is_known(case)
    return [
        shop.recommender(Request(user_id=user, k=K, exclude=exclude, reasons=False)) if known else None
        for user, known in zip(case.graph.users, is_known, strict=True)
    ]


def _is_known(case: Case) -> NDArray[np.bool_]:
    known: NDArray[np.bool_] = np.bincount(case.events.user_index[case.known], minlength=case.events.num_users) > 0
    return known


def _read_rows(case: Case, shop: Shop, version: str) -> Rows:
    here = shop.vectors.of(PRODUCTS.name)

    def on_axis(ids: IdMap, found: Embeddings) -> FloatArray:
        rows = np.zeros((len(ids), found.vectors.shape[1]), np.float32)
        rows[ids.positions(found.ids.ids)] = found.vectors
        return rows

    users, items = case.graph.users, case.graph.items
    return Rows(
        on_axis(users, here.fetch(version, USERS, users.ids)), on_axis(items, here.fetch(version, ITEMS, items.ids))
    )


def _wanted_of_known(case: Case) -> NDArray[np.bool_]:
    """Which known products each user whom the training knows is asked for, `[num_users, num_items]`."""
    train, events = case.events.take(case.known), case.events
    wanted = np.zeros((events.num_users, events.num_items), dtype=bool)
    wanted[events.user_index[case.held_out], events.item_index[case.held_out]] = True
    wanted[train.user_index, train.item_index] = False
    wanted[~_is_known(case)] = False
    return wanted


def _answered(case: Case, answers: Sequence[Answer | None]) -> tuple[IntArray, FloatArray]:
    """Items and scores of each user's ten, the least first; −1, −inf where there are fewer, `[num_users, 10]` both."""
    items = np.full((len(answers), K), -1, dtype=np.int64)
    scores = np.full((len(answers), K), -np.inf, dtype=np.float32)
    for user, answer in enumerate(answers):
        found = () if answer is None else answer.recommendations
        if found:
            items[user, -len(found) :] = case.graph.items.positions([f.item_id for f in found])[::-1]
            scores[user, -len(found) :] = [f.score for f in found][::-1]
    return items, scores


def _lists(case: Case, answers: Sequence[Answer | None]) -> Lists:
    items, scores = _answered(case, answers)
    wanted = _wanted_of_known(case)
    hits = np.take_along_axis(wanted, np.maximum(items, 0), axis=1) & (items >= 0)
    return Lists(scores, hits, wanted.sum(axis=1), _is_known(case))


def _outcome_of_answers(
    case: Case, answers: Sequence[Answer | None], wanted: NDArray[np.bool_], lists: Lists
) -> Outcome:
    """What the answers with new products in them are worth."""
    items, _ = _answered(case, answers)
    is_new = np.isin(items, case.new)
    users = np.broadcast_to(np.arange(len(items))[:, None], items.shape)
    found = np.zeros(len(items), dtype=np.int64)
    np.add.at(found, users[is_new], wanted[users[is_new], np.searchsorted(case.new, items[is_new])])
    hits = np.take_along_axis(_wanted_of_known(case), np.maximum(items, 0), axis=1) & (items >= 0)
    count, asked = wanted.sum(axis=1), lists.wanted > 0
    before, after = lists.hits.sum(axis=1)[asked] / lists.wanted[asked], hits.sum(axis=1)[asked] / lists.wanted[asked]
    share = float(is_new.sum()) / (K * int(lists.is_known.sum()))
    return Outcome(found[count > 0] / count[count > 0], before, after, int(is_new.sum()), share)


def _new_text(case: Case) -> FloatArray:
    graph = case.graph
    if graph.item_text is not None:
        text: FloatArray = graph.item_text[case.new]
        return text
    if graph.event_text is None:
        raise ValueError("this graph has no texts")
    first: FloatArray = graph.event_text[case.reviews[case.place == 0]].astype(np.float32)
    return first


def _on_new(case: Case, rows: IntArray) -> NDArray[np.bool_]:
    """Which user wrote which of these reviews, `[num_users, num_new]`."""
    pairs = np.zeros((case.events.num_users, len(case.new)), dtype=bool)
    pairs[case.events.user_index[rows], np.searchsorted(case.new, case.events.item_index[rows])] = True
    return pairs


def _others(case: Case, published: Rows, text: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scores of the mean of similar products and of text-kNN, `[num_users, num_new]` both."""
    train, graph = case.events.take(case.known), case.graph
    of_items = graph.item_text
    if of_items is None and graph.event_text is not None:
        of_items = EventText.of(graph.event_text).take(case.known).means(train.item_index, train.num_items)
    assert of_items is not None
    known = np.unique(train.item_index)
    centre = of_items[known].mean(0)
    directions, asked = unit_rows(of_items - centre), unit_rows(text - centre)
    nearest = known[np.argsort(-(asked @ directions[known].T), axis=1)[:, :NEAREST]]
    profiles = np.zeros((train.num_users, text.shape[1]), np.float32)
    np.add.at(profiles, train.user_index, directions[train.item_index])
    similar: FloatArray = published.users @ published.items[nearest].mean(1).T
    knn: FloatArray = unit_rows(profiles) @ asked.T
    return similar, knn


def _lead(scores: FloatArray, lists: Lists) -> tuple[IntArray, FloatArray]:
    """Each user's ten best new products, and how far the m-th is ahead of the known one on position 11 − m."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    own = np.take_along_axis(scores, best, axis=1)
    lead = np.full(own.shape, -np.inf, dtype=np.float32)  # a product that may not be taken has no lead over nothing
    np.subtract(own, lists.best[:, : own.shape[1]], out=lead, where=np.isfinite(own))
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
