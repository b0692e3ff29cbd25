"""IdMap: the bijection between external ids and positions (rows of a tensor)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

_FEW_ROWS = 2_000
"""So many ids are looked up one by one before Arrow is worth loading."""
Scalar = TypeVar("Scalar", bound=np.generic)


class IdMap:
    """External ids in the order of their positions; order is theirs, uniqueness is checked.

    Use `IdMap.sorted` where the order must not depend on how the data arrived.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = tuple(ids)
        self._positions = {external: position for position, external in enumerate(self._ids)}
        if len(self._positions) != len(self._ids):
            raise SchemaError(f"{len(self._ids) - len(self._positions)} ids appear twice", "deduplicate them first")

    @classmethod
    def sorted(cls, ids: Iterable[str]) -> IdMap:
        """The distinct ids in lexicographic order, whatever order they arrived in."""
        return cls(sorted(set(ids)))

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __contains__(self, external: object) -> bool:
        return external in self._positions

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdMap) and self._ids == other._ids

    def __hash__(self) -> int:
        return hash(self._ids)

    @property
    def ids(self) -> tuple[str, ...]:
        return self._ids

    def external(self, position: int) -> str:
        return self._ids[position]

    def position(self, external: str) -> int | None:
        """Position of that id, None where it is unknown."""
        return self._positions.get(external)

    def positions(self, externals: Sequence[str]) -> NDArray[np.int64]:
        """Positions, −1 for unknown ids, `[len(externals)]`."""
        return np.fromiter(map(self._positions.get, externals, repeat(-1)), np.int64, len(externals))

    def known_positions(self, externals: Iterable[str]) -> NDArray[np.int64]:
        """Positions of those ids that are known, the others left out."""
        return np.fromiter((self._positions[e] for e in externals if e in self._positions), np.int64)

    def positions_of_column(self, column: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
        """Positions of an Arrow column, −1 for unknown ids; vectorised for millions of rows."""
        if len(column) <= _FEW_ROWS:
            return self.positions(column.to_pylist())
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.index_in(column, value_set=pa.array(self._ids, type=column.type))
        positions: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
        return positions


def rows_at(values: NDArray[Scalar], positions: NDArray[np.int64]) -> NDArray[Scalar]:
    """The rows of an array at these positions, zeros where a position is −1, `[num_positions, …]`."""
    rows = np.zeros((len(positions), *values.shape[1:]), dtype=values.dtype)
    known = positions >= 0
    rows[known] = values[positions[known]]
    return rows


def gone_since(listed: Collection[str], there: IdMap) -> frozenset[str]:
    """Those listed that are not there; none where most are not, for then that is another graph."""
    gone = frozenset(node for node in listed if node not in there)
    return gone if 2 * len(gone) <= len(listed) else frozenset()
