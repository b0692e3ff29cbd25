"""Folds over tracks with many labels: each label fairly spread, and what belongs together kept together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

from kindred.domain.interactions import FloatArray, IntArray

_NEAR = (0.9, 0.95, 0.98, 0.995)
"""Cosine of scaled vectors from which two tracks count as nearly the same; a higher one where groups grow too large."""
_LARGEST = 0.1
"""Share of the rows that one group may hold."""
_ROWS = 2048


def groups_of(vectors: FloatArray, artist: IntArray) -> IntArray:
    """The group of each row: rows of one artist, and nearly equal rows, are in one, `[num_rows]`.

    Nearly equal rows of unknown artists are often of one, and a model that knows one of them knows the other.

    Args:
        vectors: what each row is like, `[num_rows, dim]`; scaled here, so that the cosine is one of differences.
        artist: −1 where unknown, `[num_rows]`.
    """
    scaled = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-6)
    scaled /= np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
    left, right, cosine = _near_pairs(scaled)
    known = np.flatnonzero(artist >= 0)
    _, first, number = np.unique(artist[known], return_index=True, return_inverse=True)
    own = known, known[first][number] if len(known) else known
    groups = np.arange(len(vectors))
    for near in _NEAR:
        kept = cosine >= near
        pairs = np.concatenate([left[kept], own[0]]), np.concatenate([right[kept], own[1]])
        together = coo_matrix((np.ones(len(pairs[0])), pairs), shape=(len(vectors),) * 2)
        groups = connected_components(together, directed=False)[1].astype(np.int64)
        if np.bincount(groups).max(initial=0) <= max(_LARGEST * len(vectors), 1):
            break
    return groups


def _near_pairs(scaled: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of rows with at least the lowest cosine that counts, and the cosine of each."""
    left, right, cosine = [], [], []
    for start in range(0, len(scaled), _ROWS):
        found = scaled[start : start + _ROWS] @ scaled.T
        rows, columns = np.nonzero(found >= _NEAR[0])
        left.append(rows + start)
        right.append(columns)
        cosine.append(found[rows, columns])
    return np.concatenate(left), np.concatenate(right), np.concatenate(cosine)


def label_folds(labels: csr_matrix, groups: IntArray, num_folds: int, rng: np.random.Generator) -> IntArray:
    """The fold of each row, `[num_rows]`: groups stay whole, and each fold gets its share of each label.

    Groups with the rarest labels are dealt first, each to the fold that lacks its rarest label most; after Sechidis et
    al., "On the Stratification of Multi-Label Data", 2011.

    Args:
        labels: `[num_rows, num_labels]`.
        groups: of each row, numbered from 0, `[num_rows]`.
        num_folds: two or more.
        rng: breaks ties.
    """
    num_groups = int(groups.max(initial=-1)) + 1
    member = csr_matrix((np.ones(len(groups)), (groups, np.arange(len(groups)))), shape=(num_groups, len(groups)))
    held = (member @ labels.astype(np.float64)).tocsr()
    sizes = np.bincount(groups, minlength=num_groups).astype(np.float64)
    count = np.asarray(held.sum(0)).ravel()
    lacking = np.repeat(count[None, :] / num_folds, num_folds, axis=0)
    room = np.full(num_folds, len(groups) / num_folds)
    fold_of = np.zeros(num_groups, dtype=np.int64)
    shuffled = rng.permutation(num_groups)
    rarest = np.array([_rarest(held, group, count) for group in shuffled.tolist()])
    rank = np.where(rarest >= 0, count[rarest], np.inf)
    for place in np.argsort(rank, kind="stable").tolist():
        group, label = int(shuffled[place]), int(rarest[place])
        need = room if label < 0 else lacking[:, label] + 1e-6 * room
        fold = int(np.argmax(need))
        own = slice(held.indptr[group], held.indptr[group + 1])
        lacking[fold, held.indices[own]] -= held.data[own]
        room[fold] -= sizes[group]
        fold_of[group] = fold
    return fold_of[groups]


def _rarest(held: csr_matrix, group: int, count: NDArray[np.float64]) -> int:
    own = held.indices[held.indptr[group] : held.indptr[group + 1]]
    return int(own[np.argmin(count[own])]) if len(own) else -1
