from __future__ import annotations

import torch

from kindred.gnn.encoder import dropout_factors


def test_dropout_drops_its_share_at_every_place_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    factors = dropout_factors(torch.zeros(4_000, 16), 0.25)
    assert torch.isclose(factors[factors != 0], torch.tensor(4 / 3)).all()
    eight = factors.view(-1, 8)  # the bytes of a draw
    assert ((eight == 0).float().mean(0) - 0.25).abs().max() < 0.02
    assert (eight.mean(0) - 1).abs().max() < 0.03


def test_dropout_takes_the_shape_and_type_of_its_rows() -> None:
    factors = dropout_factors(torch.zeros(3, 5, dtype=torch.float64), 0.1)
    assert factors.shape == (3, 5) and factors.dtype == torch.float64
