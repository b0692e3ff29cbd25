import numpy as np
import pytest
import torch

from kindred.domain.interactions import Interactions
from kindred.linear.algebra.propagation import SparseMatrix, interaction_matrix


def random_matrix(rows=7, columns=5, entries=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    where = (
        torch.randint(rows, (entries,), generator=generator),
        torch.randint(columns, (entries,), generator=generator),
    )
    weights = torch.randn(entries, generator=generator)
    dense = torch.zeros(rows, columns).index_put(where, weights, accumulate=True)
    return SparseMatrix.of(*where, weights, (rows, columns)), dense


def test_product_and_gradient_are_those_of_the_dense_matrix():
    sparse, dense = random_matrix()
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
    y = x.detach().clone().requires_grad_()
    torch.testing.assert_close(sparse @ x, dense @ y)
    (sparse @ x).square().sum().backward()
    (dense @ y).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_transpose_multiplies_the_other_way():
    sparse, dense = random_matrix()
    x = torch.eye(7)
    torch.testing.assert_close(sparse.transpose @ x, dense.T)


def test_rows_without_entries_are_zero():
    matrix = SparseMatrix.of(torch.tensor([1]), torch.tensor([0]), torch.tensor([2.0]), (3, 1))
    assert (matrix @ torch.ones(1, 1)).tolist() == [[0], [2], [0]]


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="can't multiply"):
        _ = random_matrix()[0] @ torch.ones(4, 2)


def test_symmetric_normalisation_by_hand():
    events = Interactions(np.array([0, 0, 1]), np.array([0, 1, 1]), 3, 2)
    dense = interaction_matrix(events, 0.5, 0.5) @ torch.eye(2)
    expected = torch.tensor([[2**-0.5, 0.5], [0, 2**-0.5], [0, 0]])
    torch.testing.assert_close(dense, expected)
