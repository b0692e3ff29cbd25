"""At most how much the product of each row with a vector is, worked out from the numbers that hold the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kindred.domain.embeddings import Vectors
from kindred.vectorstore.int8 import Codes

_NUMBERS = 128
_SAMPLE = 8_192
_ROUNDING = 1e-6  # of a squared length in single precision, of rows about as long as 1


@dataclass(frozen=True)
class Bounds:
    """Rows turned to their principal axes: the first numbers in eight bits, of all others their length together.

    The others add to no product more than their length times that of the vector's own others (Cauchy–Schwarz), so no
    row that may be among the best is missed, whatever the data; where the axes hold most, few more rows are found.

    Attributes:
        axes: `[dimension, num_numbers]`.
        codes: the rows along these axes.
        others: length of what each row has beside, `[num_rows]`.
    """

    axes: Vectors
    codes: Codes
    others: Vectors

    @staticmethod
    def of(parts: Sequence[Vectors]) -> Bounds:
        """The bounds of vectors in memory, of which each part has some of the numbers, `[num_rows, …]` each."""
        sample = np.hstack([part[:: max(1, len(part) // _SAMPLE)] for part in parts]).astype(np.float64)
        _, axes = np.linalg.eigh(sample.T @ sample)
        first = np.ascontiguousarray(axes[:, ::-1][:, :_NUMBERS], np.float32)
        ends = np.cumsum([part.shape[1] for part in parts])
        along = np.zeros((len(parts[0]), first.shape[1]), np.float32)
        squares = np.zeros(len(along), np.float32)
        for part, end in zip(parts, ends.tolist(), strict=True):
            along += part @ first[end - part.shape[1] : end]
            squares += _squares(part)
        return Bounds(first, Codes.of(along), _length_beside(squares, along))

    def at_most(self, vector: Vectors) -> Vectors:
        """What no product of a row with a vector passes, `[num_rows]`."""
        along = vector @ self.axes
        most, off = self.codes.estimates(along)
        most += self.others * _length_beside(_squares(vector[None]), along[None])
        most += np.float32(off)
        return most


def _squares(rows: Vectors) -> Vectors:
    """The squared length of each row, `[num_rows]`."""
    squares: Vectors = np.einsum("ij,ij->i", rows, rows)
    return squares


def _length_beside(squares: Vectors, along: Vectors) -> Vectors:
    """The length of what the first axes leave of rows with these squared lengths, rounded up, `[num_rows]`."""
    left: Vectors = np.sqrt(np.maximum(squares - _squares(along), 0) + _ROUNDING * (1 + squares))
    return left
