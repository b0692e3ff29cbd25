from __future__ import annotations

import pyarrow as pa
import pytest

from kindred.domain.arrow_values import flags_array, known_of, texts_array, values_of

COLUMNS = {
    "whole": pa.array([3, None, -5, 7, None, 9], pa.int64()),
    "small": pa.array([1.5, None, 2.5], pa.float32()),
    "halves": pa.array([1.5, 2.5, 3.5], pa.float16()),
    "all known": pa.array([1.0, 2.0], pa.float64()),
    "flags": pa.array([True, None, False, True] * 5, pa.bool_()),
    "nothing known": pa.nulls(4, pa.int64()),
    "of no kind": pa.nulls(3),
    "empty": pa.array([], pa.float64()),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_values_are_those_of_the_column_wherever_it_was_cut(name: str) -> None:
    column = COLUMNS[name]
    cuts = [column, *(column.slice(start, 9) for start in range(len(column)))]
    chunks = pa.chunked_array([column, column.slice(1), column.slice(2)], column.type)
    for cut in [*cuts, chunks, pa.chunked_array([], column.type)]:
        values, known = values_of(cut)
        assert known.tolist() == [value is not None for value in cut.to_pylist()]
        assert values.tolist() == [value or 0 for value in cut.to_pylist()]
    texts = pa.array([["a"], None, []], pa.list_(pa.string()))
    assert known_of(texts.slice(1)).tolist() == [False, True]


def test_arrays_hold_what_they_are_made_of() -> None:
    texts = ["", None, "ä漢🎸", "b" * 70, None, "c", "d", "e", "f"]
    assert texts_array(texts).equals(pa.array(texts)) and texts_array([]).equals(pa.array([], pa.string()))
    flags = [True, False, False, True, True, False, True, True, True]
    assert flags_array(pa.array(flags).to_numpy(zero_copy_only=False)).equals(pa.array(flags))
