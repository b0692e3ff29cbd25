"""Expected ratings: a closed-form correction of the cosine rating.

The cosine loss (absolute error) predicts a median, and where most events have five stars that is nearly always five.
The mean square is judged by the expectation, so this read-out blends, by ridge regression, the cosine rating with the
biases of user and item. It is fitted on training edges only: for each of a few folds, biases and messages leave
the fold out, and the fold's ratings are regressed on what was predicted without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.rating_scale import STARS, RatingScale
from kindred.gnn.trained import StatesOfRows, TrainedGnn
from kindred.training.sampling import supervision_folds

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

NUM_FOLDS = 5
SOURCE_SHRINKAGES = (3.0, 6.0, 12.0)
TARGET_SHRINKAGES = (5.0, 10.0, 20.0)
RIDGE = 10.0  # in edges; standardised signals

CosineRatings = Callable[[IntArray, IntArray], FloatArray]
"""(rows that may be seen, rows to rate), both positions in the training edges → cosine ratings of the latter."""


@dataclass(frozen=True)
class RatingBiases:
    """Shrunken mean deviations from the mean rating: items first, then users from what the items leave.

    Koren, "Factor in the Neighbors: Scalable and Accurate Collaborative Filtering", 2010.
    """

    mean: float
    source_bias: FloatArray
    target_bias: FloatArray
    source_shrinkage: float


def fit_biases(train: Interactions, source_shrinkage: float, target_shrinkage: float) -> RatingBiases:
    """Biases of these rated events; without a rating of their own, users and items have none.

    Args:
        train: events with ratings.
        source_shrinkage: ratings of zero deviation added to each user's own.
        target_shrinkage: the same for items.
    """
    rating = _ratings(train)
    mean = float(rating.mean()) if len(rating) else 0.0
    rest = rating - mean
    target = _shrunken_means(train.item_index, rest, train.num_items, target_shrinkage)
    source = _shrunken_means(train.user_index, rest - target[train.item_index], train.num_users, source_shrinkage)
    return RatingBiases(mean, source, target, source_shrinkage)


@dataclass(frozen=True)
class RatingCalibration:
    """Expected rating = intercept + weights · (user bias, item bias, cosine rating).

    Attributes:
        biases: of all training edges.
        intercept: in ratings.
        weights: of the three signals, `[3]`.
        scale: of the ratings.
    """

    biases: RatingBiases
    intercept: float
    weights: FloatArray
    scale: RatingScale

    def expect(self, source_index: IntArray, target_index: IntArray, cosine_rating: FloatArray) -> FloatArray:
        """Expected rating of each pair, within the scale, `[num_pairs]`.

        Pass −1 for a user or item that is not in the graph.
        """
        source = np.where(source_index >= 0, self.biases.source_bias[source_index], 0.0)
        target = np.where(target_index >= 0, self.biases.target_bias[target_index], 0.0)
        return self.expect_from(source, target, cosine_rating)

    def expect_from(
        self, source_bias: NDArray[np.floating], target_bias: NDArray[np.floating], cosine_rating: FloatArray
    ) -> FloatArray:
        """Expected rating from biases that are known otherwise, `[num_pairs]`."""
        signals = np.stack([source_bias, target_bias, cosine_rating], axis=1)
        return self.scale.clip(self.intercept + signals @ self.weights)

    def state(self) -> dict[str, FloatArray]:
        """Everything in it as arrays; `from_state` brings it back."""
        numbers = [self.biases.mean, self.biases.source_shrinkage, self.intercept, self.scale.low, self.scale.high]
        return {
            "scalars": np.array(numbers, dtype=np.float32),
            "weights": self.weights,
            "source_bias": self.biases.source_bias,
            "target_bias": self.biases.target_bias,
        }

    @classmethod
    def from_state(cls, arrays: dict[str, FloatArray]) -> RatingCalibration:
        """The calibration whose `state` this is."""
        mean, source_shrinkage, intercept, *ends = (float(value) for value in arrays["scalars"])
        biases = RatingBiases(mean, arrays["source_bias"], arrays["target_bias"], source_shrinkage)
        return cls(biases, intercept, arrays["weights"], RatingScale(*ends))


def calibrate_ratings(
    trained: TrainedGnn, data: HeteroData, states_of: StatesOfRows, train_rows: IntArray, seed: int
) -> RatingCalibration:
    """The calibration of a network on the edges it was trained with, and on no other.

    Args:
        trained: the network.
        data: the graph it was trained on.
        states_of: its `state_reader` of that graph.
        train_rows: rows of the target edge type it was trained with.
        seed: of the folds.
    """
    source, _, target = trained.target
    store = data[trained.target]
    users, items = store.edge_index[:, torch.from_numpy(train_rows)].numpy()
    num_users, num_items = int(data[source].num_nodes), int(data[target].num_nodes)
    train = Interactions(users, items, num_users, num_items, store.rating.numpy()[train_rows])

    def cosine_ratings(seen: IntArray, asked: IntArray) -> FloatArray:
        return trained.embed(states_of(train_rows[seen])).rate(users[asked], items[asked])

    return fit_calibration(train, cosine_ratings, seed, trained.network.scale)


def fit_calibration(
    train: Interactions, cosine_ratings: CosineRatings, seed: int, scale: RatingScale = STARS
) -> RatingCalibration:
    """The calibration of whatever rates edges by cosine.

    Args:
        train: the training edges, with ratings.
        cosine_ratings: the network's ratings of some of them, messages running along others.
        seed: of the folds.
        scale: of the ratings.
    """
    folds = list(supervision_folds(len(train), min(NUM_FOLDS, len(train)), np.random.default_rng(seed)))
    cosine = np.zeros(len(train), dtype=np.float32)
    for fold in folds:
        cosine[fold] = cosine_ratings(np.setdiff1d(np.arange(len(train)), fold), fold)
    fits = {}
    for shrinkage in product(SOURCE_SHRINKAGES, TARGET_SHRINKAGES):
        signals = _held_out_signals(train, folds, cosine, shrinkage)
        fits[shrinkage] = _ridge(signals, _ratings(train))
    best = min(fits, key=lambda shrinkage: fits[shrinkage][2])
    intercept, weights, _ = fits[best]
    return RatingCalibration(fit_biases(train, *best), intercept, weights, scale)


def _held_out_signals(
    train: Interactions, folds: list[IntArray], cosine: FloatArray, shrinkage: tuple[float, float]
) -> NDArray[np.float64]:
    """User bias, item bias and cosine rating of each edge, none of them told of its own fold, `[num_edges, 3]`."""
    signals = np.zeros((len(train), 3))
    signals[:, 2] = cosine
    for fold in folds:
        others = np.ones(len(train), dtype=np.bool_)
        others[fold] = False
        biases = fit_biases(train.take(others), *shrinkage)
        signals[fold, 0] = biases.source_bias[train.user_index[fold]]
        signals[fold, 1] = biases.target_bias[train.item_index[fold]]
    return signals


def _ridge(signals: NDArray[np.float64], rating: NDArray[np.float64]) -> tuple[float, FloatArray, float]:
    """Intercept, weights `[num_signals]` and mean squared error of the ridge regression."""
    centre, spread = signals.mean(0), signals.std(0)
    scale = np.where(spread > 1e-9, 1 / np.maximum(spread, 1e-9), 0.0)
    inputs = (signals - centre) * scale
    mean = rating.mean()
    solved = np.linalg.solve(inputs.T @ inputs + RIDGE * np.eye(inputs.shape[1]), inputs.T @ (rating - mean))
    error = float(((inputs @ solved + mean - rating) ** 2).mean())
    weights = solved * scale
    return float(mean - centre @ weights), weights.astype(np.float32), error


def _shrunken_means(index: IntArray, values: NDArray[np.float64], size: int, shrinkage: float) -> FloatArray:
    counts = np.bincount(index, minlength=size)
    means: FloatArray = (np.bincount(index, values, size) / (counts + shrinkage)).astype(np.float32)
    return means


def _ratings(train: Interactions) -> NDArray[np.float64]:
    if train.rating is None:
        raise ValueError("calibration needs ratings")
    return train.rating.astype(np.float64)
