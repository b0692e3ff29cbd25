"""Damage to any file of an embedded graph is noticed and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kindred.domain.errors import StoreError
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.open import open_to_read
from kindred.graph.statistics import graph_statistics
from kindred.graph.verify import verify_graph
from tests.graph.graphs import BOOK, LIKED, SCHEMA, like, make_library, table_of

Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


DAMAGES: dict[str, Damage] = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(
        path.read_bytes()[:-2]
    ),  # the last byte may be a line feed, which says nothing
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "gone": lambda path: path.unlink(),
    "flipped": flip,
    "overwritten": lambda path: path.write_bytes(b"?" * path.stat().st_size),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "graph"
    for number in range(2):  # the second writer goes on with the checksums of the first
        with closing(EmbeddedGraph(folder)) as store:
            make_library(store)
            store.write_metadata("encoder", "a")
            store.upsert_nodes(
                BOOK, table_of(BOOK, [{"id": f"b{number + 1}", "blurb": "b", "title_embedding": [1, 2, 3]}])
            )
            store.upsert_edges(LIKED, table_of(LIKED, [like(f"e{number}", text="words", text_embedding=[3, 2, 1])]))
    return folder


def files_of(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    return sorted(path.relative_to(folder).as_posix() for path in found if path.name not in ("lock", "mending"))


def test_what_was_closed_is_whole(whole: Path) -> None:
    assert verify_graph(f"ladybug:{whole}") == []
    assert {"graph.lbug", "columns/Reader-LIKED-Book/text.text"} <= set(files_of(whole))


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_damage_changes_an_answer_without_a_word(whole: Path, tmp_path: Path, damage: str) -> None:
    with closing(open_to_read(f"ladybug:{whole}", SCHEMA)) as store:
        expected = graph_statistics(store, SCHEMA)
    for number, name in enumerate(files_of(whole)):
        if name == "mending" or (damage == "gone" and name == "seal.json"):
            continue
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        DAMAGES[damage](folder / name)
        problems = verify_graph(f"ladybug:{folder}")
        try:
            with closing(open_to_read(f"ladybug:{folder}", SCHEMA)) as store:
                found = graph_statistics(store, SCHEMA)
        except StoreError as error:
            assert name.rpartition("/")[2] in error.message and error.next_step, (name, str(error))
            assert problems or not name.startswith("columns/")
        else:
            assert found == expected, name
        assert damage == "longer" or any(name in problem for problem in problems), name


@pytest.mark.parametrize("name", ["seal.json", "metadata.json"])
def test_a_changed_digit_in_what_is_noted_of_a_graph_is_told_of_that_file(
    name: str, whole: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole, tmp_path / "graph")
    noted = (folder / name).read_text()
    (folder / name).write_text(noted.replace('"size": ', '"size": 1', 1).replace('"format": 1', '"format": 2'))
    with pytest.raises(StoreError, match=f"{name}.*not what was written"):
        open_to_read(f"ladybug:{folder}", SCHEMA)
    (folder / "seal.json").unlink()
    if name == "seal.json":  # as it advises
        with closing(open_to_read(f"ladybug:{folder}", SCHEMA)) as reader:
            assert reader.count(LIKED) == 2


def test_a_file_may_have_grown_in_the_hands_of_a_killed_writer_but_not_shrunk(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "graph")
    with closing(EmbeddedGraph(tmp_path / "graph")) as store:
        store.upsert_edges(LIKED, table_of(LIKED, [like("live", text="new words")]))
        shutil.copytree(tmp_path / "graph", tmp_path / "killed")
        shutil.copytree(tmp_path / "graph", tmp_path / "cut")
    with closing(open_to_read(f"ladybug:{tmp_path / 'killed'}", SCHEMA)) as reader:
        assert reader.count(LIKED) == 3
    assert verify_graph(f"ladybug:{tmp_path / 'killed'}") == []
    (tmp_path / "cut" / "columns" / "Reader-LIKED-Book" / "text.text").write_bytes(b"w")
    with pytest.raises(StoreError, match=r"text\.text is damaged"):
        open_to_read(f"ladybug:{tmp_path / 'cut'}", SCHEMA)
