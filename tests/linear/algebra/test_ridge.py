import numpy as np
import pytest
import scipy.sparse as sp

from kindred.linear.algebra.ridge import (
    ease_factors,
    ease_of_precision,
    ease_weights,
    precision_with_kernel,
    ridge_precision,
    ridge_precision_of_few,
)


def factors(known, rank):
    return ease_factors(known @ known.T, lambda x: known.T @ x, 3.0, rank)


def knowing(num_users=7, num_items=20, seed=0):
    known = np.random.default_rng(seed).random((num_users, num_items)) < 0.3
    return known.astype(np.float32)


def test_ease_from_the_users_side_is_ease_but_for_the_diagonal():
    known = knowing()
    weights = ease_weights(known.T @ known, ridge=3.0)
    left, right = factors(known, 7)
    found = left @ right.T
    np.fill_diagonal(found, 0)
    np.testing.assert_allclose(found, weights, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_ease_from_the_users_side_keeps_the_leading_directions(rank):
    left, right = factors(knowing(), rank)
    whole, _ = factors(knowing(), 7)
    assert left.shape == right.shape == (20, rank)
    strongest = np.linalg.eigvalsh(whole.T @ whole)[::-1][:rank]
    np.testing.assert_allclose((left**2).sum(0), strongest, rtol=1e-4)
    np.testing.assert_allclose(whole @ (whole.T @ left), left * strongest, atol=1e-4)


def test_an_item_that_nobody_knows_gets_no_score():
    known = knowing()
    known[:, 4] = 0
    left, right = factors(known, 7)
    assert not (known @ left @ right.T)[:, 4].any()


def test_a_kernel_joins_an_inverse_that_is_there_as_if_it_had_been_in_the_gram_matrix():
    gram = knowing(60, 20).T @ knowing(60, 20)
    vectors = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32)
    mixed = precision_with_kernel(ridge_precision(gram, 3.0), vectors, 1.7)
    np.testing.assert_allclose(mixed, ridge_precision(gram + 1.7 * vectors @ vectors.T, 3.0), atol=1e-5)
    np.testing.assert_allclose(ease_of_precision(mixed), ease_weights(gram + 1.7 * vectors @ vectors.T, 3.0), atol=1e-4)


def test_few_users_have_the_inverse_of_their_items():
    known = knowing(7, 40)
    found = ridge_precision_of_few(sp.csr_matrix(known), 3.0)
    np.testing.assert_allclose(found, ridge_precision(known.T @ known, 3.0), atol=1e-5)
