import math
from itertools import permutations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from kindred.domain.interactions import Interactions
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.matched_negatives import MatchedNegatives
from kindred.evaluation.metrics import (
    catalogue_coverage,
    evaluate_groups,
    evaluate_ranking,
    exposure_gini,
    intra_list_diversity,
    makers_a_list,
    novelty,
    popularity_calibration,
)


def interactions(pairs, num_users, num_items):
    users, items = zip(*pairs, strict=True) if pairs else ((), ())
    return Interactions(np.array(users, dtype=np.int64), np.array(items, dtype=np.int64), num_users, num_items)


def scorer(scores):
    return lambda users: np.asarray(scores, dtype=np.float32)[users]


def test_one_user_by_hand():
    scores = [[5.0, 4.0, 3.0, 2.0, 1.0]]
    result = evaluate_ranking(scorer(scores), interactions([(0, 1), (0, 3)], 1, 5), None, ks=(3,))
    assert result.means["recall@3"] == pytest.approx(1 / 2)
    assert result.means["ndcg@3"] == pytest.approx((1 / math.log2(3)) / (1 + 1 / math.log2(3)))
    assert result.means["mrr@3"] == pytest.approx(1 / 2)
    assert result.means["hit_rate@3"] == 1
    assert result.top_items.tolist() == [[0, 1, 2]]


def test_recall_divides_by_all_held_out_items_and_ndcg_by_the_best_possible_list():
    held_out = interactions([(0, 0), (0, 1), (0, 2)], 1, 4)
    result = evaluate_ranking(scorer([[4.0, 3.0, 2.0, 1.0]]), held_out, None, ks=(2,))
    assert result.means["recall@2"] == pytest.approx(2 / 3)
    assert result.means["ndcg@2"] == pytest.approx(1)


def test_seen_items_leave_the_ranking_only_where_given():
    held_out, seen = interactions([(0, 2)], 1, 3), interactions([(0, 0), (0, 1)], 1, 3)
    scores = scorer([[3.0, 2.0, 1.0]])
    assert evaluate_ranking(scores, held_out, seen, ks=(1,)).means["recall@1"] == 1
    assert evaluate_ranking(scores, held_out, None, ks=(1,)).means["recall@1"] == 0
    assert evaluate_ranking(scores, held_out, seen, ks=(3,)).top_items.tolist() == [[2, -1, -1]]


def test_an_item_both_seen_and_held_out_is_never_hit():
    both = interactions([(0, 0)], 1, 2)
    assert evaluate_ranking(scorer([[1.0, 0.0]]), both, both, ks=(2,)).means["hit_rate@2"] == 0


def test_equal_scores_earn_what_guessing_earns():
    result = evaluate_ranking(scorer(np.zeros((1, 10))), interactions([(0, 9)], 1, 10), None, ks=(5,))
    assert result.means["recall@5"] == pytest.approx(0.5)
    assert result.means["hit_rate@5"] == pytest.approx(0.5)
    assert result.means["mrr@5"] == pytest.approx(sum(1 / place for place in range(1, 6)) / 10)


def test_users_without_held_out_items_are_not_evaluated():
    result = evaluate_ranking(scorer(np.eye(3)), interactions([(2, 2)], 3, 3), None, ks=(1,), batch_size=1)
    assert result.users.tolist() == [2]
    assert result.means["recall@1"] == 1


def test_nan_and_wrong_shapes_are_refused():
    held_out = interactions([(0, 0)], 1, 2)
    with pytest.raises(ValueError, match="NaN"):
        evaluate_ranking(scorer([[np.nan, 0.0]]), held_out, None)
    with pytest.raises(ValueError, match="shape"):
        evaluate_ranking(scorer([[0.0]]), held_out, None)


def expectation_over_orders(scores, relevant, k):
    """Every order of equal scores, one by one."""
    values = []
    for order in permutations(range(len(scores))):
        ranking = sorted(order, key=lambda item: -scores[item])
        hits = [item in relevant for item in ranking[:k]]
        gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
        ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))
        first = next((1 / (place + 1) for place, hit in enumerate(hits) if hit), 0.0)
        values.append((sum(hits) / len(relevant), gain / ideal, first, float(any(hits))))
    return np.mean(values, axis=0)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.integers(0, 2), min_size=2, max_size=5),
    data=st.data(),
)
def test_ties_are_the_exact_expectation(scores, data):
    relevant = data.draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    k = data.draw(st.integers(1, len(scores)))
    held_out = interactions([(0, item) for item in relevant], 1, len(scores))
    means = evaluate_ranking(scorer([scores]), held_out, None, ks=(k,)).means
    expected = expectation_over_orders(scores, relevant, k)
    got = [means[f"{metric}@{k}"] for metric in ("recall", "ndcg", "mrr", "hit_rate")]
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_ndcg_agrees_with_scikit_learn_ties_included():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (40, 30)).astype(np.float32)
    relevant = rng.random((40, 30)) < 0.15
    relevant[:, 0] = True
    users, items = np.nonzero(relevant)
    held_out = Interactions(users.astype(np.int64), items.astype(np.int64), 40, 30)
    result = evaluate_ranking(scorer(scores), held_out, None, ks=(7,), batch_size=13)
    reference = [ndcg_score(relevant[[user]], scores[[user]], k=7) for user in range(40)]
    np.testing.assert_allclose(result.per_user["ndcg@7"], reference, atol=1e-9)


def test_a_group_of_items_is_ranked_as_if_it_alone_were_held_out_and_users_are_scored_once():
    rng = np.random.default_rng(2)
    scores, asked = rng.integers(0, 8, (40, 30)).astype(np.float32), []

    def score(users):
        asked.append(users)
        return scores[users]

    known, held_out = (
        Interactions(*map(np.asarray, np.nonzero(rng.random((40, 30)) < share)), 40, 30) for share in (0.2, 0.1)
    )
    matched = MatchedNegatives.of(known, held_out)
    group = rng.integers(0, 3, 30)
    groups = [group == number for number in range(4)]  # the last one is empty
    found = evaluate_groups(score, held_out, known, groups, ks=(3, 7), batch_size=9, matched=matched)
    assert np.concatenate(asked).tolist() == np.unique(held_out.user_index).tolist()
    for mask, result in zip(groups, found, strict=True):
        own = held_out.take(mask[held_out.item_index])
        alone = evaluate_ranking(scorer(scores), own, known, ks=(3, 7), matched=matched)
        assert result.users.tolist() == alone.users.tolist()
        assert {name: values.tolist() for name, values in result.per_user.items()} == {
            name: values.tolist() for name, values in alone.per_user.items()
        }
        assert result.top_items.tolist() == alone.top_items.tolist()


def test_metrics_agree_with_torch_geometric_without_ties():
    import torch
    from torch_geometric.metrics import LinkPredMRR, LinkPredNDCG, LinkPredRecall

    rng = np.random.default_rng(1)
    scores = rng.permuted(np.tile(np.arange(25.0, dtype=np.float32), (30, 1)), axis=1)
    pairs = [(user, int(item)) for user in range(30) for item in rng.choice(25, rng.integers(1, 6), replace=False)]
    held_out = interactions(pairs, 30, 25)
    result = evaluate_ranking(scorer(scores), held_out, None, ks=(10,))
    predicted = torch.from_numpy(result.top_items)
    labels = torch.tensor(pairs).T
    for name, metric in (("recall", LinkPredRecall(10)), ("ndcg", LinkPredNDCG(10)), ("mrr", LinkPredMRR(10))):
        metric.update(predicted, labels)
        assert result.means[f"{name}@10"] == pytest.approx(float(metric.compute()), abs=1e-6)


def test_beyond_accuracy_by_hand():
    lists = np.array([[0, 1], [0, 1]])
    assert catalogue_coverage(lists, 4) == 0.5
    assert exposure_gini(lists, 4) == pytest.approx(0.5)
    assert exposure_gini(np.array([[0, 1], [2, 3]]), 4) == 0
    seen = interactions([(0, 0), (1, 0), (0, 1)], 4, 4)
    assert novelty(lists, seen) == pytest.approx((1 + 2) / 2)
    assert intra_list_diversity(lists, np.eye(4, dtype=np.float32)) == pytest.approx(1)
    assert intra_list_diversity(lists, np.ones((4, 2), dtype=np.float32)) == pytest.approx(0, abs=1e-6)


def test_makers_of_a_list_are_counted_once_each():
    made = sp.csr_matrix(np.array([[1, 0, 0], [2, 0, 0], [0, 1, 1], [0, 0, 0]]))
    assert makers_a_list(np.array([[0, 1], [0, 2], [3, -1]]), made) == pytest.approx((1 + 3 + 0) / 3)
    assert makers_a_list(np.zeros((0, 10), np.int64), made) == 0


def test_calibration_is_zero_for_lists_as_popular_as_tastes_and_one_for_the_opposite():
    pairs = [(0, 0)] * 50 + [(1, item) for item in range(1, 51)]
    seen = interactions(pairs, 2, 51)
    users = np.array([0, 1])
    assert popularity_calibration(np.array([[0, 0], [1, 2]]), users, seen) == pytest.approx(0, abs=0.5)
    assert popularity_calibration(np.array([[0]]), users[:1], seen) == pytest.approx(0)
    assert popularity_calibration(np.array([[50]]), users[:1], seen) == pytest.approx(1)


def test_bootstrap_brackets_a_known_difference_and_refuses_unpaired_rows():
    rng = np.random.default_rng(0)
    baseline = rng.random(400)
    interval = paired_bootstrap(baseline + rng.normal(0.1, 0.2, 400), baseline, rng, num_samples=500)
    assert 0 < interval.low < 0.1 < interval.high
    assert interval.standard_error == pytest.approx(0.2 / 20, rel=0.15), "the deviation over the root of the number"
    same = paired_bootstrap(baseline, baseline, rng, num_samples=10)
    assert same.mean == same.standard_error == 0
    with pytest.raises(ValueError, match="paired"):
        paired_bootstrap(baseline, baseline[1:], rng)
