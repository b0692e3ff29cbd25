"""Which planted things each part finds: `python -m benchmarks.planted_network [--seed S] [--json]`.

The generator knows what each user cares about and what each product is like. The models learn from all reviews of the
sample but each user's last, as `kindred evaluate` has it; then every unseen product is scored for every user, and a
figure is the chance that of two products the one that has the planted thing is scored higher (.5: not found), the mean
over users. Leads of the whole model are paired over users.

* aspects: products of the user's own shelves that suit what they care about, against others of the same shelf;
* styles: products of the user's own shelves in a style that they like, against others there;
* shelves: products of the user's own shelves, against all others;
* fashion: products whose attraction was in the upper half of their shelf when the user bought last;
* spared: of a product that got one or two stars and is weak at what the user cares about, the others of its shelf
  that are not weak at it, against those that are too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.network import ALONE, EASE, LEFT_OUT, WHOLE
from benchmarks.product_graphs import read_product_data, sample_lines
from kindred.domain.ids import IdMap
from kindred.domain.interactions import IntArray, Interactions, Scorer
from kindred.domain.roc_auc import roc_auc
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.splits import Split, temporal_split
from kindred.ingest.generate.catalogue import Catalogue, seasons
from kindred.ingest.generate.products import ProductSample, catalogue_of, product_id, user_id, users_of
from kindred.ingest.generate.shop import COMMUNITIES, SHELVES, STYLES
from kindred.ingest.generate.tastes import Users, match_of
from kindred.linear.baselines.ease import fit_ease
from kindred.recommenders.baselines import choose_ease_ridge
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.fitting import fit_model, fit_network_scores
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.training.fit import RunOptions

THINGS = ("aspects", "styles", "shelves", "fashion", "spared")
SUITS = 0.4
"""From this match on, −1 to 1, a product suits a user: about a sixth of each shelf."""
WEAK = -0.5
LOW_STARS = 2

Bools = NDArray[np.bool_]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planted_network", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7, help="of the models' random starts; the sample is one")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    graph = read_product_data(sample_lines()).graph
    split = temporal_split(graph.interactions)
    hidden = Hidden.of(ProductSample(), graph.users, graph.items)
    found = {name: figures(hidden, split.known_events, score) for name, score in scorers(graph, split, arguments.seed)}
    rows = report(found)
    if arguments.json:
        print(json.dumps(rows))
        return
    for title, row in rows.items():
        print(f"{title:28s}" + "".join(f"  {thing} {row[thing]}" for thing in THINGS))


def scorers(graph: InteractionGraph, split: Split, seed: int) -> list[tuple[str, Scorer]]:
    """EASE, the network by itself, and the model as it is, without the network and without text."""
    ridge = choose_ease_ridge(split.train_events, split.validation_events)
    found: list[tuple[str, Scorer]] = [(EASE, fit_ease(split.known_events, ridge))]
    alone = fit_network_scores(graph, split.known, ModelConfig(), seed, temporal=True)
    if alone is not None:
        found.append((ALONE, alone))
    for name, config in {WHOLE: ModelConfig(), **LEFT_OUT}.items():
        print(f"fits {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            model = fit_model(graph, split.known, config, RunOptions(Path(folder), seed=seed))
        found.append((name, model.score_users))
    return found


@dataclass(frozen=True)
class Hidden:
    """What the generator knows, by positions of the graph.

    Attributes:
        catalogue: the products, in an order of its own.
        product: position in the catalogue of each product of the graph, `[num_items]`.
        users: theirs, chunk after chunk, each with the number of its first user.
        user: number of each user of the graph, `[num_users]`.
    """

    catalogue: Catalogue
    product: IntArray
    users: list[tuple[int, Users]]
    user: IntArray

    @classmethod
    def of(cls, sample: ProductSample, user_ids: IdMap, product_ids: IdMap) -> Hidden:
        """Those of a sample, for the users and products of the graph that was loaded from it."""
        catalogue = catalogue_of(sample.products, sample.seed)
        chunks, first = [], 0
        for users, _ in users_of(sample):
            chunks.append((first, users))
            first += len(users)
        position = {product_id(int(number)): place for place, number in enumerate(catalogue.number)}
        number = {user_id(place + 1): place for place in range(first)}
        items = [position[product_ids.external(row)] for row in range(len(product_ids))]
        numbers = [number[user_ids.external(row)] for row in range(len(user_ids))]
        return cls(catalogue, np.array(items), chunks, np.array(numbers))

    def user_of(self, row: int) -> tuple[Users, int]:
        """The chunk of a user of the graph, and their position in it."""
        number = int(self.user[row])
        first, users = [chunk for chunk in self.users if chunk[0] <= number][-1]
        return users, number - first

    def attraction(self, season: int) -> NDArray[np.float64]:
        """Of each product of the graph in a season, `[num_items]`."""
        begin = season * len(self.catalogue)
        return np.diff(self.catalogue.fame[begin : begin + len(self.catalogue) + 1])[self.product]


def figures(hidden: Hidden, known: Interactions, score: Scorer) -> dict[str, NDArray[np.float64]]:
    """For each planted thing the figure of each user, NaN where there is nothing to compare, `[num_users]`."""
    found = {thing: np.full(known.num_users, np.nan) for thing in THINGS}
    by_user = np.argsort(known.user_index, kind="stable")
    ends = np.cumsum(np.bincount(known.user_index, minlength=known.num_users))
    for start in range(0, known.num_users, 512):
        users = np.arange(start, min(start + 512, known.num_users))
        for row, scores in zip(users, score(users), strict=True):
            own = by_user[(ends[row - 1] if row else 0) : ends[row]]
            if len(own):
                for thing, value in _of_user(hidden, known.take(own), int(row), scores).items():
                    found[thing][row] = value
    return found


def _of_user(hidden: Hidden, own: Interactions, row: int, scores: NDArray[np.floating]) -> dict[str, float]:
    catalogue, product = hidden.catalogue, hidden.product
    users, place = hidden.user_of(row)
    community = COMMUNITIES[users.community[place]]
    shelf, style = catalogue.shelf[product], catalogue.style[product]
    unseen = np.ones(len(product), dtype=np.bool_)
    unseen[own.item_index] = False
    shelves = [number for number, one in enumerate(SHELVES) if one.name in community.shelves]
    suits = match_of(catalogue, users, np.full(len(product), place), product) >= SUITS
    likes = np.isin(style, [number for number, name in enumerate(STYLES) if name in community.styles])
    assert own.at is not None
    attraction = hidden.attraction(int(seasons(own.at.max())))

    def on_own_shelves(has: Callable[[Bools], Bools]) -> float:
        """Mean over the user's shelves."""
        return _mean([_share(scores, has(shelf == one), unseen & (shelf == one)) for one in shelves])

    return {
        "aspects": on_own_shelves(lambda here: suits),
        "styles": on_own_shelves(lambda here: likes),
        "shelves": _share(scores, np.isin(shelf, shelves), unseen),
        "fashion": on_own_shelves(lambda here: attraction > np.median(attraction[here])),
        "spared": _mean(_spared(catalogue, users.cares[place], product, own, scores, unseen)),
    }


def _spared(
    catalogue: Catalogue,
    cares: IntArray,
    product: IntArray,
    own: Interactions,
    scores: NDArray[np.floating],
    unseen: Bools,
) -> list[float]:
    """For each product of low stars and each aspect that it failed at: are others that fail there scored lower."""
    assert own.rating is not None
    found = []
    for item in own.item_index[own.rating <= LOW_STARS]:
        here = unseen & (catalogue.shelf[product] == catalogue.shelf[product[item]])
        for aspect in cares:
            weak = catalogue.quality[product, aspect] <= WEAK
            if weak[item]:
                found.append(_share(scores, ~weak, here))
    return found


def _share(scores: NDArray[np.floating], has: Bools, among: Bools) -> float:
    return roc_auc(scores[among], has[among])


def _mean(values: list[float]) -> float:
    told = [value for value in values if np.isfinite(value)]
    return float(np.mean(told)) if told else float("nan")


def report(found: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> dict[str, dict[str, str]]:
    """Means of each model, and the whole model's leads, for users where there is something to compare."""
    rows = {name: {thing: f"{np.nanmean(values[thing]):.4f}" for thing in THINGS} for name, values in found.items()}
    for name in [name for name in found if name != WHOLE]:
        rows[f"whole − {name}"] = {thing: _lead(found[WHOLE][thing], found[name][thing]) for thing in THINGS}
    return rows


def _lead(ours: NDArray[np.float64], others: NDArray[np.float64]) -> str:
    told = np.isfinite(ours) & np.isfinite(others)
    return str(paired_bootstrap(ours[told], others[told], np.random.default_rng(0)))


if __name__ == "__main__":
    main()
