"""What the embedded engine adds to the contract: its folder, its lock, kills, and every rule against a plain model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError, SettingsError, StoreError
from kindred.domain.properties import EncodedString, PropertyKind
from kindred.domain.records import Node
from kindred.domain.schema import derive_schema, graph_schema
from kindred.graph.ladybug import tables as embedded_tables
from kindred.graph.ladybug.engine import Engine
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.open import open_graph
from kindred.graph.server import GraphServer
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import QueryLimits, UpsertCount
from tests.graph.graphs import BOOK, CITES, LIKED, READER, SCHEMA, Row, edges_of, like, make_library, nodes_of, table_of

KILLS = 8  # of hundreds of moments at which the load may be killed
ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "graph"


@pytest.fixture
def graph(folder: Path) -> Iterator[EmbeddedGraph]:
    with closing(EmbeddedGraph(folder)) as store:
        make_library(store)
        yield store


@pytest.fixture
def bulk_from_three_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_tables, "BULK_ROWS", 3)


@pytest.mark.parametrize("url", ["", "graph", "ladybug:", "redis://localhost", "kuzu:data", "http://localhost:7474"])
def test_a_url_without_an_engine_says_what_one_looks_like(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_graph(url)
    assert "ladybug:data/graph" in caught.value.next_step


def test_a_server_s_password_is_not_shown() -> None:
    assert "s3cret" not in repr(GraphServer("neo4j", "s3cret", "neo4j"))


def test_opening_a_graph_imports_no_driver_of_another() -> None:
    script = "import sys, kindred.graph.open; sys.exit(bool({'ladybug', 'neo4j', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_another_version_of_the_engine_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ladybug.__version__", "0.21.0", raising=False)
    with pytest.raises(SettingsError, match=r"ladybug 0\.21\.0 .* only 0\.20\.4") as caught:
        EmbeddedGraph(folder)
    assert "pip install ladybug==0.20.4" in caught.value.next_step
    monkeypatch.undo()
    EmbeddedGraph(folder).close()


def test_everything_is_there_after_opening_again(folder: Path) -> None:
    with closing(EmbeddedGraph(folder)) as store:
        make_library(store)
        store.upsert_nodes(BOOK, table_of(BOOK, [{"id": "b1", "title": "T", "title_embedding": [1, 2, 3]}]))
        store.upsert_edges(LIKED, table_of(LIKED, [like("e", text="words", text_embedding=[3, 2, 1])]))
        store.write_metadata("encoder", "x")
        before = graph_statistics(store, SCHEMA)
    for read_only in (False, True):
        with closing(open_graph(f"ladybug:{folder}", read_only=read_only)) as store:
            store.create_schema(SCHEMA)
            assert graph_statistics(store, SCHEMA) == before and store.read_metadata() == {"encoder": "x"}
            assert edges_of(store, LIKED)["e"]["text_embedding"] == [3, 2, 1]
            assert nodes_of(store, BOOK)["b1"]["title_embedding"] == [1, 2, 3]


class Song(Node):
    """A node of which nothing but a vector lies beside the engine."""

    label = "Song"

    title: EncodedString | None = None


def test_vectors_of_a_later_load_are_not_taken_for_those_of_nodes_that_have_none(folder: Path) -> None:
    schema = derive_schema([Song])
    (song,) = schema.nodes
    loads = ([{"id": f"s{i}"} for i in range(3)], [{"id": "s1", "title": "T", "title_embedding": [1, 2, 3]}])
    for rows in loads:
        with closing(EmbeddedGraph(folder)) as store:
            store.create_schema(schema)
            store.upsert_nodes(song, table_of(song, rows))
    with closing(open_graph(f"ladybug:{folder}", read_only=True)) as store:
        found = {name: node["title_embedding"] for name, node in nodes_of(store, song).items()}
    assert found == {"s0": None, "s1": [1, 2, 3], "s2": None}


def test_a_graph_is_asked_for_its_tables_only_where_another_schema_is_looked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(EmbeddedGraph(folder)) as store:
        make_library(store)
    asked = []
    look = Engine.catalog
    monkeypatch.setattr(Engine, "catalog", lambda engine: [asked.append(1), look(engine)][1])
    fewer = derive_schema([Song])
    for schema, read_only, times in ((SCHEMA, True, 0), (SCHEMA, False, 0), (fewer, False, 1), (fewer, True, 1)):
        with closing(open_graph(f"ladybug:{folder}", read_only=read_only)) as store:
            store.create_schema(schema)
        assert len(asked) == times
    left_out = ("schema", "hash")
    sealed = {
        name: value for name, value in json.loads((folder / "seal.json").read_bytes()).items() if name not in left_out
    }
    (folder / "seal.json").write_text(json.dumps(sealed))
    with closing(open_graph(f"ladybug:{folder}", read_only=True)) as store:  # sealed before seals told of the schema
        store.create_schema(fewer)
    assert len(asked) == 2


def test_one_writer_or_many_readers(folder: Path) -> None:
    with closing(EmbeddedGraph(folder)) as store:
        make_library(store)
        for read_only in (False, True):
            with pytest.raises(StoreError, match=f"process {os.getpid()} writes it") as caught:
                EmbeddedGraph(folder, read_only=read_only)
            assert caught.value.exit_code == 4 and caught.value.next_step
    with closing(EmbeddedGraph(folder, read_only=True)) as one, closing(EmbeddedGraph(folder, read_only=True)) as two:
        assert one.count(READER) == two.count(READER) == 2
        with pytest.raises(StoreError, match="in use"):
            EmbeddedGraph(folder)
    EmbeddedGraph(folder).close()


def test_a_file_that_may_not_be_written_keeps_writers_out_and_nobody_from_reading(
    graph: EmbeddedGraph, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.close()
    monkeypatch.setattr(os, "access", lambda path, right: right != os.W_OK)
    with pytest.raises(StoreError, match=r"graph\.lbug can't be written: Permission denied") as caught:
        EmbeddedGraph(folder)
    assert "mend its permissions" in caught.value.next_step
    with closing(EmbeddedGraph(folder, read_only=True)) as reader:
        assert reader.count(READER) == 2


def test_another_process_can_not_write_at_the_same_time(graph: EmbeddedGraph, folder: Path) -> None:
    script = f"from kindred.graph.open import open_graph; open_graph('ladybug:{folder}')"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0 and f"process {os.getpid()} writes it" in done.stderr
    assert graph.count(READER) == 2


def test_a_reader_changes_nothing(graph: EmbeddedGraph, folder: Path) -> None:
    graph.close()
    with closing(EmbeddedGraph(folder, read_only=True)) as reader:
        likes = table_of(LIKED, [like("e")])
        for write in (
            lambda: reader.upsert_nodes(READER, table_of(READER, [{"id": "x"}])),
            lambda: reader.upsert_edges(LIKED, likes),
            lambda: reader.delete_nodes(READER, ["r1"]),
            lambda: reader.delete_edges(LIKED, ["e"]),
            lambda: reader.write_metadata("a", "b"),
            lambda: reader.create_schema(graph_schema()),
        ):
            with pytest.raises(StoreError, match="read-only"):
                write()
        assert reader.count(READER) == 2


def test_a_graph_that_is_not_there_can_not_be_read(folder: Path) -> None:
    with pytest.raises(StoreError, match="no graph") as caught:
        EmbeddedGraph(folder, read_only=True)
    assert "ingest" in caught.value.next_step and not folder.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', '{"format": 99, "notes": {}}'])
def test_a_folder_of_another_format_is_refused_and_let_go(folder: Path, content: str) -> None:
    EmbeddedGraph(folder).close()
    (folder / "metadata.json").write_text(content)
    with pytest.raises(StoreError):
        EmbeddedGraph(folder)
    (folder / "metadata.json").unlink()
    EmbeddedGraph(folder).close()


def test_a_damaged_database_is_an_error_of_the_store(graph: EmbeddedGraph, folder: Path) -> None:
    graph.close()
    (folder / "graph.lbug").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match=r"graph\.lbug"):
        EmbeddedGraph(folder)


def test_a_closed_store_says_so(graph: EmbeddedGraph) -> None:
    graph.close()
    with pytest.raises(StoreError, match="closed"):
        graph.count(READER)


def test_names_that_the_engine_can_not_hold_are_refused(graph: EmbeddedGraph) -> None:
    bad = replace(SCHEMA, nodes=(replace(READER, label="Rea`der"), *SCHEMA.nodes[1:]))
    with pytest.raises(SchemaError, match="Rea`der"):
        graph.create_schema(bad)


def test_a_property_can_not_change_its_type(graph: EmbeddedGraph) -> None:
    pages = next(p for p in BOOK.properties if p.name == "pages")
    changed = tuple(replace(p, kind=PropertyKind.STRING) if p is pages else p for p in BOOK.properties)
    with pytest.raises(SchemaError, match=r"Book\.pages is INT64 in the graph, STRING in the schema"):
        graph.create_schema(replace(SCHEMA, nodes=(READER, replace(BOOK, properties=changed), SCHEMA.nodes[2])))


@pytest.mark.usefixtures("bulk_from_three_rows")
@pytest.mark.parametrize("share", [pytest.param(1_000, id="bulk load"), pytest.param(0, id="one by one")])
def test_batches_of_a_load_wait_and_are_settled_by_whoever_looks(
    graph: EmbeddedGraph, folder: Path, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_tables, "BULK_SHARE", share)
    graph.upsert_edges(LIKED, table_of(LIKED, [like("first")]))
    waiting = folder / "pending"
    for batch in range(3):
        rows = [like(f"e{batch}{i}", text=f"t{batch}{i}") for i in range(5)]
        assert graph.upsert_edges(LIKED, table_of(LIKED, rows)) == UpsertCount(5, 0, 0)
    assert len(list(waiting.glob("*.arrow"))) == 3
    again = [like("e11", text="t11"), like("e99", text="t99")]
    assert graph.upsert_edges(LIKED, table_of(LIKED, again)) == UpsertCount(1, 0, 1)
    found = graph.query("MATCH (:Reader)-[l:LIKED]->(:Book) RETURN count(l) AS n", {}, QueryLimits())
    assert found.to_pylist() == [{"n": 17}] and not list(waiting.iterdir())
    assert {row["text"] for row in edges_of(graph, LIKED).values()} == {
        *(f"t{batch}{i}" for batch in range(3) for i in range(5)),
        "t99",
        None,
    }


@pytest.mark.usefixtures("bulk_from_three_rows")
@pytest.mark.parametrize("share", [1_000, 0])
def test_what_waits_is_not_seen_by_a_reader_but_asked_for(
    graph: EmbeddedGraph, folder: Path, tmp_path: Path, share: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_tables, "BULK_SHARE", share)
    graph.upsert_edges(LIKED, table_of(LIKED, [like("first")]))
    graph.upsert_edges(LIKED, table_of(LIKED, [like(f"e{i}", text=f"t{i}", tags=["x"]) for i in range(5)]))
    shutil.copytree(folder, tmp_path / "killed")
    with pytest.raises(StoreError, match="interrupted") as caught:
        EmbeddedGraph(tmp_path / "killed", read_only=True)
    assert "kindred graph stats" in caught.value.next_step
    with closing(EmbeddedGraph(tmp_path / "killed")) as adopted:
        found = edges_of(adopted, LIKED)
        assert {key: row["text"] for key, row in found.items()} == {"first": None} | {
            f"e{i}": f"t{i}" for i in range(5)
        }
        assert found["e0"]["tags"] == ["x"] and found["e0"]["at"] == 1_000_000_000
    with closing(EmbeddedGraph(tmp_path / "killed", read_only=True)) as reader:
        assert reader.count(LIKED) == 6


@pytest.mark.usefixtures("bulk_from_three_rows")
def test_a_batch_that_the_engine_fails_on_leaves_nothing(graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    graph.upsert_edges(LIKED, table_of(LIKED, [like(f"e{i}", text="old") for i in range(5)]))
    before = graph_statistics(graph, SCHEMA)
    engine = graph._tables.engine
    changed = table_of(LIKED, [like(f"e{i}", at=2_000_000_000, text="new") for i in range(2, 9)])

    def failing(table: object, rows: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched, pytest.raises(StoreError, match="disk is full"):
        patched.setattr(engine, "copy", failing)
        graph.upsert_edges(LIKED, changed)
    assert graph_statistics(graph, SCHEMA) == before
    assert graph.upsert_edges(LIKED, changed) == UpsertCount(4, 3, 0)


def test_threads_share_a_store(graph: EmbeddedGraph) -> None:
    failures: list[BaseException] = []

    def write(thread: int) -> None:
        try:
            for i in range(5):
                graph.upsert_edges(LIKED, table_of(LIKED, [like(f"e{thread}-{i}", text=f"{thread}-{i}")]))
                assert edges_of(graph, LIKED, ["text"])[f"e{thread}-{i}"]["text"] == f"{thread}-{i}"
        except BaseException as error:  # noqa: BLE001 - a thread's error is reported by the test itself
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == [] and graph.count(LIKED) == 20


def test_batches_being_read_do_not_change_when_the_graph_does(graph: EmbeddedGraph) -> None:
    graph.upsert_edges(LIKED, table_of(LIKED, [like(f"e{i}", text=f"old {i}") for i in range(4)]))
    batches = graph.read_edges(LIKED, ["event_id", "text"])
    graph.delete_edges(LIKED, ["e0"])
    graph.upsert_edges(LIKED, table_of(LIKED, [like("e1", at=2_000_000_000, text="new")]))
    rows = {row["event_id"]: row["text"] for batch in batches for row in batch.to_pylist()}
    assert rows == {f"e{i}": f"old {i}" for i in range(4)}


@pytest.mark.parametrize("until", [None, 20])
def test_what_is_asked_for_in_parts_is_what_is_there(
    graph: EmbeddedGraph, monkeypatch: pytest.MonkeyPatch, until: int | None
) -> None:
    graph.upsert_nodes(READER, table_of(READER, [{"id": f"r{n}"} for n in range(20)]))
    rows = [like(f"e{n}", reader=f"r{n}", at=n) for n in range(20) if n != 7]
    graph.upsert_edges(LIKED, table_of(LIKED, rows))
    graph.delete_nodes(READER, ["r4"])

    def read() -> list[dict[str, Row]]:
        return [nodes_of(graph, READER), edges_of(graph, LIKED, until=until)]

    whole = read()
    asked: list[str] = []
    rows_of = Engine.rows
    monkeypatch.setattr(embedded_tables, "ROWS_ASKED", 3)
    monkeypatch.setattr(Engine, "rows", lambda engine, *given: asked.append(given[0]) or rows_of(engine, *given))
    assert read() == whole and len([statement for statement in asked if "$first" in statement]) > 10


def test_a_hub_of_many_edges_costs_no_more_than_others(folder: Path) -> None:
    with closing(EmbeddedGraph(folder)) as store:
        make_library(store, readers=[f"r{i}" for i in range(5_000)])
        likes = [like(f"e{i}", f"r{i % 5_000}", "b1") for i in range(20_000)]
        assert store.upsert_edges(LIKED, table_of(LIKED, likes)).inserted == 20_000
        assert store.upsert_edges(LIKED, table_of(LIKED, likes[:10])).unchanged == 10
        assert len(store.neighbourhood(BOOK, "b1", limit=5)) == 5
        assert store.delete_nodes(BOOK, ["b1"]) == 1 and store.count(LIKED) == 0


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, "-m", "tests.graph.ladybug.killed_load", str(folder), str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_kill_at_any_moment_leaves_every_acknowledged_step_and_no_half_one(killed: Path) -> None:
    hashes = json.loads((killed / "hashes.json").read_text())
    assert len(set(hashes)) == len(hashes) - 2  # the schema and the note change no content
    runs = sorted((path.parent for path in killed.glob("*/acknowledged")), key=lambda path: int(path.name))
    assert len(runs) >= KILLS  # a run killed before its first step has acknowledged none
    for position, run in enumerate(runs):
        done = len((run / "acknowledged").read_bytes())
        with closing(EmbeddedGraph(run / "graph")) as store:
            store.create_schema(SCHEMA)
            found = graph_statistics(store, SCHEMA).content_hash
            assert found in hashes[done : done + 2], f"killed at sign {run.name}, {done} steps acknowledged"
            for row in edges_of(store, LIKED).values():
                text, number = str(row["text"]).rsplit(" ", 1)
                assert row["text_embedding"] == [int(number), (int(str(row["at"])) - int(number)) % 100, len(text)]
            if position % 4 == 2:
                finish(store)
                assert graph_statistics(store, SCHEMA).content_hash == hashes[-1]


def finish(store: EmbeddedGraph) -> None:
    """Runs the whole load again, as a user would after a crash."""
    from tests.graph.ladybug.killed_load import steps

    for step in steps():
        step(store)


def test_edges_without_properties_of_their_own_are_kept_too(graph: EmbeddedGraph) -> None:
    row = {"event_id": "c", "source_id": "b1", "target_id": "b2"}
    assert graph.upsert_edges(CITES, table_of(CITES, [row])) == UpsertCount(1, 0, 0)
    assert edges_of(graph, CITES) == {"c": row}
    assert [n.properties for n in graph.neighbourhood(BOOK, "b1")] == [{}]


def test_a_table_in_many_chunks_is_one_batch(graph: EmbeddedGraph) -> None:
    parts = [table_of(LIKED, [like(f"e{i}", text=f"t{i}", text_embedding=[i, 0, 0])]) for i in range(7)]
    assert graph.upsert_edges(LIKED, pa.concat_tables(parts).slice(2)) == UpsertCount(5, 0, 0)
    found = edges_of(graph, LIKED)
    assert {key: (row["text"], row["text_embedding"]) for key, row in found.items()} == {
        f"e{i}": (f"t{i}", [i, 0, 0]) for i in range(2, 7)
    }
