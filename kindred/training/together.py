"""One training by several processes at once: each learns from its share of every step, and the gradients are averaged.

Data parallelism over a process group of `torch.distributed`, which whoever starts the processes has joined. In a
process that belongs to no group, these functions are those of a group of one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import distributed, nn

Made = TypeVar("Made")


def rank() -> int:
    """The number of this process in its group, from 0."""
    return distributed.get_rank() if _in_group() else 0


def group_size() -> int:
    """How many processes train together."""
    return len(distributed.get_process_group_ranks(None)) if _in_group() else 1


def of_first(make: Callable[[], Made]) -> Made:
    """What the first process makes, in all of them; the others wait for it."""
    if not _in_group():
        return make()
    made = [make() if rank() == 0 else None]
    distributed.broadcast_object_list(made)
    return made[0]  # type: ignore[return-value]


def average_gradients(model: nn.Module) -> None:
    """Replaces each gradient by its mean over the group; a parameter that one process did not use has 0 there."""
    if not _in_group():
        return
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    flat = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in parameters])
    distributed.all_reduce(flat)
    parts = torch.split(flat / group_size(), [parameter.numel() for parameter in parameters])
    for parameter, gradient in zip(parameters, parts, strict=True):
        parameter.grad = gradient.view_as(parameter)


def _in_group() -> bool:
    return distributed.is_available() and distributed.is_initialized()
