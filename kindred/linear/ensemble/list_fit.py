"""Fits the top of every user's list into a space that is narrower than the sum of all scorers.

The nearest map of a given rank pays for errors anywhere in the catalogue, yet a list shows its top only. Here each
user's best unseen items under the whole sum get their exact scores as targets; items and users' maps are fitted to them
in turn, and whatever changes elsewhere is held against it. The exact sum is the teacher, so nothing held out is looked
at: distillation for rankings (Tang and Wang, "Ranking Distillation", 2018, arXiv 1809.07428), but by least squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from kindred.domain.interactions import FloatArray
from kindred.linear.algebra.conjugate_gradients import conjugate_gradients, conjugate_gradients_of_sums
from kindred.linear.algebra.dense import dense_product
from kindred.linear.algebra.propagation import CompressedRows, SparseMatrix
from kindred.linear.ensemble.scorer_sum import ScorerSum
from kindred.linear.inputs.user_features import Feature
from kindred.linear.scorers.scorer_config import STRICT

CHUNK = 256
NARROWER = 4
"""Where a space is this many times narrower than the sum, the best of a list are looked for in it."""
LOOKED_AT = 4
"""Among how many times as many: of the best 60 in 11,924 products, 97.7 % are among 120 of the best in 512 of 1,185
dimensions."""
SEEN = -1e9
SHORTEST = 0.01
"""A dimension that is shorter than this share of one user's largest entry counts as so long. An item that everyone took
long ago is next to nothing in what is recent: a map fitted to that would speak of noise to who takes it now."""


@dataclass(frozen=True)
class ListFitConfig:
    """How the top of every list is fitted.

    Attributes:
        depth: ranks of each user's list that are fitted.
        emphasis: how many times more an error there counts than a change elsewhere.
        rounds: how often items and maps are fitted in turn; 0 leaves the space as it is.
        steps: of conjugate gradients each time.
        max_users: users that a space of factors is found for, and whose lists are fitted: a seeded sample where there
            are more.
    """

    __pydantic_config__ = STRICT

    depth: int = 60
    emphasis: float = 50.0
    rounds: int = 2
    steps: int = 3
    max_users: int = 30_000


@dataclass(frozen=True)
class BestLists:
    """What the top of the lists of some users is to be.

    Attributes:
        scores: of each user's best items that they don't know under the whole sum, `[num_users, num_items]`.
        features: of these users.
        encoded: the users in the space that is to be fitted, `[num_users, width]`.
        config: how it is fitted.
    """

    scores: SparseMatrix
    features: dict[str, Feature]
    encoded: Tensor
    config: ListFitConfig


def best_lists(
    total: ScorerSum,
    features: dict[str, Feature],
    rows: dict[str, FloatArray],
    items: FloatArray,
    config: ListFitConfig,
    seed: int,
) -> BestLists | None:
    """What the lists of the users are under `total`; None where nothing is to be fitted, or no user has a list.

    Args:
        total: what the space is to rank like.
        features: of the users; those who know an item have a list.
        rows: of each feature in the space, `[feature_dim, width]`.
        items: in the space, `[num_items, width]`.
        config: see there.
        seed: of the sample of users.
    """
    known = sp.csr_matrix(features["items"])
    users = np.flatnonzero(np.diff(known.indptr) > 0)
    if not config.rounds or not len(users):
        return None
    users = np.sort(np.random.default_rng(seed).permutation(users)[: config.max_users])
    mine = {name: features[name][users] for name in rows}
    encoded = torch.zeros(len(users), items.shape[1])
    for name, part in rows.items():
        encoded += torch.from_numpy(np.asarray(mine[name] @ part, dtype=np.float32))
    scores = _best_unseen(total, mine, known[users], (encoded, torch.from_numpy(items)), config.depth)
    return BestLists(scores, mine, encoded, config)


def fit_lists(
    best: BestLists, rows: dict[str, FloatArray], items: FloatArray
) -> tuple[dict[str, FloatArray], FloatArray]:
    """The rows of each feature and the items with the tops of these lists, in the same shapes.

    Args:
        best: the lists.
        rows: of each feature, `[feature_dim, width]`; changed in place, since of a large catalogue they are the largest
            that there is.
        items: `[num_items, width]`.
    """
    lists, encoded, config = best.scores, best.encoded, best.config
    maps = _Maps(best.features)
    columns = torch.from_numpy(np.ascontiguousarray(items))
    for _ in range(config.rounds):
        columns = columns + _better_items(lists.transpose.forward, columns, encoded, config)
        change, moved = _better_maps(lists.forward, maps, encoded, columns, config)
        encoded = encoded + moved
        maps.add_sums(change, rows)
    return rows, columns.numpy()


def _best_unseen(
    total: ScorerSum, features: dict[str, Feature], known: sp.csr_matrix, near: tuple[Tensor, Tensor], depth: int
) -> SparseMatrix:
    """The exact scores of each user's best items that they don't know, `[num_users, num_items]`.

    Args:
        total: what scores.
        features: of the users.
        known: the items that they know, `[num_users, num_items]`.
        near: users `[num_users, width]` and items `[num_items, width]` in the space that comes nearest to `total`.
            Where it is much narrower, the best are looked for among several times as many of the best in it.
        depth: how many of the best.
    """
    items = torch.from_numpy(total.items)
    is_near = not total.matrices and items.shape[1] > NARROWER * near[1].shape[1]
    looked_at = min(depth * (LOOKED_AT if is_near else 1), len(items))
    rows, columns, values = [], [], []
    for start in range(0, len(near[0]), CHUNK):
        part = slice(start, start + CHUNK)
        own = {name: feature[part] for name, feature in features.items()}
        users = torch.from_numpy(total.user_columns(own))
        scores = dense_product(near[0][part], near[1].T) if is_near else dense_product(users, items.T)
        for name, matrix in total.matrices.items():
            scores += torch.from_numpy(np.asarray(own[name] @ matrix, dtype=np.float32))
        seen = known[part].tocoo()
        scores[torch.from_numpy(seen.row).long(), torch.from_numpy(seen.col).long()] = SEEN
        best, found = scores.topk(looked_at, dim=1)
        if is_near:
            exact = _scores_of(users, items, found).masked_fill_(best <= SEEN, SEEN)
            best, order = exact.topk(min(depth, looked_at), dim=1)
            found = found.gather(1, order)
        row, rank = torch.nonzero(best > SEEN, as_tuple=True)
        rows.append(row + start)
        columns.append(found[row, rank])
        values.append(best[row, rank])
    return SparseMatrix.of(torch.cat(rows), torch.cat(columns), torch.cat(values), (len(near[0]), len(items)))


def _scores_of(users: Tensor, items: Tensor, asked: Tensor) -> Tensor:
    """Scores of the asked items of each user, `[num_users, num_asked]`."""
    offsets = torch.arange(0, asked.numel() + 1, asked.shape[1])
    entries = CompressedRows(offsets, asked.flatten(), torch.ones(asked.numel()))
    return entries.dots(users, items).view(asked.shape)


def _better_items(lists: CompressedRows, items: Tensor, users: Tensor, config: ListFitConfig) -> Tensor:
    """What to add to the items, each a system of its own, `[num_items, width]`.

    Args:
        lists: the targets, items by users.
        items: `[num_items, width]`.
        users: `[num_users, width]`.
        config: see there.
    """
    gram = dense_product(users.T, users)
    parts = [_better_rows(own, items[part], users, gram, config) for part, own in lists.parts()]
    return torch.cat(parts)


def _better_rows(own: CompressedRows, items: Tensor, users: Tensor, gram: Tensor, config: ListFitConfig) -> Tensor:
    """The same of some items, whose targets alone are given."""

    def product(change: Tensor) -> Tensor:
        return dense_product(change, gram) + config.emphasis * own.weighted(own.dots(change, users)).multiply(users)

    missing = own.weights - own.dots(items, users)
    return conjugate_gradients(product, config.emphasis * own.weighted(missing).multiply(users), config.steps)


def _better_maps(
    lists: CompressedRows, maps: _Maps, users: Tensor, items: Tensor, config: ListFitConfig
) -> tuple[Tensor, Tensor]:
    """What to add to the users' maps, as sums over the features of users, and what that adds to the users.

    The maps are all one system. They change by such sums alone, so that what is solved has a row a user; a row for each
    dimension of each feature is many times as much in a large catalogue.

    Args:
        lists: the targets, users by items.
        maps: of the users' features.
        users: `[num_users, width]`.
        items: `[num_items, width]`.
        config: see there.

    Returns:
        what each user's features count in the sums, and the users' change, `[num_users, width]` both.
    """
    gram = dense_product(items.T, items)

    def of_lists(scores: Tensor) -> Tensor:
        return lists.weighted(scores).multiply(items).mul_(config.emphasis)

    def product(moved: Tensor) -> Tensor:
        return of_lists(lists.dots(moved, items)).add_(dense_product(moved, gram))

    missing = of_lists(lists.weights - lists.dots(users, items))
    return conjugate_gradients_of_sums(product, maps.times_sums, missing, config.steps)


class _Maps:
    """The users' features side by side, all dimensions but the shortest scaled to length 1: one step suits them all."""

    def __init__(self, features: dict[str, Feature]):
        self.features: dict[str, SparseMatrix | Tensor] = {}
        self.scales: dict[str, Tensor] = {}
        for name, feature in features.items():
            pairs = sp.coo_matrix(feature)
            length = np.sqrt(np.bincount(pairs.col, pairs.data.astype(np.float64) ** 2, minlength=feature.shape[1]))
            shortest = SHORTEST * np.abs(pairs.data).max(initial=0)
            scale = np.divide(1, np.maximum(length, shortest), out=np.zeros_like(length), where=length > 0)
            scale = torch.from_numpy(scale).float()
            self.scales[name] = scale[:, None]
            if sp.issparse(feature):
                row, column = torch.from_numpy(pairs.row).long(), torch.from_numpy(pairs.col).long()
                self.features[name] = SparseMatrix.of(
                    row, column, torch.from_numpy(pairs.data) * scale[column], feature.shape
                )
            else:
                self.features[name] = torch.from_numpy(feature) * scale

    def times_sums(self, weights: Tensor) -> Tensor:
        """What the users gain where the scaled maps gain sums over features, `[num_users, width]` both."""
        total = torch.zeros_like(weights)
        for name, feature in self.features.items():
            total += feature @ self._sums(name, weights)
        return total

    def add_sums(self, weights: Tensor, rows: dict[str, FloatArray]) -> None:
        """Adds sums over features to the rows of each, `[feature_dim, width]`; `weights` `[num_users, width]`."""
        for name, scale in self.scales.items():
            rows[name] += self._sums(name, weights).mul_(scale).numpy()

    def _sums(self, name: str, weights: Tensor) -> Tensor:
        feature = self.features[name]
        sums: Tensor = (feature.transpose if isinstance(feature, SparseMatrix) else feature.T) @ weights
        return sums
