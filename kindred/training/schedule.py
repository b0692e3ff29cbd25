"""How long and how fast a network learns: optimizers, and the learning rate from epoch to epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

Metrics = Mapping[str, float]


class FitConfig(BaseModel):
    """How long and how fast a network learns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(60, ge=1, description="most epochs")
    patience: int = Field(12, ge=1, description="epochs without a better validation score before training stops")
    learning_rate: float = Field(3e-3, gt=0, description="at its highest; the schedule says where it goes from there")
    warmup_epochs: int = Field(5, ge=0, description="epochs of linear warm-up")
    weight_decay: float = Field(1e-2, ge=0, description="of AdamW")
    gradient_norm: float = Field(1.0, gt=0, description="longer gradients are shortened to this")


OptimizerOf = Callable[[Iterable[nn.Parameter], FitConfig], torch.optim.Optimizer]
"""The optimizer of these parameters."""
Schedule = Callable[[Sequence[Metrics], FitConfig], float]
"""Metrics of the epochs so far -> learning rate of the next; a function of these alone, so that a resumed run goes on
as it would have."""


def adamw(parameters: Iterable[nn.Parameter], config: FitConfig) -> torch.optim.Optimizer:
    """AdamW: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, arXiv 1711.05101."""
    return torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def warm_cosine(metrics: Sequence[Metrics], config: FitConfig) -> float:
    """The learning rate of the next epoch: a linear warm-up, then down to a tenth along a cosine."""
    epoch = len(metrics)
    warmup = min(1.0, (epoch + 1) / (config.warmup_epochs + 1))
    cosine = 0.5 * (1 + math.cos(math.pi * epoch / config.epochs))
    return config.learning_rate * warmup * (0.1 + 0.9 * cosine)


@dataclass(frozen=True)
class ReduceOnPlateau:
    """A schedule: the learning rate is multiplied by `factor` after each `patience` epochs without a better score.

    Attributes:
        watch: the validation metric, the higher the better.
        factor: below 1.
        patience: epochs.
    """

    watch: str
    factor: float = 0.5
    patience: int = 2

    def __call__(self, metrics: Sequence[Metrics], config: FitConfig) -> float:
        """The learning rate after these epochs."""
        rate, best, waited = config.learning_rate, -math.inf, 0
        for line in metrics:
            best, waited = (line[self.watch], 0) if line[self.watch] > best else (best, waited + 1)
            if waited == self.patience:
                rate, waited = rate * self.factor, 0
        return rate
