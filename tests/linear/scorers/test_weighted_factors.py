from dataclasses import replace

import torch

from kindred.linear.algebra.propagation import SparseMatrix
from kindred.linear.scorers.weighted_factors import FactorConfig, weighted_factors

QUICK = FactorConfig(ranks=(3,), confidence=5.0, ridge=0.5)
EXACT = replace(QUICK, rounds=100, steps=6)


def who_knows_what(seed=0):
    known = torch.rand(12, 9, generator=torch.Generator().manual_seed(seed)) < 0.4
    rows, columns = known.nonzero(as_tuple=True)
    return SparseMatrix.of(rows, columns, torch.ones(len(rows)), (12, 9)), known.float()


def loss(users, items, known, weight=1.0):
    """Of Hu, Koren and Volinsky: a known pair has the confidence `EXACT.confidence` times its weight, others have 1."""
    confidence = 1 + (EXACT.confidence * weight - 1) * known
    error = (confidence * (known - users @ items.T) ** 2).sum()
    return error + sum(
        (EXACT.ridge * (counts / counts.mean())[:, None] ** EXACT.ridge_growth * side**2).sum()
        for side, counts in ((users, known.sum(1)), (items, known.sum(0)))
    )


def test_neither_side_can_be_bettered_alone():
    matrix, known = who_knows_what()
    users, items = (side.requires_grad_() for side in weighted_factors(matrix, EXACT, seed=0))
    loss(users, items, known).backward()
    assert users.grad.abs().max() < 1e-2
    assert items.grad.abs().max() < 1e-3  # solved last


def test_a_few_rounds_come_near_that_loss():
    matrix, known = who_knows_what()
    exact = loss(*weighted_factors(matrix, EXACT, 0), known)
    quick = loss(*weighted_factors(matrix, QUICK, 0), known)
    assert exact <= quick < 1.2 * exact


def test_the_seed_decides_and_unknown_rows_are_zero():
    matrix = SparseMatrix.of(torch.tensor([1, 2]), torch.tensor([0, 1]), torch.ones(2), (4, 3))
    one, again, other = (weighted_factors(matrix, QUICK, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one[[0, 3]].abs().max() < 1e-5


def test_several_factorisations_are_averaged():
    matrix, _ = who_knows_what()
    one, _ = weighted_factors(matrix, QUICK, 0)
    users, items = weighted_factors(matrix, replace(QUICK, ranks=(3, 2)), 0)
    assert users.shape == (12, 5)
    torch.testing.assert_close(users[:, :3] * 2**0.5, one)
    first, second = (users[:, part] @ items[:, part].T for part in (slice(3), slice(3, 5)))
    torch.testing.assert_close(users @ items.T, first + second)


def test_large_data_gets_ranks_of_its_own():
    matrix, known = who_knows_what()
    users, _ = weighted_factors(matrix, FactorConfig(large_ranks=(6,), large=int(known.sum())), 0)
    assert users.shape == (12, 6)


def test_pairs_of_more_weight_are_held_with_more_confidence():
    _, known = who_knows_what()
    weight = torch.rand(known.shape, generator=torch.Generator().manual_seed(1)) + 0.5
    rows, columns = known.nonzero(as_tuple=True)
    matrix = SparseMatrix.of(rows, columns, weight[rows, columns], (12, 9))
    users, items = (side.requires_grad_() for side in weighted_factors(matrix, EXACT, seed=0))
    loss(users, items, known, weight).backward()
    assert users.grad.abs().max() < 1e-2
    assert items.grad.abs().max() < 1e-3
