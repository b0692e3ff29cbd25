"""What is planted in the generated sample, and what text adds: `python -m benchmarks.planted [--seed S] [--encode]`.

The last review of each user is held out, the whole catalogue ranked, seen products removed. "Words" reads the aspects
off the known reviews exactly (it knows the generator's sentences), so it shows how much there is to find; `--encode`
adds what the mean MiniLM vectors of users and products find of it without any learning. Weights and EASE's ridge are
chosen on the reviews before the last.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.mentions import mentions
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.metrics import RankingResult, evaluate_ranking
from kindred.evaluation.splits import Split, temporal_split
from kindred.ingest.generate.aspects import ASPECTS
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.linear.baselines.ease import fit_ease
from kindred.linear.baselines.neighbours import fit_item_knn
from kindred.linear.baselines.popularity import fit_popularity
from kindred.linear.baselines.rating_baselines import fit_bias_rating, fit_mean_rating
from kindred.recommenders.baselines import choose_ease_ridge

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0)
METRIC = "recall@10"


@dataclass(frozen=True)
class Reviews:
    """A generated sample as arrays.

    Attributes:
        users: ids of the users of `events`.
        products: ids of its items.
        said: +1 praise, −1 fault of each aspect, 0 nothing, `[num_reviews, num_aspects]`.
    """

    users: IdMap
    products: IdMap
    events: Interactions
    texts: list[str]
    said: FloatArray


def read_reviews(sample: ProductSample) -> Reviews:
    """The sample, generated in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        files = generate_products(sample, Path(folder))
        rate = sample.reviews / (time.process_time() - started)
        print(f"generated {sample.reviews:,} reviews: {rate:,.0f} per CPU-second, start included")
        rows: list[dict[str, Any]] = [json.loads(line) for line in files.reviews.open("rb")]
    users = IdMap.sorted(row["reviewerID"] for row in rows)
    products = IdMap.sorted(row["asin"] for row in rows)
    said = np.zeros((len(rows), len(ASPECTS)), dtype=np.float32)
    for row, aspects in zip(rows, said, strict=True):
        for aspect, is_praise in mentions(row["reviewText"]):
            aspects[aspect] = 1.0 if is_praise else -1.0
    events = Interactions(
        users.positions([row["reviewerID"] for row in rows]),
        products.positions([row["asin"] for row in rows]),
        len(users),
        len(products),
        np.array([row["overall"] for row in rows], dtype=np.float32),
        np.array([row["unixReviewTime"] for row in rows], dtype=np.int64),
    )
    return Reviews(users, products, events, [f"{row['summary']}. {row['reviewText']}" for row in rows], said)


def total(index: IntArray, num: int, values: FloatArray) -> FloatArray:
    """Sum of the rows of `values` for each position, `[num, dim]`."""
    sums = np.zeros((num, values.shape[1]), dtype=np.float32)
    np.add.at(sums, index, values)
    return sums


def words_scorer(reviews: Reviews, rows: IntArray) -> Scorer:
    """Aspects that a user speaks of, by what others say of each product on them."""
    events, said = reviews.events.take(rows), reviews.said[rows]
    cares = total(events.user_index, events.num_users, np.abs(said))
    praise = total(events.item_index, events.num_items, said)
    praise /= total(events.item_index, events.num_items, np.abs(said)) + 2.0
    cares /= cares.sum(axis=1, keepdims=True) + 1.0
    return lambda users: cares[users] @ praise.T


def vectors_scorer(reviews: Reviews, vectors: FloatArray, rows: IntArray) -> Scorer:
    """Cosine of the mean text vectors of users and products, centred."""
    events, centred = reviews.events.take(rows), vectors[rows] - vectors[rows].mean(axis=0)
    sides = [
        total(events.user_index, events.num_users, centred),
        total(events.item_index, events.num_items, centred),
    ]
    users, items = (side / (np.linalg.norm(side, axis=1, keepdims=True) + 1e-6) for side in sides)
    return lambda rows: users[rows] @ items.T


def mixed(first: Scorer, second: Scorer, weight: float) -> Scorer:
    """Sum of both, each with mean 0 and deviation 1 for every user."""

    def scaled(scores: FloatArray) -> FloatArray:
        centred = scores - scores.mean(axis=1, keepdims=True)
        result: FloatArray = centred / (centred.std(axis=1, keepdims=True) + 1e-6)
        return result

    return lambda users: scaled(first(users)) + weight * scaled(second(users))


def rating_errors(reviews: Reviews, known: IntArray, test: IntArray) -> dict[str, float]:
    """MSE of the mean, of user and item bias, and of bias with the aspects that others' words praise or fault."""
    events, said = reviews.events, reviews.said
    user, item, spoken = events.user_index, events.item_index, np.abs(said)
    bias = fit_bias_rating(events.take(known))
    net, loud = (total(item[known], events.num_items, part[known]) for part in (said, spoken))
    cares = total(user[known], events.num_users, spoken[known])

    def features(rows: IntArray, own: float) -> FloatArray:
        """Constant, bias, match; `own` 1 takes the row's own words out of every sum."""
        quality = (net[item[rows]] - own * said[rows]) / (loud[item[rows]] - own * spoken[rows] + 2.0)
        dear = cares[user[rows]] - own * spoken[rows]
        match = (quality * dear / (dear.sum(axis=1, keepdims=True) + 1.0)).sum(axis=1)
        return np.stack([np.ones(len(rows)), bias(user[rows], item[rows]), match], axis=1).astype(np.float32)

    assert events.rating is not None
    weights = np.linalg.lstsq(features(known, 1.0), events.rating[known], rcond=None)[0]
    predictions = {
        "mean": fit_mean_rating(events.take(known))(user[test], item[test]),
        "user + item bias": bias(user[test], item[test]),
        "bias + words of others": np.clip(features(test, 0.0) @ weights, 1.0, 5.0),
    }
    return {name: float(np.mean((events.rating[test] - stars) ** 2)) for name, stars in predictions.items()}


TextScorer = Callable[[IntArray], Scorer]
"""Known rows -> a scorer made of their texts."""


def best_weight(split: Split, ridge: float, text: TextScorer) -> float:
    """What the text weighs beside EASE of this ridge, by the reviews before the last."""
    young, texts = fit_ease(split.train_events, ridge), text(split.train)
    recalls = [
        evaluate_ranking(mixed(young, texts, weight), split.validation_events, split.train_events).means[METRIC]
        for weight in WEIGHTS
    ]
    return WEIGHTS[int(np.argmax(recalls))]


def print_ranking(split: Split, texts: dict[str, TextScorer]) -> None:
    """The baselines, and EASE with each kind of text beside it."""

    def judge(name: str, scorer: Scorer) -> RankingResult:
        result = evaluate_ranking(scorer, split.test_events, split.known_events)
        print(f"{name:24s} R@10 {result.means[METRIC]:.4f}  N@10 {result.means['ndcg@10']:.4f}")
        return result

    judge("popularity", fit_popularity(split.known_events))
    judge("itemKNN", fit_item_knn(split.known_events))
    ridge = choose_ease_ridge(split.train_events, split.validation_events)
    fitted = fit_ease(split.known_events, ridge)
    ease = judge("EASE", fitted)
    for name, text in texts.items():
        weight = best_weight(split, ridge, text)
        scorer = mixed(fitted, text(split.known), weight)
        with_text = judge(f"EASE + {weight:g} {name}", scorer)
        gain = paired_bootstrap(with_text.per_user[METRIC], ease.per_user[METRIC], np.random.default_rng(0))
        print(f"  gain over EASE         {gain}")


def main() -> None:
    """Prints the tables of docs/generator.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--encode", action="store_true", help="add MiniLM vectors (minutes of CPU)")
    options = parser.parse_args()
    reviews = read_reviews(ProductSample(seed=options.seed))
    split = temporal_split(reviews.events)
    texts: dict[str, TextScorer] = {"words": partial(words_scorer, reviews)}
    if options.encode:
        from kindred.features.text import open_text_encoder

        vectors = open_text_encoder().encode(reviews.texts).astype(np.float32)
        texts["MiniLM means"] = partial(vectors_scorer, reviews, vectors)
    print_ranking(split, texts)
    for name, error in rating_errors(reviews, split.known, split.test).items():
        print(f"{name:24s} MSE {error:.3f}")


if __name__ == "__main__":
    main()
