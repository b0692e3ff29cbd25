"""Tables in memory: whatever type a frame gives its columns loads, or ends in an error in terms of Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

import kindred
from kindred.cli.ingest_interactions import TableFlags
from kindred.domain.errors import KindredError, RecordError, SettingsError
from kindred.ingest.tables.memory_tables import Table

USERS = [f"u{n % 4}" for n in range(20)]
ITEMS = [f"i{n % 5}" for n in range(20)]


def frame(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"user": USERS, "item": ITEMS} | columns)


@pytest.mark.parametrize(
    "make",
    [
        lambda: frame().astype({"user": "category", "item": "category"}),
        lambda: frame(rating=pd.array([1, None] * 10, dtype="Int64")),
        lambda: frame(at=pd.date_range("2025-03-30 01:30", periods=20, tz="Europe/Berlin", freq="10min")),
        lambda: frame(user=[n % 4 if n % 3 else str(n % 4) for n in range(20)]),
        lambda: frame(price=pd.cut(pd.Series(range(20)), 3)),
        lambda: frame().set_index(["user", "item"]).assign(rating=1),
        lambda: pl.DataFrame(
            {
                "user": pl.Series(USERS, dtype=pl.Categorical),
                "item": pl.Series(ITEMS, dtype=pl.Enum(sorted({*ITEMS}))),
            }
        ),
        lambda: pl.DataFrame({"user": [{"id": user} for user in USERS], "product": [{"id": item} for item in ITEMS]}),
        lambda: pl.DataFrame({"user": USERS, "item": ITEMS}).lazy(),
        lambda: pyarrow.dataset.dataset(pa.table({"user": USERS, "item": ITEMS})),
        lambda: {"user": USERS, "item": range(20)},
        lambda: [{"user": UUID(int=n % 4), "item": n, "rating": 5} for n in range(20)],
        lambda: (
            {"user": n % 4 if n % 3 else str(n % 4), "item": n} | ({} if n else {"at": datetime.now(UTC)})
            for n in reversed(range(20))
        ),
        lambda: pa.concat_tables(
            [
                pa.table({"user": pa.array(part).dictionary_encode(), "item": ITEMS[:10]})
                for part in (USERS[:10], USERS[10:])
            ]
        ),
    ],
)
def test_frames_of_any_types_load(make: Callable[[], Table]) -> None:
    summary = kindred.read_interactions(make()).summary
    assert {table.name: table.records for table in summary.tables}["User"] == 4
    assert (summary.files[0].file, summary.accepted) == ("table", 20)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"user": [(1,), "a"] * 10, "item": ITEMS}),
        lambda: pd.DataFrame(list(zip(USERS, ITEMS, ITEMS, strict=True)), columns=["user", "item", "item"]),
        lambda: frame(rating=[1j] * 20),
        lambda: [{"user": "u", "item": 1j}],
        lambda: pl.DataFrame({"user": pl.Series([2**70] * 20, dtype=pl.Int128), "item": ITEMS}),
    ],
)
def test_what_has_no_form_in_arrow_is_told_as_such(make: Callable[[], Table]) -> None:
    with pytest.raises(RecordError, match="table has no form in Arrow") as raised:
        kindred.read_interactions(make())
    assert "astype('string')" in raised.value.next_step


def test_columns_that_are_called_by_numbers_are_named_by_them() -> None:
    numbered = frame(rating=[0, 4] * 10).set_axis([0, 1, 2], axis=1)
    data = kindred.read_interactions(numbered, user=0, item=1, rating=2, unrated=0)  # type: ignore[arg-type]
    assert (data.mapping.events.user, data.mapping.events.item, data.mapping.events.unrated) == ("0", "1", "0")
    with pytest.raises(SettingsError, match="user takes a text, got"):
        kindred.read_interactions(numbered, user=["0"])  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, 5, b"user,item", ["user", "item"], [("u", "i")], iter("ab")])
def test_what_is_no_table_is_told_what_is(given: Table) -> None:
    with pytest.raises(SettingsError, match=f"^an? {type(given).__name__} is no table") as raised:
        kindred.read_interactions(given)
    assert "rows as dictionaries" in raised.value.next_step


def test_an_id_that_looks_like_a_list_is_an_id() -> None:
    rows = [{"user": user, "item": "[1]" if item == "i3" else item} for user, item in zip(USERS, ITEMS, strict=True)]
    data = kindred.read_interactions(rows)
    assert (data.mapping.file.unfold, data.summary.accepted) == ("", 20)


def test_what_was_decided_about_a_table_is_warned_of_in_arguments() -> None:
    with pytest.warns(UserWarning, match="rating holds no rating, e.g. 'good': it is not used"):
        assert kindred.read_interactions(frame(rating=["good"] * 20)).mapping.events.rating is None
    ratings = [-1, *range(1, 11)] * 2
    with pytest.warns(UserWarning, match="-1 in rating is read as not rated: unrated=none says otherwise"):
        kindred.read_interactions(frame(rating=ratings[:20]))
    told = kindred.read_interactions(frame(rating=ratings[:20]), unrated="none")
    assert told.summary.files[0].notes == {"no time": 20}


def test_errors_speak_of_arguments_and_of_no_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no column of table is called") as raised:
        kindred.read_interactions(pd.DataFrame({"wer": USERS, "item": ITEMS}))
    assert raised.value.next_step == "name it: user=COLUMN"
    with pytest.raises(RecordError, match="20 of 20 lines of table are bad") as raised:
        kindred.read_interactions(frame(stars=["good"] * 20), rating="stars")
    assert raised.value.next_step == "name a folder= to look at the bad rows, or raise max_bad"
    with pytest.raises(RecordError) as raised:
        kindred.read_interactions(frame(stars=["good"] * 20), rating="stars", folder=tmp_path)
    assert Path(raised.value.next_step.split()[2].rstrip(",")).exists()
    with pytest.raises(KindredError, match="item_table has no column 'nr'"):
        kindred.read_interactions(frame(), item_table=frame(), item_id="nr")


def test_lines_of_orders_and_who_made_them_may_be_two_tables() -> None:
    lines = pd.DataFrame({"order_id": [1, 1, 2], "product_id": ["a", "b", "a"]})
    orders = pd.DataFrame({"order_id": [1, 2], "customer_id": ["u", "v"], "order_date": ["2026-01-02", "2026-01-03"]})
    with pytest.warns(UserWarning, match="users and times are those of order_table, by order_id"):
        data = kindred.read_interactions(lines, order_table=orders)
    assert data.mapping.events.user == "customer_id" and data.summary.files[0].accepted == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.DataFrame({"who": ["u", "v"], "a": [5, None], "b": [1.5, 2]}),
        lambda: pd.DataFrame({"a": [5, None], "b": [1.5, 2]}, index=["u", "v"]),
        lambda: pl.DataFrame({"who": ["u", "v"], "a": [5, None], "b": [1.5, 2]}),
        lambda: pa.table({"who": ["u", "v"], "a": [5, None], "b": [1.5, 2]}),
    ],
)
def test_a_matrix_in_memory_is_an_event_a_cell(make: Callable[[], Table]) -> None:
    with pytest.warns(UserWarning, match="each cell of the matrix is an event"):
        data = kindred.read_interactions(make(), matrix=True)
    counts = {table.name: table.records for table in data.summary.tables}
    assert (counts["User"], counts["Item"], counts["INTERACTED"]) == (2, 2, 3)


def test_options_are_the_same_from_python_and_on_the_command_line(tmp_path: Path) -> None:
    assert {field.name for field in fields(TableFlags)} == kindred.TableOptions.__annotations__.keys()
    with pytest.raises(KindredError, match="no option 'usr' of tables; did you mean user"):
        kindred.read_interactions(frame(), usr="user")  # type: ignore[call-arg]
    path = tmp_path / "t.csv"
    path.write_bytes("u1~é~3\nu2~b~4\n".encode("latin-1"))
    named = {"columns": "user,item,rating", "separator": "~", "encoding": "latin-1"}
    data = kindred.read_interactions(path, **named)  # type: ignore[arg-type]
    assert (data.mapping.events.item, data.mapping.file.encoding, data.summary.accepted) == ("item", "latin-1", 2)
