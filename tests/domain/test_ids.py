from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.errors import SchemaError
from kindred.domain.ids import IdMap

ids = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=50)


@given(ids)
def test_position_and_external_are_inverse(externals: list[str]) -> None:
    id_map = IdMap(externals)
    assert [id_map.external(p) for p in id_map.positions(externals)] == externals
    assert len(id_map) == len(externals)


@given(ids, st.text(min_size=1, max_size=8))
def test_unknown_ids_are_minus_one_everywhere(externals: list[str], asked: str) -> None:
    id_map = IdMap(externals)
    expected = externals.index(asked) if asked in externals else -1
    assert id_map.positions([asked]).tolist() == [expected]
    assert (id_map.position(asked) if asked in id_map else -1) == expected


@given(st.lists(st.text(alphabet="abc é漢🎸", min_size=1, max_size=4), max_size=50))
def test_column_lookup_equals_list_lookup(externals: list[str]) -> None:
    id_map = IdMap.sorted(externals[::2])
    column = pa.chunked_array([pa.array(externals, type=pa.string())])
    assert np.array_equal(id_map.positions_of_column(column), id_map.positions(externals))


@given(st.permutations(["b", "a", "ab", "é", "Z"]))
def test_sorted_map_does_not_depend_on_arrival(externals: list[str]) -> None:
    assert IdMap.sorted(externals) == IdMap.sorted(reversed(externals))


def test_twice_the_same_id_is_refused() -> None:
    with pytest.raises(SchemaError, match="twice"):
        IdMap(["a", "b", "a"])


def test_positions_of_known_ids_leave_the_others_out():
    ids = IdMap(["a", "b", "c"])
    assert ids.known_positions(["c", "none", "a", "c"]).tolist() == [2, 0, 2]
    assert ids.known_positions([]).tolist() == []
