"""Embeddings of items without events, learned from what is asked of their text: who comes to choose the item.

The rows of known items are a poor example for a new one: no item speaks for itself in a model without diagonal, so the
mean of similar items passes over the very users who chose one of them. The map from text is trained on the task
instead: a part of the known items is taken out of all histories, and the text of each has to find the users who chose
it. Both sides are ridge regressions in closed form: from users' rows to who chose the item, and from a kernel of texts
to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.linear.ridge import ridge_weights
from kindred.linear.scorer import unit_rows
from kindred.linear.scorer_config import STRICT
from kindred.linear.user_features import sum_by_item

EncodeEvents = Callable[[IntArray], FloatArray]
"""Rows of training events -> the row of every user from these events alone, `[num_users, width]`."""


@dataclass(frozen=True)
class ColdItemConfig:
    """How items without events are embedded; the same values for every data set.

    Attributes:
        sharpness: of the kernel exp(sharpness · (cosine − 1)): the higher, the more similar texts must be to matter.
        text_ridge: ridge of the map from text, in mean item counts.
        user_ridge: ridge of the map from users' rows, in their mean squared entries.
        folds: number of parts of the catalogue, each in its turn taken out of the histories.
        max_items: most items that teach, those chosen most often.
        seed: of the folds.
    """

    __pydantic_config__ = STRICT

    sharpness: float = 2.0
    text_ridge: float = 1.0
    user_ridge: float = 0.2
    folds: int = 5
    max_items: int = 4_096
    seed: int = 0


@dataclass(frozen=True)
class ColdItemMap:
    """From a text to an item's row.

    Attributes:
        text_mean: mean text vector of the items, `[text_dim]`.
        known_text: unit text vectors of the items it was learned from, less the mean, `[num_known, text_dim]`.
        rows: what each of them adds, and at the end what all items have, `[num_known + 1, width]`.
        sharpness: see `ColdItemConfig`.
    """

    text_mean: FloatArray
    known_text: FloatArray
    rows: FloatArray
    sharpness: float

    def encode(self, text: FloatArray) -> FloatArray:
        """Rows of items with these text vectors, `[num_texts, width]`."""
        similarity = _kernel(unit_rows(text - self.text_mean), self.known_text, self.sharpness)
        rows: FloatArray = (similarity @ self.rows[:-1] + self.rows[-1]).astype(np.float32)
        return rows


def fit_cold_items(
    train: Interactions, item_text: FloatArray, encode: EncodeEvents, config: ColdItemConfig
) -> ColdItemMap | None:
    """The map learned from the items that have both events and text; None where no item has.

    Args:
        train: the training events.
        item_text: vector of each item's text, zeros where it has none, `[num_items, text_dim]`.
        encode: rows of the users of `train`.
        config: see there.
    """
    counts = np.bincount(train.item_index, minlength=train.num_items)
    known = np.flatnonzero((counts > 0) & (item_text != 0).any(axis=1))
    if not len(known):
        return None
    known = np.sort(known[np.argsort(-counts[known], kind="stable")[: config.max_items]])
    text_mean = np.asarray(item_text[known].mean(0), dtype=np.float32)
    text = unit_rows(item_text[known] - text_mean)
    targets = _rows_of_choosers(train, encode, config)[known] / counts[known, None]
    # each event is one observation of its item's target, so an item's noise is as one over its count
    noise = config.text_ridge * counts[known].mean() / counts[known]
    mean = np.average(targets, axis=0, weights=counts[known])
    lifted = _kernel(text, text, config.sharpness).astype(np.float64) + np.diag(noise)
    added = np.linalg.solve(lifted, targets - mean)
    return ColdItemMap(text_mean, text, np.vstack([added, mean]).astype(np.float32), config.sharpness)


def _rows_of_choosers(train: Interactions, encode: EncodeEvents, config: ColdItemConfig) -> FloatArray:
    """The row that best tells who chose an item from all others, had they not chosen it, `[num_items, width]`."""
    fold = np.random.default_rng(config.seed).permutation(train.num_items) % config.folds
    ones = np.ones(len(train), dtype=np.float32)
    choosers = sp.csr_matrix((ones, (train.item_index, train.user_index)), shape=(train.num_items, train.num_users))
    items, totals, grams = [], [], []
    for number in range(config.folds):
        taken_out = fold == number
        users = encode(np.flatnonzero(~taken_out[train.item_index]))
        items.append(np.flatnonzero(taken_out))
        totals.append(choosers[taken_out] @ users)
        grams.append(users.T @ users)
    gram = np.mean(grams, axis=0)
    cross = np.concatenate(totals)[np.argsort(np.concatenate(items))]
    rows: FloatArray = ridge_weights(gram, cross.T, config.user_ridge * gram.trace() / len(gram)).T
    return rows


def _kernel(text: FloatArray, known: FloatArray, sharpness: float) -> FloatArray:
    """Similarity of unit vectors, 1 for the same, `[num_texts, num_known]`."""
    similarity: FloatArray = np.exp(np.float32(sharpness) * (text @ known.T - 1))
    return similarity


def text_of_items(train: Interactions, event_text: FloatArray) -> FloatArray:
    """Mean text vector of each item's events, zeros where none has a text, `[num_items, text_dim]`."""
    counts = sum_by_item(train, (event_text != 0).any(axis=1, keepdims=True).astype(np.float32))
    vectors: FloatArray = (sum_by_item(train, event_text) / np.maximum(counts, 1)).astype(np.float32)
    return vectors
