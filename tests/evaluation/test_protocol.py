from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.buckets import history_bucket, popularity_bucket
from kindred.evaluation.pooling import UserSums, paired_intervals, pooled
from kindred.evaluation.protocol import (
    Baselines,
    FittedModel,
    ProtocolConfig,
    ProtocolResult,
    evaluate_splits,
    run_protocol,
)
from kindred.evaluation.splits import Split
from kindred.linear.baselines.popularity import fit_popularity
from kindred.linear.baselines.rating_baselines import fit_mean_rating

BASELINES = Baselines({"popularity": lambda split: fit_popularity(split.known_events)}, {"mean": fit_mean_rating})


def user_sums(values: list[list[float]], counts: list[int]) -> UserSums:
    return UserSums(("m",), np.array(values, dtype=np.float64), np.array(counts))


def always(row: list[float]) -> Scorer:
    return lambda users: np.tile(np.array(row, dtype=np.float32), (len(users), 1))


def split_of(interactions: Interactions, test: list[int], validation: list[int] | None = None) -> Split:
    """These rows are for test and validation, all others to learn from."""
    use = [np.array(rows, dtype=np.int64) for rows in (validation or [], test)]
    train = np.setdiff1d(np.arange(len(interactions)), np.concatenate(use))
    return Split("temporal", interactions, train, *use)


def communities(num_users: int = 40, num_items: int = 20) -> Interactions:
    """Even users know even items, odd users odd items, each in an order of their own; two reviews a day."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(num_users), 8)
    item = np.concatenate([rng.permutation(np.arange(u % 2, num_items, 2))[:8] for u in range(num_users)])
    rating = np.where(rng.random(len(user)) < 0.7, 5, 2).astype(np.float32)
    return Interactions(user, item, num_users, num_items, rating, np.tile(np.arange(8) // 2, num_users) * 86_400)


def fit_community(split: Split, seed: int) -> FittedModel:
    parity = np.arange(split.interactions.num_items) % 2

    def score(users: IntArray) -> FloatArray:
        same_side: FloatArray = (parity[None, :] == users[:, None] % 2).astype(np.float32)
        return same_side

    return FittedModel(score, fit_mean_rating(split.known_events), {"no_taste": FittedModel(always([0.0] * 20))})


def test_known_events_are_seen_and_every_figure_is_right_by_hand() -> None:
    """Users 0 and 1 know items 0 and 1; item 2 and 3 are their answers."""
    interactions = Interactions(
        np.array([0, 0, 0, 1, 1, 2, 2]),
        np.array([0, 1, 2, 0, 3, 0, 1]),
        3,
        5,
        rating=np.array([5, 4, 4, 2, 1, 4, 4], dtype=np.float32),
    )
    split = split_of(interactions, test=[2, 4], validation=[1])
    model = FittedModel(always([9, 8, 7, 6, 5]), lambda users, items: np.full(len(users), 3.0, dtype=np.float32))
    config = ProtocolConfig("temporal", baselines=BASELINES, ks=(1,))
    result = evaluate_splits([split], lambda split, seed: model, config)

    # user 0 has seen 0 (train) and 1 (validation): item 2 comes first. User 1 has seen 0: items 1, 2, then 3.
    ranking = result.model.pooled.ranking
    assert ranking is not None
    assert ranking.means["recall@1"] == 0.5
    assert ranking.means["mrr@10"] == pytest.approx((1 + 1 / 3) / 2)
    # popularity of known events: item 0 thrice, item 1 twice, the rest never, so expected ranks among ties
    popularity = result.ranking_baselines["popularity"].pooled.ranking
    assert popularity is not None
    assert popularity.means["recall@1"] == pytest.approx((1 / 3 + 0) / 2)
    rating = result.model.pooled.rating
    assert rating is not None
    assert rating.means == pytest.approx({"mae": 1.5, "mse": (1 + 4) / 2, "accuracy": 0.5})
    mean = result.rating_baselines["mean"].pooled.rating
    assert mean is not None
    assert mean.means["mae"] == pytest.approx((0.2 + 2.8) / 2)  # the mean of the five known ratings is 3.8
    assert result.model.pooled.confusion.tolist() == [0, 0, 1, 1]
    # coverage of the top 10: both lists hold all that is unseen, 2 3 4 and 1 2 3 4
    assert result.model.pooled.lists["coverage"] == 4 / 5
    assert set(result.model.pooled.by_history) == {"1", "2-3"}
    assert set(result.model.pooled.by_popularity) == {"cold"}  # nobody but its user knows item 2 or 3


def test_buckets_by_hand() -> None:
    # items known 5, 3, 1, 1 and 0 times: 0, 5, 8 and 8 of 10 events are on more popular items
    item = np.repeat([0, 1, 2, 3], [5, 3, 1, 1])
    known = Interactions(np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3]), item, 5, 5)
    assert popularity_bucket(known).tolist() == [0, 1, 2, 2, 3]
    assert history_bucket(known).tolist() == [1, 2, 2, 3, 0]


def test_every_model_sees_the_same_events() -> None:
    fitted_on: list[IntArray] = []

    def spy(split: Split) -> Scorer:
        fitted_on.append(split.known_events.item_index)
        return fit_popularity(split.known_events)

    def fit(split: Split, seed: int) -> FittedModel:
        fitted_on.append(split.known_events.item_index)
        return fit_community(split, seed)

    run_protocol(communities(), fit, ProtocolConfig("temporal", baselines=Baselines({"a": spy, "b": spy})))
    assert len(fitted_on) == 3
    assert all(np.array_equal(fitted_on[0], other) for other in fitted_on)


def test_progress_names_what_is_fitted_and_counts_every_fit() -> None:
    told: list[tuple[str, int, int | None]] = []
    config = ProtocolConfig("random", (0, 1), BASELINES)
    run_protocol(communities(), fit_community, config, lambda *report: told.append(report))
    fits = ["the model", "popularity", "mean"] * 2
    assert told == [*((f"evaluate: {name}", n, 6) for n, name in enumerate(fits)), ("evaluate", 6, 6)]


def test_a_planted_taste_is_found_and_its_ablation_falls() -> None:
    result = run_protocol(communities(), fit_community, ProtocolConfig("random", seeds=(0, 1), baselines=BASELINES))
    model, without = result.model.pooled.ranking, result.variants["no_taste"].pooled.ranking
    assert model is not None
    assert without is not None
    assert model.means["recall@10"] == 1.0
    assert without.means["recall@10"] < 0.9
    assert len(result.model.by_split) == 2


def test_a_random_model_finds_k_of_the_catalogue() -> None:
    num_users, num_items = 400, 100
    rng = np.random.default_rng(1)
    item = np.concatenate([rng.choice(num_items, 3, replace=False) for _ in range(num_users)])
    times = np.tile(np.arange(3), num_users) * 86_400
    interactions = Interactions(np.repeat(np.arange(num_users), 3), item, num_users, num_items, at=times)

    def fit(split: Split, seed: int) -> FittedModel:
        draws = np.random.default_rng(seed).random((num_users, num_items), dtype=np.float32)
        return FittedModel(lambda users: draws[users])

    config = ProtocolConfig("temporal", seeds=tuple(range(5)), baselines=Baselines({}))
    ranking = run_protocol(interactions, fit, config).model.pooled.ranking
    assert ranking is not None
    assert ranking.means["recall@10"] == pytest.approx(10 / 98, abs=0.02)  # two of the hundred are seen


def sums_of(result: ProtocolResult) -> tuple[UserSums, UserSums]:
    model, popularity = result.model.pooled.ranking, result.ranking_baselines["popularity"].pooled.ranking
    assert model is not None
    assert popularity is not None
    return model, popularity


def test_equal_runs_give_equal_figures_and_row_order_does_not_matter() -> None:
    config = ProtocolConfig("random", seeds=(3,), baselines=BASELINES)
    interactions = communities()
    reversed_rows = interactions.take(np.arange(len(interactions))[::-1])
    for first, second in zip(
        sums_of(run_protocol(interactions, fit_community, config)),
        sums_of(run_protocol(reversed_rows, fit_community, config)),
        strict=True,
    ):
        assert np.array_equal(first.sums, second.sums)


def test_with_one_case_a_user_the_interval_is_the_plain_paired_bootstrap() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random(50), rng.random(50)
    model, other = (user_sums(x[:, None].tolist(), [1] * 50) for x in (a, b))
    found = paired_intervals(model, {"b": other}, np.random.default_rng(7), 500)["b"]["m"]
    plain = paired_bootstrap(a, b, np.random.default_rng(7), 500)
    assert (found.mean, found.low, found.high) == pytest.approx((plain.mean, plain.low, plain.high))


def test_repeating_a_split_adds_no_evidence() -> None:
    """Five seeds that find the same must leave the interval as wide as one seed's."""
    rng = np.random.default_rng(5)
    a, b = (user_sums(rng.random((60, 1)).tolist(), [1] * 60) for _ in range(2))
    once = paired_intervals(a, {"b": b}, np.random.default_rng(0))["b"]["m"]
    five = paired_intervals(pooled([a] * 5), {"b": pooled([b] * 5)}, np.random.default_rng(0))["b"]["m"]
    assert (five.mean, five.low, five.high) == pytest.approx((once.mean, once.low, once.high))


def test_cases_are_weighed_alike_and_untested_users_do_not_count() -> None:
    model = user_sums([[6.0], [1.0], [0.0]], [3, 1, 0])
    assert model.means == {"m": 7 / 4}
    assert model.num_users == 2
    assert model.among(np.array([False, True, True])).means == {"m": 1.0}
    zero = user_sums([[0.0], [0.0], [0.0]], [3, 1, 0])
    interval = paired_intervals(model, {"zero": zero}, np.random.default_rng(0))["zero"]["m"]
    assert interval.mean == 7 / 4
    assert (interval.low, interval.high) == (1.0, 2.0)  # samples hold the first user, the second or both


def test_unpaired_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="same cases"):
        paired_intervals(user_sums([[1.0]], [1]), {"o": user_sums([[1.0]], [2])}, np.random.default_rng(0))


@pytest.mark.parametrize("seeds", [(), (0, 1)])
def test_each_split_needs_one_seed(seeds: tuple[int, ...]) -> None:
    splits = [split_of(communities(), test=[0])] if seeds else []
    with pytest.raises(SettingsError, match="seed"):
        evaluate_splits(splits, fit_community, ProtocolConfig("random", seeds=seeds))


def test_a_split_without_events_to_test_or_to_learn_from_is_refused() -> None:
    every = list(range(len(communities())))
    for test, what in (list[int](), "test"), (every, "learn from"):  # bad data, exit code 3
        with pytest.raises(RecordError, match=f"no event to {what}"):
            evaluate_splits([split_of(communities(), test=test)], fit_community, ProtocolConfig("random"))


def test_events_without_a_rating_are_ranked_and_not_rated() -> None:
    """Users 0 and 1 are tested; only user 0 gave stars, to what is known and to what is asked for."""
    interactions = Interactions(
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 2]),
        2,
        3,
        rating=np.array([4, 2, np.nan, np.nan], dtype=np.float32),
    )
    split = split_of(interactions, test=[1, 3])
    fitted = FittedModel(always([3, 2, 1]), lambda users, items: np.full(len(users), 5.0, dtype=np.float32))
    result = evaluate_splits([split], lambda split, seed: fitted, ProtocolConfig("temporal", baselines=BASELINES))
    ranking, rating = result.model.pooled.ranking, result.model.pooled.rating
    assert ranking is not None and ranking.counts.sum() == 2
    assert rating is not None and rating.counts.sum() == 1 and rating.means["mae"] == 3
    mean = result.rating_baselines["mean"].pooled.rating
    assert mean is not None and mean.means["mae"] == 2
