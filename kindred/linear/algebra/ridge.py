"""Closed-form item-to-item models over a Gram matrix: EASE and plain ridge regression.

LAPACK is called through scipy, which keeps to float32 and copies nothing: numpy would do the same in float64 on copies,
in four times the time and three times the memory.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray

_NEAREST_RIDGE = 1e-3  # L2 penalty of `nearest_map`, in mean squared lengths of the input columns


def ease_weights(gram: FloatArray, ridge: float) -> FloatArray:
    """Item-to-item weights, zero on the diagonal, rebuilding a user's items from the others, `[num_items, num_items]`.

    Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019, arXiv 1905.03375. Column j scores item j: a
    user's scores are the sum of the rows of the items they know.

    Args:
        gram: item by item co-occurrence Xᵀ X with item counts on the diagonal, `[num_items, num_items]`; left
            unchanged.
        ridge: L2 penalty, in the unit of the diagonal.
    """
    return ease_of_precision(ridge_precision(gram, ridge))


def ridge_precision(gram: FloatArray, ridge: float) -> FloatArray:
    """The inverse of the Gram matrix with the ridge on its diagonal, `[num_items, num_items]`; `gram` is unchanged."""
    diagonal = np.arange(len(gram))
    factor = scipy.linalg.cholesky(_lifted(gram, ridge).T, overwrite_a=True, check_finite=False)
    triangle, _ = scipy.linalg.lapack.spotri(factor, overwrite_c=True)  # the other one is zeros
    precision: FloatArray = triangle.T + triangle
    precision[diagonal, diagonal] /= 2
    return precision


def ridge_precision_of_few(known: sp.csr_matrix, ridge: float) -> FloatArray:
    """`ridge_precision` of `known`ᵀ `known` by the identity of Woodbury, `[num_items, num_items]`.

    It inverts a matrix of users by users, so with a few users of many items it takes a fraction of the time.

    Args:
        known: who knows what, `[num_users, num_items]`.
        ridge: L2 penalty, in the unit of item counts, above 0.
    """
    gram = (known @ known.T).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += ridge
    factor = np.linalg.cholesky(gram).astype(np.float32)
    half = scipy.linalg.solve_triangular(factor, known.toarray(), lower=True, check_finite=False)
    precision: FloatArray = half.T @ half
    precision *= -1 / ridge
    precision[np.diag_indices_from(precision)] += 1 / ridge
    return precision


def precision_with_kernel(precision: FloatArray, vectors: FloatArray, weight: float) -> FloatArray:
    """The inverse of A + weight · vectors vectorsᵀ from that of A, `[num_items, num_items]`.

    Woodbury's identity: it inverts a matrix of the vectors' width, where inverting anew takes one of all items.

    Args:
        precision: the inverse of A, `[num_items, num_items]`; left unchanged.
        vectors: `[num_items, dim]`.
        weight: of their products, above 0.
    """
    spread = precision @ vectors  # [num_items, dim]
    inner = (vectors.T @ spread).astype(np.float64)
    inner[np.diag_indices_from(inner)] += 1 / weight
    factor = np.linalg.cholesky(inner).astype(np.float32)
    half = scipy.linalg.solve_triangular(factor, spread.T, lower=True, check_finite=False)  # [dim, num_items]
    changed: FloatArray = precision - half.T @ half
    return changed


def ease_of_precision(precision: FloatArray) -> FloatArray:
    """The weights of EASE from the inverse of its Gram matrix, which is overwritten, `[num_items, num_items]`."""
    diagonal = np.arange(len(precision))
    precision /= -precision[diagonal, diagonal][None, :]
    precision[diagonal, diagonal] = 0.0
    return precision


def ease_factors(
    gram: FloatArray, to_items: Callable[[FloatArray], FloatArray], ridge: float, rank: int
) -> tuple[FloatArray, FloatArray]:
    """Left and right with left @ rightᵀ = EASE's weights off the diagonal, `[num_items, rank]` each.

    Made for few users with many items: by the identity of Woodbury the inverse is one of users by users. What the
    product has on the diagonal speaks for items that the user knows already.

    Args:
        gram: user by user, how many items they share: X Xᵀ for the rows X that tell who knows what,
            `[num_users, num_users]`.
        to_items: Xᵀ times its argument, `[num_users, columns]` -> `[num_items, columns]`.
        ridge: L2 penalty, in the unit of item counts.
        rank: how many of the users' leading directions to keep; exact from `num_users` on, and faster than nearly all.
    """
    if rank < len(gram):
        return ease_factors_of(np.linalg.eigh(gram.astype(np.float64)), to_items, ridge, rank)
    lifted = gram.astype(np.float64)
    lifted[np.diag_indices_from(lifted)] += ridge
    factor = scipy.linalg.cholesky(lifted, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = scipy.linalg.lapack.dtrtri(factor, lower=1, overwrite_c=1)
    directions = to_items(np.ascontiguousarray(inverse.T, dtype=np.float32))
    return directions, directions / (1 - _explained(directions))


def ease_factors_of(
    spectrum: tuple[NDArray[np.float64], NDArray[np.float64]],
    to_items: Callable[[FloatArray], FloatArray],
    ridge: float,
    rank: int,
) -> tuple[FloatArray, FloatArray]:
    """`ease_factors` from the eigenvalues `[num_users]` and eigenvectors `[num_users, num_users]` of its Gram matrix.

    The decomposition is most of the work and knows no ridge, so one serves any number of them.
    """
    values, vectors = spectrum
    scaled = (vectors / np.sqrt(np.maximum(values, 0.0) + ridge)).astype(np.float32)
    directions = to_items(scaled)  # [num_items, num_users]
    left: FloatArray = np.ascontiguousarray(directions[:, ::-1][:, :rank])
    return left, left / (1 - _explained(directions))


def _explained(directions: FloatArray) -> FloatArray:
    """The share of each item that all directions of the users rebuild, below 1, `[num_items, 1]`."""
    explained: FloatArray = np.minimum((directions**2).sum(1, keepdims=True), 1 - 1e-6)
    return explained


def ridge_weights(gram: FloatArray, cross: FloatArray, ridge: float) -> FloatArray:
    """The weights B that minimise ‖X B − Y‖² + ridge ‖B‖², `[num_inputs, num_outputs]`.

    Args:
        gram: Xᵀ X, `[num_inputs, num_inputs]`; left unchanged.
        cross: Xᵀ Y, `[num_inputs, num_outputs]`.
        ridge: L2 penalty, in the unit of the diagonal of `gram`.
    """
    factor = scipy.linalg.cho_factor(_lifted(gram, ridge).T, overwrite_a=True, check_finite=False)
    solved = scipy.linalg.cho_solve(factor, cross.astype(np.float32, copy=False), check_finite=False)
    weights: FloatArray = np.ascontiguousarray(solved)
    return weights


def _lifted(gram: FloatArray, ridge: float) -> FloatArray:
    """A copy with the ridge on its diagonal."""
    lifted = gram.astype(np.float32, copy=True)
    lifted[np.diag_indices_from(lifted)] += ridge
    return lifted


def nearest_map(inputs: FloatArray, outputs: FloatArray) -> FloatArray:
    """The linear map that brings inputs nearest to outputs, `[num_inputs, num_outputs]`.

    Args:
        inputs: one row an example, `[num_examples, num_inputs]`.
        outputs: what each should become, `[num_examples, num_outputs]`.
    """
    gram = inputs.T @ inputs
    return ridge_weights(gram, inputs.T @ outputs, _NEAREST_RIDGE * float(gram.trace()) / len(gram))
