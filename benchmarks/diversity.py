"""What a more varied list costs: `python -m benchmarks.diversity [--data DIR] [--values 0.1 0.3 …]`.

Reviews of 2014, temporal protocol: each user's last review is to be found among all products that the user has not
reviewed. The closed-form parts of the product model without text, fitted once; its lists of 10 are chosen with each
value from 100 candidates, as `kindred recommend --diversity` chooses them. Diversity is the mean of 1 − cosine between
the products of a list, in a space that the choice does not look at: products are alike when the same users know them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import datasets
from kindred.domain.distinct import DistinctPairs
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.evaluation.metrics import items_of_users
from kindred.evaluation.pooling import paired_intervals
from kindred.evaluation.protocol import (
    LIST_LENGTH,
    Baselines,
    FittedModel,
    ProtocolConfig,
    ProtocolResult,
    run_protocol,
)
from kindred.evaluation.splits import Split
from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble
from kindred.recommenders.diversity import CANDIDATES_PER_RANK, mmr_order
from kindred.recommenders.model import Model
from kindred.recommenders.products import PRODUCTS

VALUES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
COLUMNS = ("recall@10", "ndcg@10", "diversity", "novelty", "coverage")


def main() -> None:
    """Fits once, chooses with every value, prints a line each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diversity", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--values", type=float, nargs="+", default=VALUES, help="of --diversity, each in [0, 1]")
    arguments = parser.parse_args()
    interactions = datasets.read_reviews14(arguments.data).interactions
    protocol = ProtocolConfig("temporal", (0,), Baselines({}, {}))
    result = run_protocol(interactions, lambda split, seed: fit(split, seed, arguments.values), protocol)
    print("\n".join(table(result)))


def fit(split: Split, seed: int, values: Sequence[float]) -> FittedModel:
    """The best first, and a variant for each value of diversity."""
    known = split.known_events
    model = fit_closed_form(known, seed)
    seen = items_of_users(known)
    variants = {f"{value:g}": FittedModel(varied(model, seen, value)) for value in values}
    return FittedModel(model.score_users, variants=variants)


def fit_closed_form(known: Interactions, seed: int) -> Model:
    """The product model without network and text."""
    ranking = RankingConfig(temporal=True)
    core = fit_linear_ensemble(known, ranking, seed)
    users, items = (IdMap([f"{n:06}" for n in range(count)]) for count in (known.num_users, known.num_items))
    rows = core.encode_users(known)
    return Model(PRODUCTS, "gnn", users, items, core, None, False, lambda: rows, None)


def varied(model: Model, seen: DistinctPairs, value: float) -> Scorer:
    """Scores that put the chosen list first, in its order, and everything else level behind it."""
    similarity = model.similarity(list(model.items))
    count = LIST_LENGTH * CANDIDATES_PER_RANK

    def score(users: IntArray) -> FloatArray:
        scores = model.score_users(users)
        rows, items = seen.rows_and_targets(users)
        scores[rows, items] = -np.inf
        chosen = np.full_like(scores, -1.0)
        for row, of_user in zip(chosen, scores, strict=True):
            best = np.argsort(-of_user, kind="stable")[:count]
            order = mmr_order(of_user[best], similarity[np.ix_(best, best)], LIST_LENGTH, value)
            row[best[order]] = np.arange(LIST_LENGTH, 0, -1)
        return chosen

    return score


def table(result: ProtocolResult) -> list[str]:
    """A line for each value: figures of its lists, and what it costs in recall with its interval over users."""
    outcomes = {"0": result.model, **result.variants}
    plain = result.model.pooled.ranking
    lines = [f"{'--diversity':<12}" + "".join(f"{column:>11}" for column in COLUMNS) + "   its recall − that of 0"]
    for name, outcome in outcomes.items():
        ranking = outcome.pooled.ranking
        assert plain is not None and ranking is not None
        figures = {**ranking.means, **outcome.pooled.lists}
        interval = paired_intervals(ranking, {"0": plain}, np.random.default_rng(0))["0"]["recall@10"]
        line = f"{name:<12}" + "".join(f"{figures[column]:>11.4f}" for column in COLUMNS)
        lines.append(line if name == "0" else f"{line}   {interval}")
    return lines


if __name__ == "__main__":
    started = time.process_time()
    main()
    print(f"{time.process_time() - started:.0f} CPU-s")
