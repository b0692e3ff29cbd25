"""The scores of a pairwise ranker without PyTorch, as fast as an answer needs them.

The first layer of the network is linear in parts that depend on the user alone, on the item alone and on both; the
first two are computed once for each. What is left for a pair are three products and the numbers. Layer normalisation
takes the mean of what a layer gives away: so it is taken out of the weights, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray

EPSILON = 1e-5
"""Of the layer normalisation, as PyTorch has it."""
_ROOT_2_BY_PI = 0.7978845608


@dataclass(frozen=True)
class PairwiseScores:
    """A trained network and what it knows of items.

    Attributes:
        weights: the network's, by their names in PyTorch.
        item_graph: embeddings of the graph network, `[num_items, graph_dim]`.
        text: projected texts of the items, `[num_items, dim]`.
        categories: projected categories, `[num_items, dim]`.
    """

    weights: Mapping[str, FloatArray]
    item_graph: FloatArray
    text: FloatArray
    categories: FloatArray

    @classmethod
    def of(
        cls, weights: Mapping[str, FloatArray], item_graph: FloatArray, item_text: FloatArray, categories: FloatArray
    ) -> PairwiseScores:
        """The scores of these weights, for items with these texts `[num_items, text_dim]` and categories."""
        return cls(
            weights,
            item_graph,
            _relu(item_text @ weights["text.weight"].T + weights["text.bias"]),
            _relu(categories @ weights["categories.weight"].T + weights["categories.bias"]),
        )

    @property
    def dim(self) -> int:
        return int(self.weights["numbers.bias"].shape[0])

    @property
    def num_numbers(self) -> int:
        """How many numbers of a pair it reads."""
        return int(self.weights["mean"].shape[0])

    @cached_property
    def _layers(self) -> list[tuple[FloatArray, FloatArray]]:
        """Weights `[width before, width]` and bias of each layer, less their means over what the layer gives."""
        found: list[tuple[FloatArray, FloatArray]] = []
        while (name := f"layers.{len(found)}") + ".weight" in self.weights:
            weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
            found.append((np.ascontiguousarray((weight - weight.mean(axis=0)).T), bias - bias.mean()))
        return found

    @cached_property
    def _first(self) -> list[FloatArray]:
        """The first layer, part by part of its input, each `[dim, width]`."""
        return np.split(self._layers[0][0], 9)

    @cached_property
    def _of_pairs(self) -> FloatArray:
        """What the first layer makes of the products of user and item and of the numbers, `[4 · dim, width]`."""
        return np.concatenate([*self._first[5:8], self._first[4]])

    @cached_property
    def _items(self) -> tuple[FloatArray, FloatArray]:
        """What products with a user need of each item, `[num_items, 3 · dim]`, and its part of the first layer.

        Both have one row more, of an item of which nothing is known.
        """
        nothing = np.zeros((1, self.dim), dtype=np.float32)
        ids = self.weights["item_id.weight"]
        item = np.concatenate([ids[1:] + self.item_graph @ self.weights["item_graph.weight"].T, ids[:1]])
        text, categories = np.concatenate([self.text, nothing]), np.concatenate([self.categories, nothing])
        first = self._first
        alone = item @ first[1] + text @ first[2] + categories @ first[3] + _relu(item * text) @ first[8]
        return np.concatenate([item, text, categories], axis=1), alone + self._layers[0][1]

    def users(self, position: IntArray, graph: FloatArray) -> FloatArray:
        """Embeddings of users, `[num_users, dim]`; position −1 for one that training did not see."""
        found: FloatArray = self.weights["user_id.weight"][position + 1] + graph @ self.weights["user_graph.weight"].T
        return found

    def logits(self, user: FloatArray, item_index: IntArray, numbers: FloatArray) -> FloatArray:
        """Logits of pairs, `[num_pairs]`.

        Args:
            user: their users' embeddings, `[num_pairs, dim]`, or one for all, `[1, dim]`.
            item_index: their items, −1 for one of which nothing is known, `[num_pairs]`.
            numbers: `[num_pairs, num_numbers]`, as they are.
        """
        weights, first = self.weights, self._first
        wide, alone = self._items
        scaled: FloatArray = np.asarray((numbers - weights["mean"]) / weights["deviation"], dtype=np.float32)
        num_pairs, dim = len(item_index), self.dim
        read: FloatArray = np.empty((num_pairs, 4, dim), dtype=np.float32)
        np.multiply(wide[item_index].reshape(num_pairs, 3, dim), user[:, None, :], out=read[:, :3])
        np.add(scaled @ weights["numbers.weight"].T, weights["numbers.bias"], out=read[:, 3])
        np.maximum(read, np.float32(0), out=read)
        hidden: FloatArray = read.reshape(num_pairs, 4 * dim) @ self._of_pairs
        hidden += alone[item_index]
        hidden += user @ first[0]
        hidden = self._activated(hidden, 0)
        for layer, (weight, bias) in enumerate(self._layers[1:], start=1):
            hidden = hidden @ weight
            hidden += bias
            hidden = self._activated(hidden, layer)
        logits = hidden @ weights["last.weight"][0] + scaled @ weights["shortcut.weight"][0]
        return np.asarray(logits + weights["last.bias"][0], dtype=np.float32)

    def _activated(self, hidden: FloatArray, layer: int) -> FloatArray:
        """What a layer hands on: its normalisation of `hidden`, of mean 0 and overwritten, then GELU by tanh.

        x · (1 + tanh(u)) / 2 is x / (1 + exp(−2u)). Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016,
        arXiv 1606.08415, as PyTorch has it.
        """
        variance = np.vecdot(hidden, hidden) / np.float32(hidden.shape[1])
        hidden /= np.sqrt(variance + np.float32(EPSILON))[:, None]
        hidden *= self.weights[f"norms.{layer}.weight"]
        hidden += self.weights[f"norms.{layer}.bias"]
        inner = hidden * hidden  # in place from here on: an answer has hundreds of rows
        inner *= np.float32(-2 * _ROOT_2_BY_PI * 0.044715)
        inner += np.float32(-2 * _ROOT_2_BY_PI)
        inner *= hidden
        with np.errstate(over="ignore"):  # of very low ones nothing is left
            np.exp(inner, out=inner)
        inner += np.float32(1)
        hidden /= inner
        return hidden

    def state(self) -> dict[str, NDArray[Any]]:
        """Plain arrays; `from_state` brings the same scores back."""
        items = {"item_graph": self.item_graph, "text": self.text, "categories": self.categories}
        return {f"weight.{name}": value for name, value in self.weights.items()} | {
            f"items.{name}": value for name, value in items.items()
        }

    @classmethod
    def from_state(cls, arrays: Mapping[str, NDArray[Any]]) -> PairwiseScores:
        """The scores whose `state` is among these arrays."""
        prefix = "weight."
        weights = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        return cls(weights, arrays["items.item_graph"], arrays["items.text"], arrays["items.categories"])


def _relu(values: FloatArray) -> FloatArray:
    return np.maximum(values, np.float32(0))
