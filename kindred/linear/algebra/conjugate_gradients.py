"""A few steps towards the solution of symmetric positive definite equations, known only by their product."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from kindred.linear.algebra.propagation import ROWS_A_PART


def conjugate_gradients(product: Callable[[Tensor], Tensor], right_side: Tensor, steps: int) -> Tensor:
    """x with product(x) near `right_side`, from 0, of the same shape; every row is a system of its own.

    Args:
        product: the matrices times anything of the shape of `right_side`.
        right_side: `[num_rows, dim]`.
        steps: each costs one product.
    """

    def inner(a: Tensor, b: Tensor) -> Tensor:
        return torch.cat([(own * b[part]).sum(1, keepdim=True) for part, own in _parts(a)])

    solution = torch.zeros_like(right_side)
    residual, direction = right_side.clone(), right_side.clone()
    del right_side  # whoever asked may have kept no other hold of it
    length = inner(residual, residual)
    for _ in range(steps):  # in place: of the largest systems each array has hundreds of megabytes
        image = product(direction)
        step = length / inner(direction, image).clamp(min=1e-20)
        for part, own in _parts(direction):
            solution[part] += step[part] * own
            residual[part] -= step[part] * image[part]
        del image
        shorter = inner(residual, residual)
        direction.mul_(shorter / length.clamp(min=1e-20)).add_(residual)
        length = shorter
    return solution


def conjugate_gradients_of_sums(
    product: Callable[[Tensor], Tensor], times_sums: Callable[[Tensor], Tensor], right_side: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """The same for Fᵀ·product(F·x) = Fᵀ·right_side, all one system, where F has many more columns than rows.

    Every vector on the way is Fᵀ times something of as many rows as F, which is what is kept.

    Args:
        product: a symmetric matrix times anything of the shape of `right_side`.
        times_sums: F·Fᵀ times the same.
        right_side: `[num_rows, dim]`.
        steps: each costs one of both products.

    Returns:
        y with x = Fᵀ·y, and F·x, both of the shape of `right_side`.
    """
    solution, image_of_solution = torch.zeros_like(right_side), torch.zeros_like(right_side)
    residual, direction = right_side.clone(), right_side.clone()
    of_residual = times_sums(residual)
    of_direction = of_residual.clone()
    length = (residual * of_residual).sum()
    for number in range(steps):
        image = product(of_direction)
        step = length / (of_direction * image).sum().clamp(min=1e-20)
        solution += step * direction
        image_of_solution += step * of_direction
        if number + 1 == steps:
            break
        residual -= step * image
        of_residual = times_sums(residual)
        shorter = (residual * of_residual).sum()
        direction.mul_(shorter / length.clamp(min=1e-20)).add_(residual)
        of_direction.mul_(shorter / length.clamp(min=1e-20)).add_(of_residual)
        length = shorter
    return solution, image_of_solution


def _parts(rows: Tensor) -> Iterator[tuple[slice, Tensor]]:
    for start in range(0, len(rows), ROWS_A_PART):
        part = slice(start, start + ROWS_A_PART)
        yield part, rows[part]
