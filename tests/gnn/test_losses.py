from __future__ import annotations

import math

import pytest
import torch

from kindred.gnn.losses import RATING_ERRORS
from kindred.training.losses import sampled_softmax_loss


def test_rating_errors_by_hand() -> None:
    predicted, rating = torch.tensor([4.0, 2.0]), torch.tensor([5.0, 4.0])
    assert float(RATING_ERRORS["absolute"](predicted, rating)) == pytest.approx((1 + 2) / 2)
    assert float(RATING_ERRORS["squared"](predicted, rating)) == pytest.approx((1 + 4) / 2)
    assert float(RATING_ERRORS["huber"](predicted, rating)) == pytest.approx((0.5 + 1.5) / 2)


def test_softmax_by_hand() -> None:
    scores = torch.tensor([[2.0, 1.0], [0.0, 3.0]])
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(3))) / 2
    assert float(sampled_softmax_loss(scores, torch.tensor([0, 0]))) == pytest.approx(expected)


def test_correction_takes_popularity_out() -> None:
    # Candidate 0 is in every sample, candidate 1 in every fourth: it stands for four.
    scores = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    log_expected = torch.tensor([1.0, 0.25]).log()
    loss = sampled_softmax_loss(scores, torch.tensor([0, 1]), log_expected)
    assert float(loss) == pytest.approx((math.log(5) + math.log(5 / 4)) / 2)


def test_false_negative_does_not_count_but_the_positive_always_does() -> None:
    scores = torch.tensor([[1.0, 5.0], [1.0, 5.0]])
    excluded = torch.tensor([[True, True], [False, False]])
    loss = sampled_softmax_loss(scores, torch.tensor([0, 0]), excluded=excluded)
    assert float(loss) == pytest.approx((0 + math.log(1 + math.exp(4))) / 2)
