from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kindred.training.sampling import KnownPairs, sample_candidates, supervision_folds


@given(st.integers(0, 200), st.integers(1, 12), st.integers(0, 5))
def test_folds_are_a_partition_of_even_sizes(num_rows: int, num_folds: int, seed: int) -> None:
    folds = list(supervision_folds(num_rows, num_folds, np.random.default_rng(seed)))
    assert sorted(row for fold in folds for row in fold) == list(range(num_rows))
    sizes = [len(fold) for fold in folds]
    assert not sizes or max(sizes) - min(sizes) <= 1
    assert all((np.diff(fold) > 0).all() for fold in folds)


def test_small_catalogue_is_taken_whole() -> None:
    candidates = sample_candidates(np.array([5, 0, 1]), 3, np.array([0]), np.random.default_rng(0))
    assert candidates.items.tolist() == [0, 1, 2] and candidates.log_expected is None


def test_answers_are_always_candidates_and_expectations_hold() -> None:
    rng = np.random.default_rng(1)
    popularity = np.array([400, 100, 20, 4] + [1] * 60)
    seen = np.zeros(len(popularity))
    rounds = 1_500
    probability = popularity / popularity.sum()
    for _ in range(rounds):
        answers = rng.choice(len(popularity), 3, p=probability)
        candidates = sample_candidates(popularity, 8, answers, rng)
        assert np.isin(answers, candidates.items).all()
        assert (np.diff(candidates.items) > 0).all()
        seen[candidates.items] += 1
    everything = sample_candidates(popularity, 8, np.arange(len(popularity)), rng)
    assert everything.log_expected is not None and np.isfinite(everything.log_expected).all()
    # Expected counts are told for 3 answers a sample.
    told = np.zeros(len(popularity))
    for item in range(len(popularity)):
        sampled = sample_candidates(popularity, 8, np.full(3, item), rng)
        assert sampled.log_expected is not None
        told[item] = np.exp(sampled.log_expected[sampled.items == item][0])
    assert np.allclose(told[:4], seen[:4] / rounds, atol=0.04)
    assert np.isclose(told[4:].mean(), seen[4:].mean() / rounds, atol=0.02)


@settings(max_examples=40)
@given(st.data())
def test_known_pairs_agree_with_a_set(data: st.DataObject) -> None:
    num_sources, num_targets = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 8))
    pairs = data.draw(st.lists(st.tuples(st.integers(0, num_sources - 1), st.integers(0, num_targets - 1))))
    sources = np.array([pair[0] for pair in pairs], dtype=np.int64)
    targets = np.array([pair[1] for pair in pairs], dtype=np.int64)
    asked = np.array(data.draw(st.lists(st.integers(0, num_sources - 1))), dtype=np.int64)
    candidates = np.array(sorted(data.draw(st.sets(st.integers(0, num_targets - 1)))), dtype=np.int64)
    known = KnownPairs.of(sources, targets, num_sources, num_targets).among(asked, candidates)
    assert known.tolist() == [[(source, target) in set(pairs) for target in candidates] for source in asked]
