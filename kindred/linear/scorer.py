"""A block of the ranking core, a linear map from a feature of the user to a score of every item, and its settings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kindred.domain.interactions import FloatArray
from kindred.linear.user_features import Feature
from kindred.linear.weighted_factors import FactorConfig


@dataclass(frozen=True)
class SpectralFilter:
    """One way to normalise the item graph before its leading eigenvectors are taken.

    Attributes:
        exponent: how much long histories and popular items are toned down in it.
        diagonal: how much an item counts as going with itself, 0 to 1.
        rank: number of eigenvectors; what is more than the space holds is compressed later.
        large: from this many known pairs on, twice as many.
    """

    exponent: float
    diagonal: float
    rank: int = 512
    large: int = 500_000


@dataclass(frozen=True)
class ScorerConfig:
    """How blocks are fitted; the same values for every data set.

    Attributes:
        max_dense: up to this many items, blocks are item-by-item matrices alone; from here on there is a spectrum. A
            larger catalogue with up to this many users gets EASE from their side.
        max_squared: up to this many items there are item-by-item matrices, of 400 MB each at 10,000 items.
        ease_ridge: ridge of EASE, in mean item counts.
        ease_rank: how many of the users' leading directions EASE has where it is found from the users' side.
        text_share: weight of text similarity beside co-occurrence in the Gram matrix of EASE with text.
        next_ridge: ridge of the next-item regression, in mean item counts.
        text_shrinkage: reviews at which an item's own text vector has half its weight.
        ordered_filters: the item graphs whose spectra are added up, each with the same say, where the order of events
            is known.
        unordered_filters: the same where it is not. Held-out events are then a random draw, which favours sharper
            filters than what comes next would; a smooth one, as published, keeps the balance.
        spectral_iterations: passes of subspace iteration.
        factors: how weighted factors are learned.
    """

    max_dense: int = 4_096
    max_squared: int = 10_000
    ease_ridge: float = 25.0
    ease_rank: int = 512
    text_share: float = 0.3
    next_ridge: float = 15.0
    text_shrinkage: float = 2.0
    ordered_filters: tuple[SpectralFilter, ...] = (SpectralFilter(0.3, 0.0),)
    unordered_filters: tuple[SpectralFilter, ...] = (SpectralFilter(0.5, 1.0), SpectralFilter(0.4, 0.0))
    spectral_iterations: int = 4
    factors: FactorConfig = field(default_factory=FactorConfig)


@dataclass(frozen=True)
class LinearScorer:
    """score = feature of the user @ left (@ rightᵀ).

    Attributes:
        name: what the block is.
        feature: which user feature it reads (see `build_user_features`).
        left: `[feature_dim, num_items]`, or `[feature_dim, rank]` where `right` is given.
        right: `[num_items, rank]` or None.
    """

    name: str
    feature: str
    left: FloatArray
    right: FloatArray | None = None

    def scores(self, rows: Feature) -> FloatArray:
        """Scores of the users with these feature rows, `[num_rows, num_items]`."""
        projected = np.asarray(rows @ self.left, dtype=np.float32)
        result: FloatArray = projected if self.right is None else projected @ self.right.T
        return result


def score_spread(scores: FloatArray) -> float:
    """Standard deviation of the scores within users; 1 where all are alike."""
    deviation = float(np.sqrt(scores.var(axis=1, dtype=np.float64).mean()))
    return deviation if deviation > 1e-12 else 1.0


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Rows scaled to length 1; zero rows stay zero."""
    unit: FloatArray = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit
