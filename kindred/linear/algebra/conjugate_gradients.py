"""A few steps towards the solution of symmetric positive definite equations, known only by their product."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kindred.linear.algebra.propagation import ROWS_A_PART


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
        sums = [(own * b[part]).sum(1, keepdim=True) for part, own in _parts(a)]
        return torch.cat(sums) if by_row else torch.cat(sums).sum()

    solution = torch.zeros_like(right_side)
    residual, direction = right_side.clone(), right_side.clone()
    del right_side  # whoever asked may have kept no other hold of it
    length = inner(residual, residual)
    for _ in range(steps):  # in place: of the largest systems each array has hundreds of megabytes
        image = product(direction)
        step = length / inner(direction, image).clamp(min=1e-20)
        for part, own in _parts(direction):
            length_of_step = step[part] if by_row else step
            solution[part] += length_of_step * own
            residual[part] -= length_of_step * image[part]
        del image
        shorter = inner(residual, residual)
        direction.mul_(shorter / length.clamp(min=1e-20)).add_(residual)
        length = shorter
    return solution


def _parts(rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(rows), ROWS_A_PART):
        part = slice(start, start + ROWS_A_PART)
        yield part, rows[part]
