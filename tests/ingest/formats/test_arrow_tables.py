"""Parquet and Arrow as programs write them: columns within columns, views, dictionaries, one name twice."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from kindred.domain.errors import RecordError
from kindred.domain.progress import silent
from kindred.domain.records import Interacted
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.arrow_rows import PARQUET_MAGIC, read_arrow_rows
from kindred.ingest.formats.files import read_rows, unremarked
from kindred.ingest.formats.rows import flattened
from kindred.ingest.formats.source import Parsed, Source
from kindred.ingest.interactions import Tables, interaction_files
from kindred.ingest.tables.mapping import EventColumns, TableMapping

DAY = datetime(2025, 3, 1, tzinfo=UTC)


def understood(path: Path, table: pa.Table) -> Tables:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    return interaction_files(TableMapping(), [path])


def events(tables: Tables) -> list[tuple[str, str, int | None]]:
    found = []
    for row in read_rows(tables.files[0].path, tables.files[0].source, silent):
        assert isinstance(row.value, Mapping)
        event = tables.files[0].source.parse(row.value).records[0]
        assert isinstance(event, Interacted)
        found.append((event.source_id, event.target_id, event.at))
    return found


def test_columns_within_columns_are_found_as_those_of_json_are(tmp_path: Path) -> None:
    users = pa.array([{"id": "u1", "name": "x"}, {"id": "u2", "name": None}])
    shown = pa.array(
        [{"product_id": "a", "at": 10**9 * int(DAY.timestamp())}, {"product_id": "b", "at": None}],
        pa.struct([("product_id", pa.string()), ("at", pa.timestamp("ns"))]),
    )
    tables = understood(tmp_path / "t.parquet", pa.table({"user": users, "shown": shown}))
    assert events(tables) == [("u1", "a", int(DAY.timestamp())), ("u2", "b", None)]
    assert tables.unused["events"] == ["user.name"]


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_keys_of_maps_are_columns_as_those_of_json_are(tmp_path: Path, name: str) -> None:
    kind = pa.map_(pa.string(), pa.string())
    held = pa.array([[("product_id", "a"), ("page", "1")], [("product_id", "b")], None, [("page", "2")]], kind)
    deep = pa.StructArray.from_arrays([held], ["params"])
    times = pa.array([int(DAY.timestamp())] * 4)
    users = pa.array(["u1", "u2", "u3", "u4"])
    tables = understood(tmp_path / name, pa.table({"user_id": users, "event": deep, "time": times}))
    assert tables.mapping.events.item == "event.params.product_id"
    assert tables.unused["events"] == ["event.params.page"]
    values = [row.value for row in read_rows(tables.files[0].path, tables.files[0].source, silent)]
    read = [flattened(value).get("event.params.product_id") for value in values if isinstance(value, Mapping)]
    assert read == ["a", "b", None, None]


def test_a_missing_outer_column_is_a_missing_inner_one(tmp_path: Path) -> None:
    users = pa.array([{"id": "u1"}, None])
    tables = understood(tmp_path / "t.parquet", pa.table({"user": users, "item": ["a", "b"]}))
    *_, last = read_rows(tables.files[0].path, tables.files[0].source, silent)
    assert isinstance(last.value, Mapping)
    with pytest.raises(BadRecord, match="the id is missing"):
        tables.files[0].source.parse(last.value)


def test_entries_of_lists_are_events_as_those_of_json_are(tmp_path: Path) -> None:
    lines = [[{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}], [], [{"sku": "a", "qty": 3}]]
    table = pa.table({"customer": ["u1", "u2", "u3"], "lines": lines, "ordered_at": [DAY] * 3})
    day = int(DAY.timestamp())
    assert events(understood(tmp_path / "t.parquet", table)) == [("u1", "a", day), ("u1", "b", day), ("u3", "a", day)]


def test_lists_beside_that_of_the_items_go_with_it_entry_by_entry(tmp_path: Path) -> None:
    day = int(DAY.timestamp())
    table = pa.table(
        {"user": ["u", "v"], "item_ids": [["a", "b"], ["a"]], "timestamps": [[day, day + 1], [day]], "age": [30, 40]}
    )
    tables = understood(tmp_path / "t.parquet", table)
    assert events(tables) == [("u", "a", day), ("u", "b", day + 1), ("v", "a", day)]
    assert "each entry of the lists in item_ids is an event, and with it that of timestamps" in tables.remarks
    pq.write_table(table.set_column(2, "timestamps", [[[day, day + 1], [day, day]]]), tmp_path / "t.parquet")
    *_, last = read_rows(tables.files[0].path, tables.files[0].source, silent)
    assert isinstance(last.value, BadRecord) and "as many entries as in item_ids, 1," in last.value.message


def test_lists_of_other_lengths_beside_that_of_the_items_are_told_of(tmp_path: Path) -> None:
    table = pa.table({"user": ["u", "v"], "item_ids": [["a", "b"], ["a"]], "ratings": [[4, 5], []], "age": [30, 40]})
    tables = understood(tmp_path / "t.parquet", table)
    assert len(events(tables)) == 3
    [told] = [remark for remark in tables.remarks if remark.startswith("ratings: lists beside item_ids")]
    assert "explode(['item_ids', 'ratings'])" in told


def test_orc_is_read_and_a_text_that_begins_like_it_is_a_text(tmp_path: Path) -> None:
    table = pa.table({"user": ["u"] * 3_000, "item": [f"i{n}" for n in range(3_000)], "at": [DAY] * 3_000})
    orc.write_table(table, tmp_path / "t.orc")
    found = events(interaction_files(TableMapping(), [tmp_path / "t.orc"]))
    assert len(found) == 3_000 and found[-1] == ("u", "i2999", int(DAY.timestamp()))
    (tmp_path / "t.csv").write_text("ORCID,item\nu,a\n")
    named = TableMapping(events=EventColumns(user="ORCID"))
    assert events(interaction_files(named, [tmp_path / "t.csv"])) == [("u", "a", None)]


def test_names_with_points_that_are_plain_columns_stay_so(tmp_path: Path) -> None:
    tables = understood(tmp_path / "t.parquet", pa.table({"user.id": ["u1"], "item.id": ["a"]}))
    assert events(tables) == [("u1", "a", None)]


def test_dictionaries_views_and_uuids_are_read(tmp_path: Path) -> None:
    names = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.uint32()), pa.array(["b", "a"], pa.string_view()))
    keys = pa.array([uuid.UUID(int=1).bytes, uuid.UUID(int=2).bytes], pa.binary(16))
    table = pa.table({"user": pa.ExtensionArray.from_storage(pa.uuid(), keys), "item": names})
    found = events(understood(tmp_path / "t.arrow", table))
    assert [(user[-1], item) for user, item, _ in found] == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(4)])
def test_bytes_that_are_text_are_text(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"user": pa.array([b"2020", b"2021"], kind), "item": pa.array([b"abcd", "éé".encode()], kind)})
    tables = understood(tmp_path / "t.arrow", table)
    assert events(tables) == [("2020", "abcd", None), ("2021", "éé", None)]
    assert tables.choices[0].examples == ("2020", "2021")
    assert tables.remarks == ["no column of times: every event counts as equally old"]


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["u"]), pa.array(["a"]), pa.array(["b"])], names=["user", "item", "item"])
    with pytest.raises(RecordError, match="names a column twice: item"):
        understood(tmp_path / "t.parquet", table)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "t.csv"])
def test_a_name_that_two_columns_have_is_no_fault_where_none_of_them_is_read(name: str, tmp_path: Path) -> None:
    values = [pa.array(["u"]), pa.array(["a"]), pa.array(["x"]), pa.array(["y"])]
    table = pa.Table.from_arrays(values, names=["user", "item", "note", "note"])
    if name == "t.csv":
        (tmp_path / name).write_text("user,item,note,note\nu,a,x,y\n")
        tables = interaction_files(TableMapping(), tmp_path / name)
    else:
        tables = understood(tmp_path / name, table)
    assert [(user, item) for user, item, _ in events(tables)] == [("u", "a")]
    assert tables.unused == {"events": ["note"]}
    with pytest.raises(RecordError, match="names a column twice: note"):
        interaction_files(TableMapping(events=EventColumns(text="note")), tmp_path / name)


def test_a_table_without_columns_is_none(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="there is no column"):
        understood(tmp_path / "t.arrow", pa.table({}))


class _OwnThread(io.BytesIO):
    """A file that notes which threads read it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.readers: set[threading.Thread] = set()

    def read(self, size: int | None = -1) -> bytes:
        self.readers.add(threading.current_thread())
        return super().read(size)


def test_no_other_thread_reads_the_file_since_one_that_outlives_python_aborts_it() -> None:
    kept = io.BytesIO()
    pq.write_table(pa.table({"user": ["a"] * 5_000, "item": ["b"] * 5_000}), kept, row_group_size=1_000)
    file = _OwnThread(kept.getvalue())
    source = Source(["user", "item"], lambda row: Parsed(()))
    assert len(list(read_arrow_rows(Path("t.parquet"), file, PARQUET_MAGIC, source, unremarked))) == 5_000
    assert file.readers == {threading.current_thread()}
