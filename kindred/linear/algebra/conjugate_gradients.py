"""A few steps towards the solution of symmetric positive definite equations, known only by their product."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def conjugate_gradients(
    product: Callable[[Tensor], Tensor], right_side: Tensor, steps: int, by_row: bool = False
) -> Tensor:
    """x with product(x) near `right_side`, from 0, of the same shape.

    Args:
        product: the matrix times anything of the shape of `right_side`.
        right_side: `[num_rows, dim]`.
        steps: each costs one product.
        by_row: whether every row is a system of its own; otherwise all entries are one.
    """

    def inner(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(1, keepdim=True) if by_row else (a * b).sum()

    solution, residual = torch.zeros_like(right_side), right_side.clone()
    direction, length = right_side, inner(residual, residual)
    del right_side  # whoever asked may have kept no other hold of it
    for _ in range(steps):  # in place: of the largest systems each array has hundreds of megabytes
        image = product(direction)
        step = length / inner(direction, image).clamp(min=1e-20)
        solution += step * direction
        residual -= step * image
        del image
        shorter = inner(residual, residual)
        direction, length = (shorter / length.clamp(min=1e-20) * direction).add_(residual), shorter
    return solution
