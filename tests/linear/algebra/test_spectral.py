import numpy as np
import torch

from kindred.domain.interactions import Interactions
from kindred.linear.algebra.propagation import interaction_matrix
from kindred.linear.algebra.spectral import item_spectrum, leading_eigenvectors, orthonormal, truncated_svd


def random_events(num_users=60, num_items=40, seed=0):
    users, items = np.nonzero(np.random.default_rng(seed).random((num_users, num_items)) < 0.15)
    return Interactions(users.astype(np.int64), items.astype(np.int64), num_users, num_items)


def test_svd_agrees_with_the_exact_one():
    matrix = interaction_matrix(random_events(), 0.5, 0.5)
    left, values, right = truncated_svd(matrix, 8, seed=0, iterations=40)
    dense = matrix @ torch.eye(40)
    torch.testing.assert_close(values, torch.linalg.svdvals(dense)[:8], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(dense @ right, left * values, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(left.T @ left, torch.eye(8), atol=1e-3, rtol=0)


def test_item_spectrum_is_that_of_the_graph_without_its_diagonal():
    matrix = interaction_matrix(random_events(), 0.4, 0.3)
    values, vectors = item_spectrum(matrix, 5, seed=0, iterations=60)
    dense = matrix @ torch.eye(40)
    graph = dense.T @ dense
    graph.fill_diagonal_(0)
    torch.testing.assert_close(graph @ vectors, vectors * values, atol=2e-3, rtol=0)
    torch.testing.assert_close(values[0], torch.linalg.eigvalsh(graph)[-1], atol=1e-3, rtol=0)


def test_the_seed_decides_everything():
    matrix = interaction_matrix(random_events(), 0.5, 0.5)
    torch.manual_seed(1)
    first = truncated_svd(matrix, 8, seed=3)[2]
    torch.manual_seed(2)
    assert torch.equal(first, truncated_svd(matrix, 8, seed=3)[2])


def test_rank_is_at_most_the_size():
    values, vectors = leading_eigenvectors(lambda x: x, 3, 10, seed=0)
    assert vectors.shape == (3, 3)
    torch.testing.assert_close(values, torch.ones(3))


def test_dependent_columns_still_give_an_orthonormal_basis():
    x = torch.ones(6, 2)
    basis = orthonormal(x)
    torch.testing.assert_close(basis.T @ basis, torch.eye(2), atol=1e-5, rtol=0)
