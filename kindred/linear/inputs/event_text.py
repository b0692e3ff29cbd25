"""Texts of events as vectors that are read where they lie: every sum takes a batch at a time, no copy is ever whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray
from kindred.linear.algebra.weighted_sums import weighted_sums

_EVENTS_A_BATCH = 32_768
Stored = NDArray[np.floating]


@dataclass(frozen=True)
class EventText:
    """The text vector of each of some events.

    Attributes:
        stored: vectors of these events and of others, in half or single precision, `[num_stored, text_dim]`.
        rows: where in `stored` the vector of each event stands, `[num_events]`.
        has_text: which events have a text; the vectors of the others are zeros, `[num_events]`.
    """

    stored: Stored
    rows: IntArray
    has_text: NDArray[np.bool_]

    @classmethod
    def of(cls, stored: Stored) -> EventText:
        """The texts of as many events as there are vectors, in their order."""
        has_text = np.empty(len(stored), dtype=np.bool_)
        for start in range(0, len(stored), _EVENTS_A_BATCH):
            part = slice(start, start + _EVENTS_A_BATCH)
            has_text[part] = (stored[part] != 0).any(axis=1)
        return cls(stored, np.arange(len(stored)), has_text)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dim(self) -> int:
        return int(self.stored.shape[1])

    def take(self, rows: IntArray | NDArray[np.bool_]) -> EventText:
        """Those of the events at `rows` (positions or a mask); no vector is copied."""
        return EventText(self.stored, self.rows[rows], self.has_text[rows])

    def mean(self) -> FloatArray:
        """Of the events that have a text, zeros where none has, `[text_dim]`."""
        total = np.zeros(self.dim)
        for _, vectors in self._batches(np.flatnonzero(self.has_text)):
            total += vectors.sum(axis=0, dtype=np.float64)
        mean: FloatArray = (total / max(int(self.has_text.sum()), 1)).astype(np.float32)
        return mean

    def sums(self, groups: IntArray, weights: FloatArray, num_groups: int, centre: FloatArray) -> FloatArray:
        """Weighted sum of (vector − centre) over each group's events that have a text, `[num_groups, text_dim]`.

        Args:
            groups: group of each event, `[num_events]`.
            weights: its weight, `[num_events]`.
            num_groups: how many groups there are.
            centre: what is taken from every vector, `[text_dim]`.
        """
        total: FloatArray = np.zeros((num_groups, self.dim), dtype=np.float32)
        order = np.argsort(groups, kind="stable")
        for part, vectors in self._batches(order[self.has_text[order]]):
            # in the order of their groups, so that a batch adds to a few rows that lie together
            first, last = int(groups[part[0]]), int(groups[part[-1]])
            added = (weights[part], groups[part] - first, np.arange(len(part)), last - first + 1, vectors - centre)
            total[first : last + 1] += weighted_sums(*added)
        return total

    def means(self, groups: IntArray, num_groups: int) -> FloatArray:
        """Mean vector of each group's events, zeros where none of them has a text, `[num_groups, text_dim]`."""
        counts = np.bincount(groups, self.has_text, minlength=num_groups)[:, None]
        even, zero = np.ones(len(self), dtype=np.float32), np.zeros(self.dim, dtype=np.float32)
        means: FloatArray = (self.sums(groups, even, num_groups, zero) / np.maximum(counts, 1)).astype(np.float32)
        return means

    def some(self, most: int) -> FloatArray:
        """Vectors of at most so many of the events that have a text, evenly spaced, `[num_some, text_dim]`."""
        told = np.flatnonzero(self.has_text)
        chosen = told[:: max(1, -(-len(told) // most))]
        vectors: FloatArray = self.stored[self.rows[chosen]].astype(np.float32)
        return vectors

    def projected(self, axes: FloatArray, centre: FloatArray) -> FloatArray:
        """(vector − centre) @ axes of each event, zeros where it has no text, `[num_events, dim]`."""
        result = np.zeros((len(self), axes.shape[1]), dtype=np.float32)
        for part, vectors in self._batches(np.flatnonzero(self.has_text)):
            result[part] = (vectors - centre) @ axes
        return result

    def _batches(self, events: IntArray) -> Iterator[tuple[IntArray, FloatArray]]:
        """Positions of some events and their vectors, a batch at a time."""
        for start in range(0, len(events), _EVENTS_A_BATCH):
            part = events[start : start + _EVENTS_A_BATCH]
            yield part, self.stored[self.rows[part]].astype(np.float32)


@dataclass(frozen=True)
class TextVectors:
    """Vectors of what is told of events and of items, each None where nothing is.

    Attributes:
        events: text of each training event.
        items: vector of each item's own text (title, description), `[num_items, text_dim]`.
        context: vector of what each item leads to in the graph (category, maker), `[num_items, context_dim]`.
    """

    events: EventText | None = None
    items: FloatArray | None = None
    context: FloatArray | None = None

    def take(self, rows: IntArray) -> TextVectors:
        """The same with the texts of these events alone."""
        return replace(self, events=None if self.events is None else self.events.take(rows))
