"""A system keeps up with the graph: what that took becomes a part of the past in memory."""

from __future__ import annotations

import anyio
import httpx
import pytest

from kindred.serving.answering import opened_system
from kindred.serving.service import Service
from tests.serving.conftest import ask


def test_what_the_graph_took_becomes_past(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened_system, "_LEAST_SETTLED", 2)
    monkeypatch.setattr(opened_system, "_SETTLED_SHARE", 0.0)
    opened = service.system("products")
    memory, before = opened.memory, opened.memory.past
    items = before.items.ids[:3]

    async def asks(client: httpx.AsyncClient) -> None:
        async def write(number: int) -> None:
            event = {"user_id": "newcomer", "item_id": items[number], "rating": 5, "event_id": f"e{number}"}
            assert (await client.post("/v1/events", json=event)).json()["accepted"] == 1
            with anyio.fail_after(20):
                while service.live.pending:
                    await anyio.sleep(0.05)
            opened.catch_up(service.live.num_applied["products"])

        async def answer() -> object:
            reply = await client.get("/v1/products/users/newcomer/recommendations")
            return reply.json()["items"]

        await write(0)
        assert memory.past is before and memory.past.user_with("e0") is None
        await write(1)
        assert memory.past.user_with("e0") == memory.past.user_with("e1") == "newcomer"
        assert memory.user_with("e1") == "newcomer" and set(memory.seen("newcomer", None)) == set(items[:2])
        settled, answered = memory.past, await answer()
        opened.catch_up(service.live.num_applied["products"])
        assert memory.past is settled and answered and await answer() == answered
        await write(2)
        assert memory.past is settled and set(memory.seen("newcomer", None)) == set(items)

    ask(service, asks)


def test_memory_is_not_read_again_soon_after_a_publish_and_its_pause_is_its_own(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_system, "_LEAST_SETTLED", 2)
    monkeypatch.setattr(opened_system, "_SETTLED_SHARE", 0.0)
    opened, reads = service.system("products"), list[str]()
    memory, first = opened.memory, opened.memory.past
    monkeypatch.setattr(opened, "_by_memory", opened_system._Reading())
    opened.version = "another"
    assert opened.follow(7) and memory.past is not first
    published = memory.past
    opened.catch_up(8)
    assert memory.past is published
    opened.catch_up(9)
    assert memory.past is not published
    settled = memory.past
    monkeypatch.setattr(opened.recommender, "read_again", lambda: reads.append("the graph"), raising=False)
    monkeypatch.setattr(opened.recommender, "is_behind", lambda: True, raising=False)
    opened.catch_up(99)
    assert memory.past is settled and reads == ["the graph"]
