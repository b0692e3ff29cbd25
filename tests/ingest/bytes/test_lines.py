from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.lines import BUFFER_BYTES, KEPT_BYTES, MAX_LINE_BYTES, Line, read_lines
from kindred.ingest.bytes.opening import open_file


def lines_of(path: Path) -> list[Line]:
    with open_file(path) as file:
        return list(read_lines(file.content))


@pytest.mark.parametrize("packed", [False, True])
def test_lines_are_numbered_and_keep_every_byte(tmp_path: Path, packed: bool) -> None:
    content = b'\xef\xbb\xbfone\n\n"tw\r\xffo"\r\nlast'
    path = tmp_path / "any.name"
    path.write_bytes(gzip.compress(content) if packed else content)
    assert [(line.number, line.raw) for line in lines_of(path)] == [
        (1, b"one"),
        (2, b""),
        (3, b'"tw\r\xffo"\r'),
        (4, b"last"),
    ]


def test_each_way_to_end_a_line_ends_one_in_files_that_were_joined(tmp_path: Path) -> None:
    """Wherever a part is read up to; what stands within quotes is text."""
    path, mac, win = tmp_path / "lines", b'5" pipe,"c ""d""",\\"', b'{"a": "C:\\\\"}'
    for many in (1, 3, 100_000):
        joined = b"\xef\xbb\xbffirst\n", (mac + b"\r") * many, b"\xef\xbb\xbf", (win + b"\r\n") * many
        path.write_bytes(b"".join(joined) + b'\xef\xbb\xbflast,"a\rb"\r')
        found = [line.raw.removesuffix(b"\r") for line in lines_of(path)]
        assert found == [b"first", *[mac] * many, *[win] * many, b'last,"a\rb"']


@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_limit_is_exact(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(
        b"a" * MAX_LINE_BYTES + b"\n" + b"b" * (MAX_LINE_BYTES + 1) + b"\nc\n" + b"d" * MAX_LINE_BYTES + end
    )
    found = lines_of(path)
    assert [line.length for line in found] == [MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 1, MAX_LINE_BYTES]
    assert [line.length > MAX_LINE_BYTES for line in found] == [False, True, False, False]
    assert found[1].raw == b"b" * KEPT_BYTES


def test_a_line_without_end_stays_out_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "endless.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"x" * MAX_LINE_BYTES)
        file.write(b"\nshort\n")
    tracemalloc.start()
    found = lines_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [line.length for line in found] == [40 * MAX_LINE_BYTES, 5]
    assert peak < 6 * MAX_LINE_BYTES


def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    cut_off = tmp_path / "cut.gz"
    cut_off.write_bytes(gzip.compress(b"line\n" * 10_000)[:-20])
    wrong = {tmp_path / "none": "does not exist", tmp_path: "is a folder", cut_off: "packed and broken"}
    for path, message in wrong.items():
        with pytest.raises(RecordError, match=message):
            lines_of(path)


def test_a_json_text_sequence_is_read_as_the_lines_that_it_holds(tmp_path: Path) -> None:
    lines = [b'{"user": "u%d", "item": "i%d"}\n' % (row % 7, row % 11) for row in range(5_000)]
    path = tmp_path / "sequence.json"
    path.write_bytes(b"".join(b"\x1e" + line for line in lines))
    with open_file(path) as opened:
        assert opened.content.read() == b"".join(lines)
    path.write_bytes(b"\x1e" * (3 * BUFFER_BYTES) + lines[0])
    with open_file(path) as opened:
        assert opened.content.read().strip() == lines[0].strip(), "separators alone are not the end"
