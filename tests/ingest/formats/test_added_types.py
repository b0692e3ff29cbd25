"""Columns of types that pandas and DuckDB add to those of Arrow mean in files what they mean there."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pyarrow as pa
import pytest

from kindred.ingest.formats.added_types import in_plain_types
from kindred.ingest.interactions import interaction_files
from kindred.ingest.tables.mapping import TableMapping
from kindred.ingest.tables.memory_tables import file_of
from tests.ingest.tables.test_interactions import events_of, short

CALENDAR = ["D", "B", "W-SUN", "W-WED", "W-SAT", "M", "Q-DEC", "Q-MAR", "Y-DEC", "Y-JUN"]
CLOCK = ["h", "min", "s", "ms", "us", "ns"]
TIMES = pandas.to_datetime(["2025-03-05 10:00:07", "1999-12-31 23:59:00", "2024-02-29 00:00:00"])


def starts(found: pa.Array) -> list[pandas.Timestamp | None]:
    return [None if time is None else pandas.Timestamp(time) for time in found.to_pylist()]


@pytest.mark.parametrize("frequency", CALENDAR + CLOCK)
@pytest.mark.filterwarnings("ignore:Period with BDay")
@pytest.mark.filterwarnings("ignore:PeriodDtype.B")
def test_periods_are_the_times_at_which_they_begin(frequency: str) -> None:
    periods = pandas.Series(TIMES.to_period(frequency))
    wanted = [*periods.dt.start_time, None]
    added = pa.array(pandas.concat([periods, pandas.Series([pandas.NaT], dtype=periods.dtype)]))
    assert starts(in_plain_types(added)) == wanted
    told = {"ARROW:extension:name": "pandas.period", "ARROW:extension:metadata": json.dumps({"freq": frequency})}
    field = pa.field("at", pa.int64(), metadata=told)
    assert starts(in_plain_types(added.storage, field)) == wanted  # where no pandas is there to know the type


def test_a_frame_and_a_file_with_periods_have_their_times(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"user": ["007", "b"], "item": ["x", "y"], "at": TIMES[:2].to_period("M")})
    wanted = [("007", "x", None, 1740787200), ("b", "y", None, 944006400)]
    frame.to_parquet(tmp_path / "t.parquet")
    assert short(events_of(interaction_files(TableMapping(), [tmp_path / "t.parquet"]))) == wanted
    with file_of(frame, "table", as_text=False) as path:
        assert short(events_of(interaction_files(TableMapping(), [path]))) == wanted


def test_what_pandas_adds_without_a_known_length_stays_as_it_is() -> None:
    numbers = pa.array([1, 2])
    told = {"ARROW:extension:name": "pandas.period", "ARROW:extension:metadata": '{"freq": "C"}'}
    assert in_plain_types(numbers, pa.field("at", pa.int64(), metadata=told)).equals(numbers)
    assert in_plain_types(pa.array(pandas.array([pandas.Interval(0, 1)]))).type == pa.struct(
        [("left", pa.int64()), ("right", pa.int64())]
    )


@pytest.mark.parametrize(
    ("kind", "storage", "values", "wanted"),
    [  # as DuckDB 2.0 hands them over
        (
            "bignum",
            pa.binary(),
            [
                b"\x80\0\1\1",
                b"\x7f\xff\xfe\xfe",
                b"\x80\0\x09\1" + bytes(8),
                b"\x80\0\1\0",
                b"\x80\7\xd0" + b"\1" * 2_000,
            ],
            ["1", "-1", "18446744073709551616", "0", "01" * 2_000],
        ),
        ("hugeint", pa.binary(16), [b"\1" + bytes(15), b"\xff" * 16], ["1", "-1"]),
        ("uhugeint", pa.binary(16), [b"\xff" * 16], ["340282366920938463463374607431768211455"]),
        ("bit", pa.binary(), [b"\4\xf5"], ["0101"]),
    ],
)
def test_integers_of_duckdb_are_the_numbers_they_are(
    kind: str, storage: pa.DataType, values: list[bytes], wanted: list[str]
) -> None:
    column = pa.array([*values, None], storage)
    added = pa.ExtensionArray.from_storage(pa.opaque(storage, kind, "DuckDB"), column)
    assert in_plain_types(added).to_pylist() == [*wanted, None]
    other = pa.ExtensionArray.from_storage(pa.opaque(storage, kind, "another"), column)
    assert in_plain_types(other).equals(column)
