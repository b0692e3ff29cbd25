"""Distinct integers, and pairs of them, by sorting: `np.unique` hashes since NumPy 2.3, for ten times as long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from kindred.domain.groups import spans
from kindred.domain.interactions import IntArray


def distinct(*parts: IntArray) -> IntArray:
    """Every value of one or more arrays once, ascending."""
    ordered = np.sort(np.concatenate(parts) if len(parts) > 1 else parts[0], axis=None)
    is_new = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=is_new[1:])
    values: IntArray = ordered[is_new]
    return values


@dataclass(frozen=True)
class DistinctPairs:
    """The distinct targets of each source, ascending, source by source.

    Attributes:
        offsets: source s has the targets from `offsets[s]` to `offsets[s + 1]`, `[num_sources + 1]`.
        targets: `[num_pairs]`.
        num_targets: how many targets there are.
    """

    offsets: IntArray
    targets: IntArray
    num_targets: int

    @classmethod
    def of(cls, source_index: IntArray, target_index: IntArray, num_sources: int, num_targets: int) -> Self:
        """The distinct pairs of these events."""
        pairs = distinct(source_index * np.int64(num_targets) + target_index)
        counts = np.bincount(pairs // num_targets, minlength=num_sources)
        return cls(np.concatenate([[0], np.cumsum(counts)]), pairs % num_targets, num_targets)

    def rows_and_targets(self, sources: IntArray) -> tuple[IntArray, IntArray]:
        """Row within `sources` and target of every pair, both `[num_pairs]`, rows ascending."""
        counts = self.offsets[sources + 1] - self.offsets[sources]
        return np.repeat(np.arange(len(sources)), counts), self.targets[spans(self.offsets[sources], counts)]
