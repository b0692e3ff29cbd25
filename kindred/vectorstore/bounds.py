"""What the product of each row with a vector is at most, worked out from the numbers that hold the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kindred.domain.embeddings import Vectors
from kindred.domain.interactions import IntArray
from kindred.vectorstore.int8 import CodedVector, Codes

_NUMBERS, _NUMBERS_OF_FEW = 128, 256
_SAMPLE = 4_096
_ROUNDING = 1e-6  # of a squared length in single precision, of rows about as long as 1


@dataclass(frozen=True)
class _Shortened:
    """Rows along the first principal axes in eight bits, and of all that is beside them the length.

    Attributes:
        codes: the rows along these axes.
        others: length of what each row has beside, `[num_rows]`.
    """

    codes: Codes
    others: Vectors

    @staticmethod
    def of(along: Vectors, squares: Vectors) -> _Shortened:
        """Rows as they are along the axes, `[num_rows, num_axes]`, and their squared lengths, `[num_rows]`."""
        return _Shortened(Codes.of(along), _length_beside(squares, along))


@dataclass(frozen=True)
class Bounds:
    """Rows turned to their principal axes: the first numbers in eight bits, of all others their length together.

    The others add to no product more than their length times that of the vector's own others (Cauchy–Schwarz), so no
    row that may be among the best is missed, whatever the data; where the axes hold most, few more rows are found.

    Attributes:
        axes: `[dimension, num_numbers]`.
        of_all: what is read of every row.
        of_few: what is read of some rows, more of each.
    """

    axes: Vectors
    of_all: _Shortened
    of_few: _Shortened

    @staticmethod
    def of(parts: Sequence[Vectors], scales: Sequence[float] | None = None) -> Bounds:
        """The bounds of vectors in memory.

        Args:
            parts: each has some of the numbers, `[num_rows, …]`.
            scales: what the numbers of each part are multiplied by; None to take them as they are.
        """
        times = np.ones(len(parts), np.float32) if scales is None else np.asarray(scales, np.float32)
        sample = np.hstack(
            [scale * part[:: max(1, len(part) // _SAMPLE)] for scale, part in zip(times, parts, strict=True)]
        )
        _, axes = np.linalg.eigh(sample.T.astype(np.float64) @ sample)
        first = np.ascontiguousarray(axes[:, ::-1][:, :_NUMBERS_OF_FEW], np.float32)
        ends = np.cumsum([part.shape[1] for part in parts])
        along = np.zeros((len(parts[0]), first.shape[1]), np.float32)
        squares = np.zeros(len(along), np.float32)
        for scale, part, end in zip(times, parts, ends.tolist(), strict=True):
            along += part @ (scale * first[end - part.shape[1] : end])
            squares += scale**2 * _squares(part)
        return Bounds(first, _Shortened.of(along[:, :_NUMBERS], squares), _Shortened.of(along, squares))

    def of_products(self, vector: Vectors) -> BoundsOfProducts:
        """The bounds of the products of the rows with a vector."""
        return BoundsOfProducts(self, vector @ self.axes, _squares(vector[None]))


@dataclass(frozen=True)
class BoundsOfProducts:
    """Bounds of the products of rows with one vector.

    Attributes:
        rows: their own.
        along: the vector along the axes of the rows, `[num_numbers]`.
        square: its squared length, `[1]`.
    """

    rows: Bounds
    along: Vectors
    square: Vectors

    def at_most(self) -> Vectors:
        """What no product passes, `[num_rows]`."""
        query, beside = self._shortened(self.rows.of_all)
        most, off = self.rows.of_all.codes.estimates(query)
        most += self.rows.of_all.others * beside
        most += np.float32(off)
        return most

    def within(self, chosen: IntArray) -> tuple[Vectors, Vectors]:
        """What the products of some rows are at least, and at most, closer than of all rows."""
        query, beside = self._for_few
        about, off = self.rows.of_few.codes.estimates_of(chosen, query)
        off += self.rows.of_few.others.take(chosen) * beside
        return about - off, about + off

    @cached_property
    def _for_few(self) -> tuple[CodedVector, np.float32]:
        return self._shortened(self.rows.of_few)

    def _shortened(self, rows: _Shortened) -> tuple[CodedVector, np.float32]:
        """As much of the vector as is known of the rows, and the length of what it has beside."""
        along = self.along[: rows.codes.codes.shape[1]]
        return CodedVector.of(along), _length_beside(self.square, along[None])[0]


def _squares(rows: Vectors) -> Vectors:
    """The squared length of each row, `[num_rows]`."""
    squares: Vectors = np.einsum("ij,ij->i", rows, rows)
    return squares


def _length_beside(squares: Vectors, along: Vectors) -> Vectors:
    """The length of what the first axes leave of rows with these squared lengths, rounded up, `[num_rows]`."""
    left: Vectors = np.sqrt(np.maximum(squares - _squares(along), 0) + _ROUNDING * (1 + squares))
    return left
