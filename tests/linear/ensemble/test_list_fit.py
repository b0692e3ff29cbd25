import numpy as np
import pytest
import scipy.sparse as sp
import torch

from kindred.linear.algebra.conjugate_gradients import conjugate_gradients, conjugate_gradients_of_sums
from kindred.linear.algebra.propagation import SparseMatrix
from kindred.linear.ensemble.compression import compress
from kindred.linear.ensemble.list_fit import ListFitConfig, best_lists, fit_lists
from kindred.linear.ensemble.scorer_sum import ScorerSum
from kindred.linear.scorers.scorer import LinearScorer

NUM_USERS, NUM_ITEMS, WIDTH, PLACES = 300, 80, 12, 10


def world(seed=0):
    """Users' features, and blocks of full rank, of few columns and of one row."""
    rng = np.random.default_rng(seed)
    known = (rng.random((NUM_USERS, NUM_ITEMS)) < 0.1).astype(np.float32)
    known[0] = 0  # knows nothing
    known[1] = 1  # knows everything
    features = {
        "items": sp.csr_matrix(known),
        "constant": np.ones((NUM_USERS, 1), dtype=np.float32),
        "text": rng.normal(size=(NUM_USERS, 6)).astype(np.float32),
    }

    def draw(*shape):
        return rng.normal(size=shape).astype(np.float32)

    matrix = LinearScorer("matrix", "items", draw(NUM_ITEMS, NUM_ITEMS))
    factors = LinearScorer("factors", "items", draw(NUM_ITEMS, 30), draw(NUM_ITEMS, 30))
    words = LinearScorer("words", "text", draw(6, NUM_ITEMS))
    popularity = LinearScorer("popularity", "constant", draw(1, NUM_ITEMS))
    return known, features, (matrix, factors, words, popularity)


def exact_scores(blocks, features):
    return sum(factor * block.scores(features, np.arange(features[block.feature].shape[0])) for block, factor in blocks)


def scores_in(space, features):
    rows, items = space
    return sum(features[name] @ part for name, part in rows.items()) @ items.T


def error_in_first_places(scores, exact, known):
    """Root of the mean squared error at each user's best unseen items under the exact scores."""
    best = np.argsort(-np.where(known > 0, -np.inf, exact), axis=1)[2:, :PLACES]
    missed = np.take_along_axis(scores[2:] - exact[2:], best, axis=1)
    return np.sqrt((missed**2).mean())


@pytest.mark.parametrize("has_matrix", [True, False])
def test_first_places_come_nearer_to_those_of_the_whole_sum(has_matrix):
    known, features, blocks = world()
    weighted = [(block, 0.5) for block in (blocks if has_matrix else blocks[1:])]
    exact = exact_scores(weighted, features)

    def error(rounds):
        space = compress(ScorerSum(weighted), features, WIDTH, 0, ListFitConfig(depth=PLACES, rounds=rounds))
        return error_in_first_places(scores_in(space, features), exact, known)

    # without matrices the best are looked for in the narrow space, which of noise keeps little
    assert error(2) < (0.5 if has_matrix else 0.6) * error(0)


def test_the_sum_is_that_of_the_blocks():
    _, features, blocks = world()
    weighted = [(block, factor) for factor, block in enumerate(blocks, start=1)]
    exact, wide = exact_scores(weighted, features), compress(ScorerSum(weighted), features, NUM_ITEMS, 0)
    np.testing.assert_allclose(scores_in(wide, features), exact, atol=1e-3)
    total, x = ScorerSum(weighted), np.random.default_rng(1).normal(size=(NUM_ITEMS, 3)).astype(np.float32)
    product = sum(features[name] @ total.times(name, x) for name in total.features)
    np.testing.assert_allclose(product, exact @ x, rtol=1e-3, atol=1e-2)
    y = np.random.default_rng(2).normal(size=(NUM_USERS, 3)).astype(np.float32)
    back = sum(total.transposed_times(name, features[name].T @ y) for name in total.features)
    np.testing.assert_allclose(back, exact.T @ y, rtol=1e-3, atol=1e-2)


def test_a_space_that_holds_the_sum_is_not_moved():
    _, features, blocks = world()
    total = ScorerSum([(blocks[1], 1.0)])
    rows = total.rows_times(np.eye(total.items.shape[1], dtype=np.float32))
    best = best_lists(total, features, rows, total.items, ListFitConfig(depth=PLACES), 0)
    assert best is not None
    rows, items = fit_lists(best, rows, total.items)
    np.testing.assert_allclose(
        scores_in((rows, items), features), blocks[1].scores(features, np.arange(features["items"].shape[0])), atol=1e-2
    )


def test_a_sum_that_reads_no_even_history_is_fitted_too():
    _, features, blocks = world()
    features["recent_items"] = features["items"]
    recent = [(LinearScorer("recent", "recent_items", blocks[0].left), 1.0), (blocks[3], 1.0)]
    rows, _ = compress(ScorerSum(recent), features, WIDTH, 0)
    assert set(rows) == {"recent_items", "constant"}


@pytest.mark.parametrize("age", [200, 450, 900])
def test_items_that_everyone_took_long_ago_stay_finite_and_small(age):
    """After 450 events .8 to that power is next to nothing in float32, and after 900 nothing."""
    _, features, blocks = world()
    features["recent_items"] = features["items"].copy()
    features["recent_items"].data = features["recent_items"].data * np.float32(0.8**age)
    newest = NUM_ITEMS - 1
    features["recent_items"][:, newest] = features["items"][:, newest]
    weighted = [(blocks[1], 1.0), (LinearScorer("recent", "recent_items", blocks[0].left), 1.0)]
    rows, items = compress(ScorerSum(weighted), features, WIDTH, 0)
    assert all(np.isfinite(part).all() for part in (*rows.values(), items))
    before, _ = compress(ScorerSum(weighted), features, WIDTH, 0, ListFitConfig(rounds=0))
    moved = np.linalg.norm(rows["recent_items"] - before["recent_items"], axis=1)
    assert moved[:newest].max() <= np.linalg.norm(before["recent_items"], axis=1).max()


def test_columns_of_very_different_length_are_no_hindrance():
    """What all items share can be so long that rounding its products hides what tells them apart."""
    rng = np.random.default_rng(0)
    items = 30 + np.float32(0.01) * rng.normal(size=(9_000, 200)).astype(np.float32)
    known = sp.random(400, len(items), 0.002, format="csr", dtype=np.float32, random_state=rng)
    weighted = [(LinearScorer("factors", "items", items, items), 1.0)]
    features = {"items": known}
    rows, columns = compress(ScorerSum(weighted), features, 4, 0, ListFitConfig(rounds=0))
    exact, found = exact_scores(weighted, features), scores_in((rows, columns), features)
    assert np.linalg.norm(found - exact) < 0.01 * np.linalg.norm(exact)


def test_nobody_with_a_history_changes_nothing():
    _, features, blocks = world()
    total = ScorerSum([(block, 1.0) for block in blocks])
    features["items"] = sp.csr_matrix((NUM_USERS, NUM_ITEMS), dtype=np.float32)
    rows = {"items": np.ones((NUM_ITEMS, WIDTH), dtype=np.float32)}
    items = np.ones((NUM_ITEMS, WIDTH), dtype=np.float32)
    assert best_lists(total, features, rows, items, ListFitConfig(), 0) is None


def test_conjugate_gradients_solve():
    generator = torch.Generator().manual_seed(0)
    root, right_side = torch.randn(6, 6, generator=generator), torch.randn(4, 6, generator=generator)
    system = root @ root.T + torch.eye(6)
    found = conjugate_gradients(lambda x: x @ system, right_side, steps=24)
    torch.testing.assert_close(found @ system, right_side, atol=1e-3, rtol=1e-3)


def test_conjugate_gradients_of_sums_take_the_steps_of_the_whole_system():
    generator = torch.Generator().manual_seed(0)
    root, features = torch.randn(3, 3, generator=generator), torch.randn(5, 40, generator=generator)
    system, right_side = root @ root.T + torch.eye(3), torch.randn(5, 3, generator=generator)

    def whole(x):  # all entries in one row: one system
        return (features.T @ (features @ x.view(40, 3)) @ system).view(1, -1)

    asked = (features.T @ right_side).view(1, -1)
    for steps in (1, 2, 3):
        found, image = conjugate_gradients_of_sums(
            lambda x: x @ system, lambda x: features @ (features.T @ x), right_side, steps
        )
        expected = conjugate_gradients(whole, asked, steps).view(40, 3)
        torch.testing.assert_close(features.T @ found, expected, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(image, features @ expected, atol=1e-4, rtol=1e-4)


def test_dots_are_the_products_of_the_entries_alone():
    generator = torch.Generator().manual_seed(0)
    rows, columns = (torch.rand(7, 5, generator=generator) < 0.5).nonzero(as_tuple=True)
    matrix = SparseMatrix.of(rows, columns, torch.ones(len(rows)), (7, 5))
    of_rows, of_columns = torch.randn(7, 3, generator=generator), torch.randn(5, 3, generator=generator)
    torch.testing.assert_close(matrix.forward.dots(of_rows, of_columns), (of_rows @ of_columns.T)[rows, columns])


def test_a_sample_of_the_users_finds_nearly_the_same_space():
    _, features, blocks = world()
    weighted = [(block, 0.5) for block in blocks[1:]]
    exact = exact_scores(weighted, features)

    def error(max_users):
        space = compress(ScorerSum(weighted), features, WIDTH, 0, ListFitConfig(rounds=0, max_users=max_users))
        return np.linalg.norm(scores_in(space, features) - exact)

    assert error(NUM_USERS) < error(NUM_USERS // 2) < 1.1 * error(NUM_USERS)
