"""Files of users: whatever form the ids come in, each is one, and what is none is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kindred.domain.errors import RecordError
from kindred.ingest.tables.user_lists import read_users


@pytest.mark.parametrize(
    "content",
    [
        b"u5\nu 6\n",
        b"\xef\xbb\xbfu5\r\n\r\nu 6\r\n",
        "\ufeffu5\r\nu 6\r\n".encode("utf-16-le"),
        b"u5\ru 6\r",
        b'"u5"\n"u 6"\n',
        b'["u5", "u 6"]',
        b"user_id,name\nu5,x\nu 6,y\n",
        b"User\nu5\nu 6\n",
        b'{"userId": "u5", "n": 1}\n{"userId": "u 6"}\n',
        b'[{"user": "u5"},\n{"user": "u 6"}]',
    ],
)
def test_ids_come_in_any_form(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "users").write_bytes(content)
    assert read_users(tmp_path / "users") == ["u5", "u 6"]


def test_ids_of_a_parquet_file_and_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": [17.0, 18.0]}), tmp_path / "u.parquet")
    assert read_users(tmp_path / "u.parquet") == ["17", "18"]
    (tmp_path / "n").write_text("17\n007\n")
    assert read_users(tmp_path / "n") == ["17", "007"]


def test_an_id_may_hold_what_parts_cells(tmp_path: Path) -> None:
    (tmp_path / "u").write_text("a,b\n[c]\n")
    assert read_users(tmp_path / "u") == ["a,b", "[c]"]


@pytest.mark.parametrize("head", ["", "user_id\n"])
def test_a_file_in_windows_1252_is_read_in_it(tmp_path: Path, head: str) -> None:
    (tmp_path / "u").write_bytes(f"{head}Jürgen\nZoë\n".encode("cp1252"))
    assert read_users(tmp_path / "u") == ["Jürgen", "Zoë"]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"user_id\n", b"[]"])
def test_no_user_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "u").write_bytes(content)
    with pytest.raises(RecordError, match="holds no user"):
        read_users(tmp_path / "u")


def test_what_holds_no_ids_is_refused(tmp_path: Path) -> None:
    (tmp_path / "u").write_text('{"name": "x"}\n')
    with pytest.raises(RecordError, match="no key of"):
        read_users(tmp_path / "u")
    (tmp_path / "u").write_bytes(b"\xff\x00\xff")
    with pytest.raises(RecordError, match="can't be read"):
        read_users(tmp_path / "u")
    (tmp_path / "u").write_text("user\n1.5e+20\n")
    with pytest.raises(RecordError, match="line 2: wrong_type"):
        read_users(tmp_path / "u")
