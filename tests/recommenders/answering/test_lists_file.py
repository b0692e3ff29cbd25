"""Lists of recommendations as a file: the same rows in both formats, with scores where there are any."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kindred.domain.errors import SettingsError
from kindred.recommenders.answering.lists_file import write_lists

SCORED = [("u1", ["a", "b"], [0.5, 0.25]), ("u2", [], [])]
PLAIN = [(user, items, None) for user, items, _ in SCORED]


@pytest.mark.parametrize(("lists", "columns"), [(SCORED, ["user", "tracks", "scores"]), (PLAIN, ["user", "tracks"])])
def test_both_formats_hold_the_same(
    tmp_path: Path, lists: list[tuple[str, list[str], None]], columns: list[str]
) -> None:
    parquet, lines = tmp_path / "new" / "top.parquet", tmp_path / "top.jsonl"
    assert write_lists(parquet, lists, "tracks") == write_lists(lines, lists, "tracks") == 2
    rows = pq.read_table(parquet).to_pylist()
    assert rows == [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    assert [list(row) for row in rows] == [columns, columns]


def test_no_list_is_an_empty_file(tmp_path: Path) -> None:
    assert write_lists(tmp_path / "top.parquet", []) == 0
    assert pq.read_table(tmp_path / "top.parquet").num_rows == 0


def test_a_name_that_promises_another_format_is_refused(tmp_path: Path) -> None:
    for name in ("top.csv", "top.XLSX", "top.jsonl.gz"):
        with pytest.raises(SettingsError, match="which is not written here"):
            write_lists(tmp_path / name, PLAIN)
    assert write_lists(tmp_path / "top.2025-11-28", PLAIN) == 2
