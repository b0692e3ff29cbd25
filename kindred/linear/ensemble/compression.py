"""The weighted sum of many linear scorers becomes one pair of matrices: users and items in at most `width` dimensions.

The sum of all scorers is one linear map per user feature, F = Σ feature · map. Its best approximation of a given rank
in the users' own terms (reduced-rank regression; Izenman, 1975) projects the scores on their leading right singular
vectors V: items become V, and a feature's rows become map · V. No scorer keeps dimensions of its own, so a further
scorer costs nothing at serving time. What is lost on the way is lost where lists begin as much as elsewhere, so the
top of every list is fitted once more afterwards (`list_fit.py`).
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindred.domain.interactions import FloatArray
from kindred.linear.algebra.spectral import leading_eigenvectors
from kindred.linear.ensemble.list_fit import ListFitConfig, best_lists, fit_lists
from kindred.linear.ensemble.scorer_sum import ScorerSum
from kindred.linear.inputs.user_features import Feature

ITERATIONS = 4
HELD = 0.99
"""Of all users' squared scores. A space that holds less may be wider: with EASE from the side of 2,946 users 512
dimensions hold .877 and lose 9 % of recall, 1,024 hold .955 and lose 5 %, 2,048 hold .995 and lose 1 %."""
WIDER = 4
MOST_NUMBERS = 51_200_000
"""Of the items of a wider space: as many as 100,000 items have in one of 512 dimensions."""
MOST_EXACT = 6_000
"""Users of whom all right vectors are found at once, where iterations for very many of them would take longer."""
MOST_SCORES = 100_000_000
"""Users × items whose scores are held at once, 400 MB."""
_ROWS_A_BATCH = 8_192
_SHORTEST = 1e-6  # of a user's scores, which are in units of their spread
Space = tuple[dict[str, FloatArray], FloatArray]
"""The rows of each feature, `[feature_dim, width]`, and the items, `[num_items, width]`."""


def compress(
    total: ScorerSum,
    features: dict[str, Feature],
    width: int,
    seed: int,
    lists: ListFitConfig | None = None,
) -> Space:
    """The space of at most `width` dimensions that comes nearest to the sum; fewer dimensions where they suffice.

    Args:
        total: what the space is to score like.
        features: of the users that the approximation is to serve best, normally those of the training data.
        width: most dimensions allowed, but for those spaces of few users that are `WIDER`.
        seed: of everything random.
        lists: how the top of every list is fitted once more.
    """
    num_items = len(total.items)
    if not total.matrices and total.items.shape[1] <= width:
        return total.rows_times(np.eye(total.items.shape[1], dtype=np.float32)), total.items
    if width >= num_items:
        items = np.eye(num_items, dtype=np.float32)
        return {name: total.times(name, items) for name in total.features}, items
    lists = lists or ListFitConfig()
    if total.matrices:
        rows, items = _nearest_of_maps(total, features, width, seed)
    else:
        rows, items = _nearest(total, features, width, lists.max_users, seed)
    if items.shape[1] > width:  # it holds nearly all
        return rows, items
    best = best_lists(total, features, rows, items, lists, seed)
    del total  # larger than all that follows
    return (rows, items) if best is None else fit_lists(best, rows, items)


def _nearest_of_maps(total: ScorerSum, features: dict[str, Feature], width: int, seed: int) -> Space:
    """The space in the leading right singular vectors of the users' scores."""
    num_users, num_items = next(iter(features.values())).shape[0], len(total.items)

    def product(x: Tensor) -> Tensor:
        columns = x.numpy()
        scores = sum(np.asarray(features[name] @ total.times(name, columns)) for name in total.features)
        back = [total.transposed_times(name, np.asarray(features[name].T @ scores)) for name in total.features]
        return torch.from_numpy(np.sum(back, axis=0))

    if num_users < num_items:  # all scores take less room and time than the maps that make them
        items, _ = _right_vectors(total.scores(features), width, seed)
    else:
        items = leading_eigenvectors(product, num_items, width, seed, ITERATIONS)[1].numpy()
    return {name: np.ascontiguousarray(total.times(name, items)) for name in total.features}, items


def _nearest(total: ScorerSum, features: dict[str, Feature], width: int, max_users: int, seed: int) -> Space:
    """The same where there are factors only, so that no product with all users or items is needed.

    Errors count alike for every user, and per item by one over the root of how many know it: what is measured is a mean
    over users, and the scores of popular items are large enough to be kept anyway.
    """
    known_by = np.maximum(sp.csr_matrix(features["items"]).getnnz(axis=0), 1).astype(np.float32)[:, None]
    items = total.items * known_by**-0.5
    num_users = features["items"].shape[0]
    if num_users <= items.shape[1] and num_users * len(items) <= MOST_SCORES:
        # of users who are fewer than the columns, Gram matrices take longer than all scores
        scores = total.user_columns(features) @ items.T
        scores /= np.maximum(np.linalg.norm(scores, axis=1, keepdims=True), _SHORTEST)
        to_items, held = _right_vectors(scores, width, seed)
        widest = min(WIDER * width, MOST_NUMBERS // len(items), num_users)
        if held < HELD and widest > width:
            to_items, _ = _right_vectors(scores, widest, seed)
        return total.rows_times(items.T @ to_items), to_items * known_by**0.5
    item_gram = _gram(items)
    # items = Q Lᵀ with orthonormal Q: the leading right singular vectors of users · itemsᵀ are Q times those of users
    # · L
    lower = np.linalg.cholesky(item_gram + np.eye(len(item_gram)) * (1e-6 * item_gram.trace() / len(item_gram)))
    some = _of_some(features, max_users, seed)
    of_users = _gram_of_users(total, some, lower.astype(np.float32))
    largest = (len(of_users) - width, len(of_users) - 1)
    _, rotation = scipy.linalg.eigh(of_users, subset_by_index=largest, overwrite_a=True, check_finite=False)
    rotation = rotation[:, ::-1]
    to_items = scipy.linalg.solve_triangular(lower, rotation, lower=True, trans="T", check_finite=False)
    to_items = to_items.astype(np.float32)
    to_users = (lower @ rotation).astype(np.float32)
    del item_gram, lower, of_users, rotation
    items = items @ to_items
    items *= known_by**0.5
    return total.rows_times(to_users), items


def _right_vectors(scores: FloatArray, width: int, seed: int) -> tuple[FloatArray, float]:
    """The leading right singular vectors of users' scores, `[num_items, width]`, and their share of squared scores."""
    num_users, num_items = scores.shape

    def product(x: Tensor) -> Tensor:
        return torch.from_numpy(scores.T @ (scores @ x.numpy()))

    if num_users < min(num_items, WIDER * width, MOST_EXACT):
        gram = _gram(np.ascontiguousarray(scores.T))
        whole, leading = float(gram.trace()), (max(0, num_users - width), num_users - 1)
        squares, left = scipy.linalg.eigh(gram, subset_by_index=leading, overwrite_a=True, check_finite=False)
        lengths = np.sqrt(np.maximum(squares[::-1], 1e-12 * squares[-1]))
        vectors = scores.T @ (left[:, ::-1] / lengths).astype(np.float32)
        return vectors, float(squares.sum()) / max(whole, 1e-12)
    values, found = leading_eigenvectors(product, num_items, width, seed, ITERATIONS)
    return found.numpy(), float(values.sum()) / max(float(np.vdot(scores, scores)), 1e-12)


def _of_some(features: dict[str, Feature], most: int, seed: int) -> dict[str, Feature]:
    """The features of a seeded sample of the users where there are more than so many."""
    num_users = next(iter(features.values())).shape[0]
    if num_users <= most:
        return features
    users = np.sort(np.random.default_rng(seed).permutation(num_users)[:most])
    return {name: feature[users] for name, feature in features.items()}


def _gram(rows: FloatArray) -> NDArray[np.float64]:
    """Products of the columns; in float32 what rounding adds to the largest could hide the smallest altogether."""
    gram = np.zeros((rows.shape[1], rows.shape[1]))
    for start in range(0, len(rows), _ROWS_A_BATCH):
        part = rows[start : start + _ROWS_A_BATCH].astype(np.float64)
        gram += part.T @ part
    return gram


def _gram_of_users(total: ScorerSum, features: dict[str, Feature], lower: FloatArray) -> NDArray[np.float64]:
    """The Gram matrix of the users' rows in an orthonormal basis, each of length 1, `[num_columns, num_columns]`."""
    gram = np.zeros((len(lower), len(lower)))
    num_users = next(iter(features.values())).shape[0]
    for start in range(0, num_users, _ROWS_A_BATCH):
        part = {name: features[name][start : start + _ROWS_A_BATCH] for name in total.features}
        # lower is half zeros; times its transpose from the left the transposed rows are multiplied where they lie
        rows = scipy.linalg.blas.strmm(1.0, lower.T, total.user_columns(part).T, overwrite_b=True).T
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _SHORTEST)
        gram += rows.T @ rows
    return gram
