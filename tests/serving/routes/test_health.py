"""What the service says of itself: ready, or degraded and why, while it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import httpx
import pyarrow as pa
import pytest

from kindred.domain.errors import StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.serving import service as service_module
from kindred.serving.background import following
from kindred.serving.service import Service
from kindred.serving.state import graph_door
from kindred.settings import Settings
from tests.recommenders.conftest import load
from tests.serving.conftest import Client, ask, opened


def test_a_service_on_its_own_graph_is_ready(client: Client) -> None:
    ready = client.get("/health/ready").json()
    assert (ready["status"], ready["problems"]) == ("ready", [])
    assert client.get("/health/deps").json()["systems"]["products"]["graph"] == "ok"
    assert 'kindred_graph_fits{system="products"} 1.0' in client.get("/metrics").text


def test_who_did_nothing_did_nothing_since(settings: Settings) -> None:
    store = open_graph(settings.effective_graph_url)
    store.upsert_nodes(graph_schema().node("User"), pa.table({"id": ["only registered"]}))
    store.close()
    with opened(settings) as service:
        opened_system = service.system("products")
        assert opened_system.memory.num_stale(opened_system.version) == 0


def put_no_graph(folder: Path) -> None:
    """In the place of the graph one without a node."""


def put_smaller_graph(folder: Path) -> None:
    """In its place one of a few of the same ids."""
    files = generate_products(ProductSample(users=9, products=8, reviews=40, seed=6), folder / "other")
    load(folder, files.reviews, files.metadata).close()


def put_strange_graph(folder: Path) -> None:
    """In its place one as large, of other products."""
    files = generate_products(ProductSample(users=60, products=50, reviews=500, seed=6), folder / "other")
    for path in (files.reviews, files.metadata):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        renamed = [json.dumps(row | {"asin": f"other {row['asin']}"}) for row in rows]
        path.write_text("\n".join(renamed), "utf-8")
    load(folder, files.reviews, files.metadata).close()


@pytest.mark.parametrize(
    ("put", "said"),
    [
        (put_no_graph, "it holds 0 users, version {} was made from 60"),
        (put_smaller_graph, "it holds 9 users, version {} was made from 60"),
        (put_strange_graph, "version {} knows none of its products"),
    ],
)
def test_a_graph_that_is_not_that_of_the_version_is_told_of(
    settings: Settings, put: Callable[[Path], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the service is opened, and where one takes the place of the other while it runs."""
    graph, own, other = (settings.data_dir / name for name in ("graph", "own", "strange"))
    graph.rename(own)
    put(settings.data_dir)
    monkeypatch.setattr(graph_door, "IDLE_SECONDS", 0.0)

    def look(service: Service) -> None:
        service.graph.let_go()
        service.system("products").look_at_graph()

    with opened(settings) as service:
        client = Client(service)
        version = service.system("products").version
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["problems"] == [f"products: the graph is not the one that version {version} was made from"]
        assert client.get("/health/deps").json()["systems"]["products"]["graph"] == said.format(version)
        page = client.get("/ui/status").text
        assert "Something is degraded" in page and said.format(version) in page
        assert 'kindred_graph_fits{system="products"} 0.0' in client.get("/metrics").text
        assert len(client.get("/v1/users/U00001/recommendations", k=3).json()["items"]) == 3, "not dead"

        look(service)
        assert client.get("/health/ready").json()["status"] == "degraded"
        if graph.exists():
            graph.rename(other)
        own.rename(graph)
        look(service)
        assert client.get("/health/ready").json()["status"] == "ready"
        graph.rename(own)
        if other.exists():
            other.rename(graph)
        look(service)
        assert client.get("/health/deps").json()["systems"]["products"]["graph"] == said.format(version)


def test_a_graph_that_was_moved_away_is_told_of_at_once_and_that_it_is_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the service had it open, and looks every minute only whether its content is another one."""
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    graph, away = settings.data_dir / "graph", settings.data_dir / "away"

    async def ask_after(client: httpx.AsyncClient) -> None:
        assert "All is well" in (await client.get("/ui/status")).text
        graph.rename(away)
        problems = (await until(client, "degraded"))["problems"]
        assert len(problems) == 1 and "the graph is not the one that version" in problems[0]
        assert "it holds 0 users" in (await client.get("/ui/status")).text
        away.rename(graph)
        await until(client, "ready")
        assert "All is well" in (await client.get("/ui/status")).text

    with opened(settings) as service:
        ask(service, ask_after)


def test_a_graph_that_does_not_answer_is_told_of_and_answers_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread waits for it, however often it is asked after."""
    monkeypatch.setattr(service_module, "is_server", lambda url: True)
    monkeypatch.setattr(service_module, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(following, "LOOK_SECONDS", 0.01)
    answers, looks = Event(), []

    def hangs() -> None:
        looks.append(1)
        answers.wait(30)

    with opened(settings) as service:
        monkeypatch.setattr(service.graph, "look", hangs)

        async def ask_after(client: httpx.AsyncClient) -> None:
            ready = await until(client, "degraded")
            assert ready["problems"] == ["the graph can't be read"]
            assert "gives no answer" in (await client.get("/health/deps")).json()["graph"]
            assert "Something is degraded" in (await client.get("/ui/status")).text
            answer = (await client.get("/v1/users/U00001/recommendations")).json()
            assert (answer["level"], answer["degraded"], len(looks)) == ("model", False, 1)
            answers.set()
            await until(client, "ready")

        try:
            ask(service, ask_after)
        finally:
            answers.set()


def test_writes_that_wait_for_the_graph_are_told_of(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine raises: what was acknowledged is kept, and goes on once the graph can be written."""
    with opened(settings) as service:
        write = service.graph.write

        def refused() -> None:
            raise RuntimeError("the disk is full")

        async def tell(client: httpx.AsyncClient) -> None:
            monkeypatch.setattr(service.graph, "write", refused)
            event = {"user_id": "U00001", "item_id": "P00001", "rating": 5.0, "event_id": "e1"}
            assert (await client.post("/v1/events", json=event)).json()["accepted"] == 1
            ready = await until(client, "degraded")
            assert ready["problems"] == ["what was written is kept and waits for the graph"]
            assert (await client.get("/health/deps")).json()["writes"] == "the disk is full"
            assert "the disk is full" in (await client.get("/ui/status")).text
            monkeypatch.setattr(service.graph, "write", write)
            await until(client, "ready")

        ask(service, tell)


async def until(client: httpx.AsyncClient, status: str) -> dict[str, Any]:
    """Readiness, once it says so."""
    for _ in range(500):
        ready: dict[str, Any] = (await client.get("/health/ready")).json()
        if ready["status"] == status:
            return ready
        await anyio.sleep(0.01)
    raise AssertionError(f"never {status}: {ready}")


def test_what_keeps_other_systems_from_being_opened_is_said_once(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    problems = iter(["away"] * 3 + [""] + ["away"] * 2 + ["wrong key"] * 2)
    all_told = Event()

    def open_systems() -> None:
        problem = next(problems, "")
        if problem == "wrong key":
            all_told.set()
        if problem:
            raise StoreError(problem, "see that it runs there")

    monkeypatch.setattr(service, "open_systems", open_systems)
    monkeypatch.setattr(following, "SECONDS", 0.01)

    async def asks(client: httpx.AsyncClient) -> None:
        assert await anyio.to_thread.run_sync(all_told.wait, 60)
        await anyio.sleep(0.1)

    with caplog.at_level("WARNING", "kindred.serving"):
        ask(service, asks)
    told = [record.getMessage() for record in caplog.records if "other systems" in record.getMessage()]
    assert [message.partition(": ")[2].partition(" — ")[0] for message in told] == ["away", "away", "wrong key"]
