"""Tables parted by folders: what their names say is a column of every row in them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kindred.domain.progress import silent
from kindred.domain.records import Interacted
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.partitions import partition_of
from kindred.ingest.interactions import interaction_files
from kindred.ingest.sources.amazon import METADATA
from kindred.ingest.tables.mapping import TableMapping


def events(folder: Path) -> list[tuple[str, str, int | None]]:
    found = []
    for file in interaction_files(TableMapping(), [folder]).files:
        for row in read_rows(file.path, file.source, silent):
            assert not isinstance(row.value, BadRecord)
            event = file.source.parse(row.value).records[0]
            assert isinstance(event, Interacted)
            found.append((event.source_id, event.target_id, event.at))
    return found


def test_days_and_users_may_stand_in_names_of_folders(tmp_path: Path) -> None:
    for day in ("2025-03-01", "2025-03-02", "__HIVE_DEFAULT_PARTITION__"):
        for user in ("u%201", "u2"):
            folder = tmp_path / f"event_date={day}" / f"user_id={user}"
            folder.mkdir(parents=True)
            pq.write_table(pa.table({"item": ["a"]}), folder / "part-0.parquet")
    (tmp_path / "_SUCCESS").touch()
    assert events(tmp_path) == [
        ("u 1", "a", 1740787200),
        ("u2", "a", 1740787200),
        ("u 1", "a", 1740873600),
        ("u2", "a", 1740873600),
        ("u 1", "a", None),
        ("u2", "a", None),
    ]


def test_a_column_of_the_file_goes_first_and_text_is_parted_too(tmp_path: Path) -> None:
    for name, text in (
        ("a.csv", "user,item\nu1,a\n"),
        ("b.jsonl", '{"user": "u2", "item": "b", "date": "2025-03-02"}'),
    ):
        (tmp_path / "date=2025-03-01").mkdir(exist_ok=True)
        (tmp_path / "date=2025-03-01" / name).write_text(text)
    assert events(tmp_path) == [("u1", "a", 1740787200), ("u2", "b", 1740873600)]


def test_every_source_knows_them_and_other_names_mean_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "brand=Acme" / "run=7"
    folder.mkdir(parents=True)
    (folder / "m.jsonl").write_text('{"asin": "P1", "title": "Pan"}')
    [row] = read_rows(folder / "m.jsonl", METADATA, silent)
    assert row.value == {"brand": "Acme", "asin": "P1", "title": "Pan"}
    assert partition_of(Path("/a=b c/=x/1=2/user=u/x=y.csv")) == {"a": "b c", "user": "u"}
