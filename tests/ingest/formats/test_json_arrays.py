"""A file that is one JSON array gives its elements one by one, byte for byte, in bounded memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kindred.ingest.bytes.lines import BUFFER_BYTES, KEPT_BYTES, MAX_LINE_BYTES, Line
from kindred.ingest.formats.json_arrays import read_array

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def elements(content: bytes) -> list[Line]:
    return list(read_array(Path("array.json"), io.BufferedReader(io.BytesIO(content), 64)))  # type: ignore[arg-type]


@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 0, 3]), st.booleans())
def test_elements_are_what_was_written(values: list[object], indent: int | None, escaped: bool) -> None:
    found = elements(json.dumps(values, indent=indent, ensure_ascii=escaped).encode(errors="surrogatepass"))
    assert [json.loads(line.raw.decode(errors="surrogatepass")) for line in found] == values
    assert [line.number for line in found] == list(range(1, len(values) + 1))


def test_elements_that_cross_the_edge_of_what_is_read_at_once_stay_whole() -> None:
    values = [{"text": "é" * (BUFFER_BYTES // 5), "n": 10**n} for n in range(12)] + [123456789]
    assert [json.loads(line.raw) for line in elements(json.dumps(values, ensure_ascii=False).encode())] == values


def test_bytes_that_are_no_utf8_come_out_as_they_were() -> None:
    assert [line.raw for line in elements(b'[{"a": "caf\xe9"}, 2]')] == [b'{"a": "caf\xe9"}', b"2"]


def test_an_element_that_is_too_long_is_cut_and_tells_its_length() -> None:
    long, short = elements(json.dumps(["x" * (3 * MAX_LINE_BYTES), 1]).encode())
    assert (len(long.raw), long.length, short.raw) == (KEPT_BYTES, 3 * MAX_LINE_BYTES + 2, b"1")


def test_memory_does_not_grow_with_the_array(tmp_path: Path) -> None:
    path = tmp_path / "array.json"
    with path.open("w") as file:
        file.write("[0")
        for n in range(200_000):
            file.write(f', {{"user": "u{n}", "item": "a somewhat longer name of an item {n}"}}')
        file.write("]")
    tracemalloc.start()
    with path.open("rb") as content:
        count = sum(1 for _ in read_array(path, content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_001 and peak < 8 * BUFFER_BYTES < path.stat().st_size / 4
