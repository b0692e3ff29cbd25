"""The weighted sum of all linear scorers, before it is brought to the width of the space."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kindred.domain.interactions import FloatArray
from kindred.linear.inputs.user_features import Feature
from kindred.linear.scorers.scorer import LinearScorer


class ScorerSum:
    """score = Σ over features: feature · (matrix + rows · itemsᵀ).

    Attributes:
        matrices: maps from a feature to all items, by the feature that they read, `[feature_dim, num_items]`.
        rows: maps of fewer dimensions than items, side by side, by the same, `[feature_dim, num_columns]`.
        items: their columns of each item, `[num_items, num_columns]`.
    """

    def __init__(self, scorers: Iterable[tuple[LinearScorer, float]]):
        """Takes scorers with the factor of their scores; those with one and the same right side share its columns."""
        self.matrices: dict[str, FloatArray] = {}
        rights: dict[int, tuple[int, FloatArray]] = {}
        parts = []
        num_columns = num_items = 0
        for scorer, factor in scorers:
            left, right = scorer.left, scorer.right
            num_items = left.shape[1] if right is None else len(right)
            if right is None and left.shape[0] >= left.shape[1]:
                if scorer.feature in self.matrices:
                    self.matrices[scorer.feature] += np.float32(factor) * left
                else:
                    self.matrices[scorer.feature] = np.multiply(np.float32(factor), left, order="C")
                continue
            key = id(left if right is None else right)
            if right is None:  # a map of few dimensions is one of factors
                left, right = np.eye(len(left), dtype=np.float32), left.T
            if key not in rights:
                rights[key] = num_columns, right
                num_columns += right.shape[1]
            lefts = ((scorer.feature, left), *scorer.added)
            parts += [(feature, rows, np.float32(factor), rights[key][0]) for feature, rows in lefts]
            del scorer, left, right, lefts  # what is taken from whoever made it is held here alone
        self.rows: dict[str, FloatArray] = {}
        while parts:
            feature, left, weight, start = parts.pop(0)
            columns = self.rows.setdefault(feature, np.zeros((len(left), num_columns), dtype=np.float32))
            columns[:, start : start + left.shape[1]] += weight * left
        empty = np.zeros((num_items, 0), dtype=np.float32)
        self.items: FloatArray = np.concatenate([empty, *(right for _, right in rights.values())], axis=1)

    @property
    def features(self) -> list[str]:
        """The features that some scorer reads."""
        return list(dict.fromkeys([*self.matrices, *self.rows]))

    def times(self, feature: str, x: FloatArray) -> FloatArray:
        """The map of that feature times `x`, `[num_items, columns]` -> `[feature_dim, columns]`."""
        parts = [self.matrices[feature] @ x] if feature in self.matrices else []
        if feature in self.rows:
            parts.append(self.rows[feature] @ (self.items.T @ x))
        product: FloatArray = np.sum(parts, axis=0)
        return product

    def transposed_times(self, feature: str, x: FloatArray) -> FloatArray:
        """The product of the other way round, `[feature_dim, columns]` -> `[num_items, columns]`."""
        parts = [self.matrices[feature].T @ x] if feature in self.matrices else []
        if feature in self.rows:
            parts.append(self.items @ (self.rows[feature].T @ x))
        product: FloatArray = np.sum(parts, axis=0)
        return product

    def user_columns(self, features: dict[str, Feature]) -> FloatArray:
        """The users in the columns of `items`, `[num_users, num_columns]`."""
        num_users = next(iter(features.values())).shape[0]
        total: FloatArray = np.zeros((num_users, self.items.shape[1]), dtype=np.float32)
        for name, rows in self.rows.items():
            total += np.asarray(features[name] @ rows, dtype=np.float32)
        return total

    def scores(self, features: dict[str, Feature]) -> FloatArray:
        """The scores of the users, `[num_users, num_items]`."""
        total: FloatArray = self.user_columns(features) @ self.items.T
        for name, matrix in self.matrices.items():
            total += np.asarray(features[name] @ matrix, dtype=np.float32)
        return total
