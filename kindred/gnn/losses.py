"""What training of ratings minimises: errors of ratings read from cosines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn import functional

RatingLoss = Literal["absolute", "huber", "squared"]

RATING_ERRORS: dict[RatingLoss, Callable[[Tensor, Tensor], Tensor]] = {
    "absolute": functional.l1_loss,
    "huber": functional.huber_loss,
    "squared": functional.mse_loss,
}
