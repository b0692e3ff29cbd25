"""The graph as readers and the writer of one process share it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event, Semaphore
from typing import cast

import pyarrow as pa
import pytest

from kindred.domain.errors import StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.store import GraphStore, RefusedError
from kindred.recommenders.products import PRODUCTS
from kindred.serving.state import graph_door
from kindred.serving.state.graph_door import GraphDoor
from kindred.serving.state.stored_events import StoredEvents
from kindred.settings import Settings
from kindred.stores import open_graph_reader, open_graph_writer

USER, PRODUCT = graph_schema().node("User"), graph_schema().node("Product")
REVIEWED = PRODUCTS.edge


@pytest.fixture
def door(tmp_path: Path) -> Iterator[GraphDoor]:
    """The door of a graph with one user and one product."""
    settings = Settings(data_dir=tmp_path)
    door = GraphDoor(partial(open_graph_reader, settings), partial(open_graph_writer, settings))
    with door.write() as store:
        store.upsert_nodes(USER, pa.table({"id": ["ann"]}))
        store.upsert_nodes(PRODUCT, pa.table({"id": ["drum"]}))
    yield door
    door.close()


def review(door: GraphDoor, event_id: str) -> None:
    """Ann's review of the drum, written."""
    with door.write() as store:
        store.upsert_edges(REVIEWED, one_review(event_id))


def one_review(event_id: str) -> pa.Table:
    return pa.table({"event_id": [event_id], "source_id": ["ann"], "target_id": ["drum"], "at": [100], "rating": [5.0]})


def test_who_reads_while_a_batch_is_written_reads_what_is_written_so_far(door: GraphDoor) -> None:
    def num_read() -> int:
        with door.read() as store:
            return len(store.edges_of(REVIEWED, "ann"))

    with ThreadPoolExecutor(1) as other, door.write() as store:
        assert other.submit(num_read).result(10) == 0
        store.upsert_edges(REVIEWED, one_review("e1"))
        assert other.submit(num_read).result(10) == 1
    assert num_read() == 1, "and so it is once the batch is written"


def test_one_batch_is_written_at_a_time(door: GraphDoor) -> None:
    with ThreadPoolExecutor(4) as others:
        list(others.map(partial(review, door), [f"e{number}" for number in range(8)]))
    with door.read() as store:
        assert sorted(store.edges_of(REVIEWED, "ann")["event_id"].to_pylist()) == [f"e{n}" for n in range(8)]


def test_stored_events_are_read_once_until_they_are_forgotten(door: GraphDoor) -> None:
    stored = StoredEvents(PRODUCTS, door)
    review(door, "e1")
    assert stored.of("ann")["event_id"].to_pylist() == ["e1"]
    review(door, "e2")
    assert stored.of("ann")["event_id"].to_pylist() == ["e1"]
    stored.forget("ann")
    assert sorted(stored.of("ann")["event_id"].to_pylist()) == ["e1", "e2"]
    assert "text" not in stored.of("ann").schema.names


def test_stored_events_keep_to_their_bytes(door: GraphDoor) -> None:
    review(door, "e1")
    size = StoredEvents(PRODUCTS, door).of("ann").nbytes
    stored = StoredEvents(PRODUCTS, door, most_bytes=size - 1)
    stored.of("ann")
    review(door, "e2")
    assert len(stored.of("ann")) == 2, "nothing was kept"


class HangingStore:
    """A graph whose server is there and gives no answer until it is let go."""

    def __init__(self) -> None:
        self.asked = Semaphore(0)
        self.goes_on = Event()

    def read_metadata(self) -> dict[str, str]:
        self.asked.release()
        assert self.goes_on.wait(30)
        return {}

    def close(self) -> None:
        """Nothing is open."""


def test_a_server_that_hangs_holds_few_threads_and_is_known_to(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HangingStore()
    door = GraphDoor(lambda: cast(GraphStore, store), lambda: cast(GraphStore, store))
    monkeypatch.setattr(graph_door, "ROOM_SECONDS", 0.05)
    monkeypatch.setattr(graph_door, "LOOK_HANG_SECONDS", 100.0)
    with ThreadPoolExecutor(graph_door.MOST_READING) as others:
        held = [others.submit(door.look) for _ in range(graph_door.MOST_READING)]
        assert all(store.asked.acquire(timeout=10) for _ in held)
        assert "8 reads wait" in (door.look() or ""), "who comes now is told so instead of held too"
        assert door.problem() is None, "it may be slow"
        monkeypatch.setattr(graph_door, "HANG_SECONDS", 0.0)
        assert "no answer" in (door.problem() or "")
        with pytest.raises(StoreError, match="no answer"), door.read():
            pass
        store.goes_on.set()
        assert [one.result(10) for one in held] == [None] * len(held)
    assert door.problem() is None
    assert door.look() is None, "and it is read again"
    door.close()


def test_a_look_that_takes_long_says_that_the_graph_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long before a read does, which may be of millions of rows."""
    store = HangingStore()
    door = GraphDoor(lambda: cast(GraphStore, store), lambda: cast(GraphStore, store))
    monkeypatch.setattr(graph_door, "LOOK_HANG_SECONDS", 0.0)
    with ThreadPoolExecutor(1) as other:
        look = other.submit(door.look)
        assert store.asked.acquire(timeout=10)
        with pytest.raises(StoreError, match="no answer"), door.read():
            pass
        store.goes_on.set()
        assert look.result(10) is None
    with door.read():
        pass
    door.close()


class GoneStore(HangingStore):
    """A graph whose server is gone, until it is there again; each who asks hears so after a while."""

    def __init__(self) -> None:
        super().__init__()
        self.is_gone = True

    def read_metadata(self) -> dict[str, str]:
        super().read_metadata()
        if self.is_gone:
            raise StoreError("gone")
        return {}


def test_while_one_tries_whether_a_server_is_back_the_others_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = GoneStore()
    door = GraphDoor(lambda: cast(GraphStore, store), lambda: cast(GraphStore, store))
    monkeypatch.setattr(graph_door, "RETRY_SECONDS", 100.0)

    def read() -> None:
        with door.read() as opened:
            opened.read_metadata()

    store.goes_on.set()
    with pytest.raises(StoreError, match="gone"):
        read()
    began = time.monotonic()
    store.goes_on.clear()
    with ThreadPoolExecutor(1) as other:
        for is_tried in (False, True):
            look = other.submit(door.look) if is_tried else None
            assert store.asked.acquire(timeout=10), "the first read, then the look"
            with pytest.raises(StoreError, match="gone"):
                read()
            assert not store.asked.acquire(blocking=False), "who is told so asked no server"
        assert door.problem(began) == "gone", "what was answered meanwhile says so"
        store.is_gone = False
        store.goes_on.set()
        assert look is not None and look.result(10) is None
    read()
    door.close()


def test_a_server_that_refuses_the_password_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try in vain keeps its user locked out, whoever knows the new password too."""
    tried: list[str] = []

    def refuse() -> GraphStore:
        tried.append("")
        raise RefusedError("wrong password")

    door = GraphDoor(refuse, refuse)
    for _ in range(3):
        assert door.look() == "wrong password"
        with pytest.raises(RefusedError, match="wrong password"), door.write():
            pass
    assert len(tried) == 1
    monkeypatch.setattr(graph_door, "REFUSED_SECONDS", 0.0)
    door = GraphDoor(refuse, refuse)
    with pytest.raises(RefusedError), door.write():
        pass
    assert door.look() == "wrong password" and len(tried) == 3, "then it is asked again"


def test_a_writer_that_hangs_holds_no_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    store, is_opening, goes_on = HangingStore(), Event(), Event()

    def open_writer() -> GraphStore:
        is_opening.set()
        assert goes_on.wait(30)
        return cast(GraphStore, store)

    door = GraphDoor(lambda: cast(GraphStore, store), open_writer)
    monkeypatch.setattr(graph_door, "HANG_SECONDS", 0.05)
    store.goes_on.set()

    def write() -> None:
        with door.write():
            pass

    with ThreadPoolExecutor(1) as other:
        writing = other.submit(write)
        assert is_opening.wait(10)
        assert "no answer" in (door.look() or "")
        goes_on.set()
        writing.result(10)
    assert door.look() is None
    door.close()


def test_a_graph_that_could_not_be_opened_is_tried_again_however_often_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[float] = []

    def refuse() -> GraphStore:
        tried.append(time.monotonic())
        raise StoreError("not there")

    door = GraphDoor(refuse, refuse)
    monkeypatch.setattr(graph_door, "RETRY_SECONDS", 0.2)
    until = time.monotonic() + 10
    while len(tried) < 3 and time.monotonic() < until:
        with pytest.raises(StoreError, match="not there"), door.read():
            pass
        time.sleep(0.01)
    assert len(tried) == 3
