"""The query tower for one history, in NumPy: what PyTorch spends on its calls is several times what the sums take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from kindred.domain.interactions import FloatArray
from kindred.models.two_tower import HISTORY, Pooling, TwoTower
from kindred.models.two_tower_fit import unit_graph


@dataclass(frozen=True)
class QueryTower:
    """What encodes a history as `TwoTower.encode_histories` does, but for rounding.

    Attributes:
        pooling: how the queries become one vector.
        weights: of the tower's layers, by their names in its `state_dict`.
    """

    pooling: Pooling
    weights: Mapping[str, FloatArray]

    @staticmethod
    def of(towers: TwoTower) -> QueryTower:
        """The query tower of a trained pair."""
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in towers.state_dict().items()}
        return QueryTower(towers.config.pooling, weights)

    def encode(self, text: FloatArray, graph: FloatArray, age: FloatArray) -> FloatArray:
        """The unit vector of one history, `[width]`.

        Args:
            text: vectors of its queries, the latest first; at least one, at most `HISTORY`, `[num_queries, text_dim]`.
            graph: sums of the graph vectors of the products that each led to, `[num_queries, graph_dim]`.
            age: days from each query to the time asked about, `[num_queries]`.
        """
        w = self.weights
        states = text @ w["text.weight"].T + unit_graph(graph) @ w["graph.weight"].T
        told = states + w["slot"][: len(states)]
        shares = self._shares(told, age)
        pooled = shares @ states
        if self.pooling == "attention":
            mixed = shares @ told
        elif self.pooling == "mean":
            mixed = pooled
        else:
            mixed = np.pad(text, ((0, HISTORY - len(text)), (0, 0))).ravel()
        hidden = w["mix.0.weight"] @ mixed + w["mix.0.bias"]
        hidden *= 0.5 * (1 + erf(hidden * np.float32(0.5**0.5)))
        found = pooled + w["mix.2.weight"] @ hidden + w["mix.2.bias"]
        unit: FloatArray = found / max(float(np.linalg.norm(found)), 1e-12)
        return unit

    def _shares(self, told: FloatArray, age: FloatArray) -> FloatArray:
        """How much each query counts, summing to 1; all alike where the mean is taken."""
        w = self.weights
        if self.pooling == "mean":
            return np.full(len(told), 1 / len(told), np.float32)
        hidden = np.tanh(told @ w["attention.0.weight"].T + w["attention.0.bias"])
        scores = (hidden @ w["attention.2.weight"].T).ravel() + w["recency"][: len(told)]  # the bias is of all alike
        scores -= np.logaddexp(np.float32(0), w["aging"]) * np.log1p(age)
        chances = np.exp(scores - scores.max())
        shares: FloatArray = chances / chances.sum()
        return shares
