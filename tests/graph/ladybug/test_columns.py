from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindred.domain.errors import SchemaError, StoreError
from kindred.graph.ladybug.columns import NO_ROW, RowColumns
from tests.graph.graphs import BOOK, HALVES, table_of

WORDS = ["", "a", None, "Straße 🙂", "x" * 5_000]


def columns_in(folder: Path, writable: bool = True) -> RowColumns:
    return RowColumns(folder, BOOK.properties, writable=writable)


def batch(titles: list[str | None], vectors: bool = True) -> dict[str, pa.ChunkedArray]:
    rows = [
        {"title": title, "title_embedding": None if title is None else [len(title), i, 0.5]}
        for i, title in enumerate(titles)
    ]
    columns = table_of(BOOK, rows, ["title", "title_embedding"])
    return {name: columns[name] for name in (["title", "title_embedding"] if vectors else ["title"])}


def titles(columns: RowColumns, rows: list[int]) -> list[str | None]:
    found: list[str | None] = columns.take("title", np.array(rows, np.int64)).to_pylist()
    return found


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), min_size=1, max_size=5), st.data())
@settings(max_examples=25, deadline=None)
def test_rows_come_back_in_any_order_after_any_batches(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str | None]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("columns") / "Book"
    columns = columns_in(folder)
    numbers = np.concatenate([columns.append(batch(part), len(part)) for part in batches])
    everything = [title for part in batches for title in part]
    assert numbers.tolist() == list(range(len(everything)))
    rows = data.draw(st.lists(st.sampled_from([NO_ROW, *numbers.tolist()]), max_size=10))
    expected = [None if row == NO_ROW else everything[row] for row in rows]
    for store in (columns, columns_in(folder), columns_in(folder, writable=False)):
        if rows:
            assert titles(store, rows) == expected
            vectors = store.take("title_embedding", np.array(rows, np.int64)).to_pylist()
            assert [None if v is None else v[0] for v in vectors] == [
                None if title is None else len(title) for title in expected
            ]


def test_a_run_of_rows_is_mapped_and_not_copied(tmp_path: Path) -> None:
    columns = columns_in(tmp_path / "Book")
    columns.append(batch(["title"] * 5_000), 5_000)
    before = pa.total_allocated_bytes()
    taken = columns.take("title_embedding", np.arange(100, 4_900))
    assert pa.total_allocated_bytes() - before < 4_096
    assert taken.type == HALVES and taken[0].as_py() == [5, 100, 0.5]


def test_a_column_that_a_batch_lacks_is_null_there(tmp_path: Path) -> None:
    columns = columns_in(tmp_path / "Book")
    columns.append(batch(["a"], vectors=False), 1)
    assert columns.vector_lengths == {}
    columns.append(batch(["b"]), 1)
    assert columns.append({}, 1).tolist() == [NO_ROW]
    assert columns.vector_lengths == {"title_embedding": 3}
    assert columns.take("title_embedding", np.array([0, 1, NO_ROW])).is_valid().to_pylist() == [
        False,
        True,
        False,
    ]
    assert titles(columns, [0, 1, NO_ROW]) == ["a", "b", None]
    assert columns.take("blurb", np.array([0, 1, NO_ROW])).to_pylist() == [None] * 3


@pytest.mark.parametrize(
    "file", ["title.text", "title.ends", "title.known", "title_embedding.3.f16", "title_embedding.known"]
)
@pytest.mark.parametrize("cut", [1, 3, 8, 200])
def test_a_tail_that_was_cut_off_is_ignored_and_written_over(tmp_path: Path, file: str, cut: int) -> None:
    folder = tmp_path / "Book"
    columns = columns_in(folder)
    columns.append(batch(["kept one", "kept two"]), 2)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    columns.append(batch([f"torn {i}" * 9 for i in range(40)]), 40)
    size = (folder / file).stat().st_size
    os.truncate(folder / file, max(sizes[file], size - cut))
    reopened = columns_in(folder)
    assert titles(reopened, [1, 0]) == ["kept two", "kept one"]
    numbers = reopened.append(batch(["new", None]), 2)
    assert numbers[0] >= 2
    for store in (reopened, columns_in(folder)):
        assert titles(store, [0, *numbers]) == ["kept one", "new", None]
        vectors = store.take("title_embedding", np.array([1, *numbers])).to_pylist()
        assert vectors == [[8, 1, 0.5], [3, 0, 0.5], None]


def test_a_row_that_was_never_written_is_an_error_and_no_guess(tmp_path: Path) -> None:
    columns = columns_in(tmp_path / "Book")
    columns.append(batch(["a"]), 1)
    with pytest.raises(StoreError, match="points at row 1"):
        columns.take("title", np.array([1]))


def test_vectors_of_another_length_are_refused(tmp_path: Path) -> None:
    columns = columns_in(tmp_path / "Book")
    columns.append(batch(["a"]), 1)
    columns.check_lengths("Book", {"title_embedding": 3, "other": 9})
    with pytest.raises(SchemaError, match=r"Book\.title_embedding holds vectors of length 3, got 4"):
        columns.check_lengths("Book", {"title_embedding": 4})


def test_a_full_disk_is_an_error_of_the_store_and_leaves_no_half_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Book"
    columns = columns_in(folder)
    columns.append(batch(["a"]), 1)
    calls = []

    def no_space(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(StoreError, match="No space left"):
        patched.setattr(os, "fsync", no_space)
        columns.append(batch(["lost"]), 1)
    (number,) = columns.append(batch(["b"]), 1)
    assert titles(columns, [0, number]) == titles(columns_in(folder), [0, number]) == ["a", "b"]
