"""The weighted sum of all linear scorers, before it is brought to the width of the space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import FloatArray
from kindred.linear.inputs.user_features import Feature
from kindred.linear.scorers.scorer import LinearScorer

_ROWS_A_PART = 4_096


class ScorerSum:
    """score = Σ over features: feature · (matrix + rows · itemsᵀ).

    Scorers of one map, such as those of even and of late history, hold it once.

    Attributes:
        matrices: maps from a feature to all items, by the feature that they read, `[feature_dim, num_items]`.
        items: columns of each item, `[num_items, num_columns]`.
    """

    def __init__(self, scorers: Iterable[tuple[LinearScorer, float]]):
        """Takes scorers with the factor of their scores; those with one and the same right side share its columns."""
        self.matrices: dict[str, FloatArray] = {}
        self._maps: dict[tuple[int, int], _Map] = {}
        rights: dict[int, tuple[int, FloatArray]] = {}
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
            for feature, part in ((scorer.feature, left), *scorer.added):
                self._add(feature, part, np.float32(factor), rights[key][0])
            del scorer, left, right, part  # what is taken from whoever made it is held here alone
        empty = np.zeros((num_items, 0), dtype=np.float32)
        self.items: FloatArray = np.concatenate([empty, *(right for _, right in rights.values())], axis=1)

    def _add(self, feature: str, left: FloatArray, factor: np.float32, start: int) -> None:
        own = self._maps.setdefault((id(left), start), _Map(left, slice(start, start + left.shape[1]), {}))
        own.factors[feature] = own.factors.get(feature, np.float32(0)) + factor

    def _maps_of(self, feature: str) -> list[_Map]:
        return [part for part in self._maps.values() if feature in part.factors]

    @property
    def features(self) -> list[str]:
        """The features that some scorer reads."""
        return list(dict.fromkeys([*self.matrices, *(name for part in self._maps.values() for name in part.factors)]))

    def times(self, feature: str, x: FloatArray) -> FloatArray:
        """The map of that feature times `x`, `[num_items, columns]` -> `[feature_dim, columns]`."""
        parts = [self.matrices[feature] @ x] if feature in self.matrices else []
        mine = self._maps_of(feature)
        columns = self.items.T @ x if mine else x
        parts += [part.factors[feature] * (part.left @ columns[part.columns]) for part in mine]
        product: FloatArray = np.sum(parts, axis=0)
        return product

    def transposed_times(self, feature: str, x: FloatArray) -> FloatArray:
        """The product of the other way round, `[feature_dim, columns]` -> `[num_items, columns]`."""
        parts = [self.matrices[feature].T @ x] if feature in self.matrices else []
        mine = self._maps_of(feature)
        parts += [self.items[:, part.columns] @ (part.factors[feature] * (part.left.T @ x)) for part in mine]
        product: FloatArray = np.sum(parts, axis=0)
        return product

    def rows_times(self, x: FloatArray) -> dict[str, FloatArray]:
        """The rows of each feature that has some times `x`, `[num_columns, columns]` -> `[feature_dim, columns]`."""
        products: dict[str, FloatArray] = {}
        for part in self._maps.values():
            product = part.left @ x[part.columns]
            for feature, factor in part.factors.items():
                if feature in products:
                    for start in range(0, len(product), _ROWS_A_PART):  # no second product beside this one
                        rows = slice(start, start + _ROWS_A_PART)
                        products[feature][rows] += factor * product[rows]
                else:
                    products[feature] = factor * product
            del product  # not held beside the next one
        return products

    def user_columns(self, features: Mapping[str, Feature]) -> FloatArray:
        """The users in the columns of `items`, `[num_users, num_columns]`."""
        num_users = next(iter(features.values())).shape[0]
        total: FloatArray = np.zeros((num_users, self.items.shape[1]), dtype=np.float32)
        for part in self._maps.values():
            total[:, part.columns] += part.of_users(features)
        return total

    def scores(self, features: Mapping[str, Feature]) -> FloatArray:
        """The scores of the users, `[num_users, num_items]`."""
        total: FloatArray = self.user_columns(features) @ self.items.T
        for name, matrix in self.matrices.items():
            total += np.asarray(features[name] @ matrix, dtype=np.float32)
        return total


@dataclass(frozen=True)
class _Map:
    """A map into some columns of the items, and the factor of each feature that reads it.

    Attributes:
        left: `[feature_dim, rank]`.
        columns: which ones, `rank` of them.
        factors: by feature.
    """

    left: FloatArray
    columns: slice
    factors: dict[str, np.float32]

    def of_users(self, features: Mapping[str, Feature]) -> FloatArray:
        """The users in these columns, `[num_users, rank]`."""
        (first, *others) = (factor * features[name] for name, factor in self.factors.items())
        rows: FloatArray = np.asarray(sum(others, start=first) @ self.left, dtype=np.float32)
        return rows
