"""Random samples that are equal on every machine and with every release of numpy.

Only the raw stream of PCG64 is used, which numpy promises never to change (NEP 19; it makes no such promise for the
methods of `Generator`), and only operations whose result IEEE 754 fixes: + − × ÷ and comparisons, with sums in index
order. Logarithms, powers and sines may differ in their last bit between processors, so this package uses none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray


class Sampler:
    """A stream of random numbers of its own for each key, so that one part of the data can be made without the others.

    Args:
        key: non-negative integers, e.g. seed, purpose, chunk.
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def uniform(self, *shape: int) -> DoubleArray:
        """Values in [0, 1)."""
        raw = self._bits.random_raw(int(np.prod(shape)))
        return ((raw >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def bell(self, *shape: int) -> DoubleArray:
        """Values of mean 0 and deviation 1 within ±3.5: four uniforms summed, close to normal without a logarithm."""
        parts = self.uniform(4, *shape)
        total: DoubleArray = (parts[0] + parts[1] + parts[2] + parts[3] - 2.0) * 1.7320508075688772
        return total

    def noise(self, *shape: int) -> NDArray[np.float32]:
        """The same as `bell`, of one raw number each: four pieces of 16 bits summed. For large arrays."""
        pieces = self._bits.random_raw(int(np.prod(shape))).view(np.uint16).reshape(-1, 4)
        total = pieces[:, 0].astype(np.int32)
        for number in range(1, 4):
            total += pieces[:, number]
        scaled: NDArray[np.float32] = (total - 2 * 65_535).astype(np.float32) * np.float32(1.7320508 / 65_536)
        return scaled.reshape(shape)

    def below(self, limits: IntArray) -> IntArray:
        """One integer in [0, limit) for each limit, 0 where the limit is 0, of the shape of `limits`."""
        sampled: IntArray = (self.uniform(*limits.shape) * limits).astype(np.int64)
        return sampled

    def chance(self, probability: float | DoubleArray, num: int) -> NDArray[np.bool_]:
        """True with that probability, `[num]`."""
        return self.uniform(num) < probability

    def weighted(self, cumulative: DoubleArray, num: int) -> IntArray:
        """Positions sampled in proportion to the weights whose running sum is `cumulative`, `[num]`."""
        found = np.searchsorted(cumulative, self.uniform(num) * cumulative[-1], side="right")
        positions: IntArray = np.minimum(found, len(cumulative) - 1).astype(np.int64)
        return positions

    def order(self, num: int) -> IntArray:
        """A permutation of 0 … num − 1."""
        permutation: IntArray = np.argsort(self.uniform(num), kind="stable").astype(np.int64)
        return permutation


def one_allowed(allowed: NDArray[np.bool_], sampler: Sampler) -> IntArray:
    """A column of each row that is true there, all with the same chance, `[num_rows]`."""
    key = sampler.uniform(*allowed.shape)
    column: IntArray = np.argmax(np.where(allowed, key, -1.0), axis=1).astype(np.int64)
    return column


def apportion(total: int, weights: DoubleArray, caps: IntArray) -> IntArray:
    """Whole shares that sum to `total` exactly, in proportion to `weights` as far as `caps` allow.

    Args:
        total: what is shared out, at most the sum of `caps`.
    """
    exact = weights / np.cumsum(weights)[-1] * total
    shares: IntArray = np.minimum(exact.astype(np.int64), caps)
    by_need = np.argsort(-(exact - shares), kind="stable")
    while (left := total - int(shares.sum())) > 0:
        open_for_more = by_need[shares[by_need] < caps[by_need]]
        shares[open_for_more[:left]] += 1
    return shares
