"""Writes: in the next answer, in the graph soon after, each once, and gone when deleted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import numpy as np
import pytest

from kindred.domain.errors import StoreError
from kindred.domain.recommendation import Request
from kindred.domain.records import Product
from kindred.domain.schema import graph_schema
from kindred.graph.store import QueryLimits
from kindred.recommenders.answering.known import StoreKnown
from kindred.recommenders.answering.recommender import Opened, Recommender
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.publishing import place_new_items
from kindred.serving.service import Service
from kindred.settings import Settings
from kindred.stores import runs_folder_of
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import ask, opened

pytestmark = pytest.mark.long

REVIEW = {"user_id": "newcomer", "item_id": "B00000001", "rating": 5, "text": "Rings true.", "event_id": "e1"}


async def ids(client: httpx.AsyncClient, user: str) -> list[str]:
    reply = await client.get(f"/v1/products/users/{user}/recommendations")
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


async def listed(client: httpx.AsyncClient, user: str, k: int) -> list[str]:
    reply = await client.get(f"/v1/products/users/{user}/recommendations?k={k}")
    return [item["id"] for item in reply.json()["items"]]


async def applied(service: Service) -> None:
    """Waits until the graph holds everything."""
    with anyio.fail_after(20):
        while service.live.pending:
            await anyio.sleep(0.05)


def items_of(service: Service) -> list[str]:
    return list(service.system("products").memory.past.items.ids)


def in_graph(service: Service, cypher: str, **values: object) -> list[dict[str, Any]]:
    with service.graph.read() as store:
        rows: list[dict[str, Any]] = store.query(cypher, values, QueryLimits()).to_pylist()
        return rows


def run(settings: Settings, asks: Callable[[Service, httpx.AsyncClient], Awaitable[None]]) -> None:
    with opened(settings) as service:

        async def with_client(client: httpx.AsyncClient) -> None:
            await asks(service, client)

        ask(service, with_client)


def test_ids_with_slashes_are_addresses_like_any_other(settings: Settings) -> None:
    user, item = "https://readers/7/recommendations", "shelf/9/similar"

    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        put = await client.put("/v1/products/items", json=[{"id": item, "title": "Clip-on tuner"}])
        assert put.json()["accepted"] == 1, put.text
        told = await client.post("/v1/events", json=[{**REVIEW, "user_id": user, "item_id": item}])
        assert told.json()["accepted"] == 1, told.text
        of_user, of_item = f"/v1/products/users/{quote(user, safe='')}", f"/v1/products/items/{quote(item, safe='')}"
        answer = (await client.get(f"{of_user}/recommendations?k=200")).json()
        assert answer["user_id"] == user and item not in [found["id"] for found in answer["items"]]
        await applied(service)
        other = (await client.get("/v1/users/new/one/recommendations?k=200")).json()
        assert other["user_id"] == "new/one" and item in [found["id"] for found in other["items"]]
        similar = (await client.get(f"{of_item}/similar")).json()
        assert similar["level"] == "similar" and item not in [found["id"] for found in similar["items"]]
        why = (await client.get(f"{of_user}/why/{items_of(service)[0]}")).json()
        assert why["user_id"] == user and why["item"]["id"] == items_of(service)[0]
        assert (await client.delete(of_user)).json() == {"deleted": user}
        assert (await client.delete(of_item)).json() == {"deleted": item}

    run(settings, asks)


def test_a_first_event_is_in_the_next_answer_and_then_in_the_graph_and_the_vectors(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        item = items_of(service)[3]
        before = await ids(client, "newcomer")
        reply = await client.post("/v1/events", json=REVIEW | {"item_id": item})
        assert reply.json() == {
            "accepted": 1,
            "duplicate": 0,
            "rejected": 0,
            "results": [{"id": "e1", "status": "accepted"}],
        }
        at_once = await ids(client, "newcomer")
        assert at_once != before and item not in at_once
        await applied(service)
        assert await ids(client, "newcomer") == at_once
        found = "MATCH (u:User)-[r:REVIEWED]->(p:Product) WHERE u.id = $u RETURN p.id AS id, r.rating AS rating"
        assert in_graph(service, found, u="newcomer") == [{"id": item, "rating": 5.0}]
        level = (await client.get("/v1/products/users/newcomer/recommendations")).json()["level"]
        assert level == "model"

    run(settings, asks)


def test_who_did_something_is_encoded_once_until_they_do_more(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        recommender, memory = service.system("products").recommender, service.system("products").memory
        user = recommender.example_users(1)[0]
        unseen = [item for item in items_of(service) if item not in memory.seen(user, None)]
        asked = Request(user, k=10, reasons=False, removed=False)
        for number, item in enumerate(unseen[:2]):
            told = REVIEW | {"user_id": user, "item_id": item, "event_id": f"again-{number}"}
            service.live.pending.clear()  # the graph hears nothing of it, so that nothing is written for it
            await client.post("/v1/events", json=told)
            assert not recommender.is_quick(asked), "there is more to know of them"
            first = recommender(asked)
            assert recommender.is_quick(asked) and recommender(asked) == first
            assert item not in [found.item_id for found in first.recommendations]
        assert recommender.is_quick(asked)
        memory.forget_user(user)
        assert recommender(asked).level == "popular"

    run(settings, asks)


def test_what_somebody_did_is_in_the_order_of_its_times_before_and_after_the_graph_holds_it(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        memory, (first, second) = service.system("products").memory, items_of(service)[:2]
        did = [(first, 1_700_000_000), (second, 1_600_000_000), (first, 1_500_000_000)]
        for number, (item, at) in enumerate(did):
            told = REVIEW | {"item_id": item, "event_id": f"o{number}", "at": at}
            assert (await client.post("/v1/events", json=told)).json()["accepted"] == 1
        told_items, told_at = memory.seen_with_times("newcomer", None)
        assert list(zip(told_items, told_at, strict=True)) == did[::-1]
        await applied(service)
        with service.graph.read() as store:
            items, at = StoreKnown(PRODUCTS, store).seen_with_times("newcomer", None)
        assert (list(items), at.tolist()) == (told_items, told_at.tolist()), "commands and the service see the same"

    run(settings, asks)


def test_what_is_popular_counts_events_at_once_and_after_a_restart_and_for_commands(settings: Settings) -> None:
    rising = ""

    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        nonlocal rising
        all_items = await listed(client, "nobody", 200)
        rising = all_items[len(all_items) // 2]
        one = {"item_id": rising, "rating": 5}
        ranks = [all_items.index(rising)]
        for number in (1, 40):
            events = [{**one, "user_id": f"fan-{number}-{n}", "event_id": f"f{number}-{n}"} for n in range(number)]
            assert (await client.post("/v1/events", json=events)).json()["accepted"] == number
            now = await listed(client, "nobody", 200)
            ranks.append(now.index(rising))
            assert [item for item in now if item != rising] == [item for item in all_items if item != rising]
        assert ranks[0] >= ranks[1] > ranks[2] and ranks[2] < 10
        await applied(service)
        assert (await listed(client, "nobody", 200)).index(rising) == ranks[2]

    run(settings, asks)
    with opened(settings) as service, service.graph.read() as store:
        request = Request("nobody", k=200, reasons=False, removed=False)
        served = service.system("products").recommender(request)
        opened_on_graph = Opened(store, service.vectors, runs_folder_of(settings, "products"), lambda: ENCODER)
        assert Recommender(PRODUCTS, opened_on_graph)(request) == served, "commands read the graph and say so too"
        assert [item.item_id for item in served.recommendations].index(rising) < 10
        before = replace(request, at=service.system("products").recommender.version().release.as_of)
        then = service.system("products").recommender(before)
        assert [item.item_id for item in then.recommendations].index(rising) > 10


def test_each_record_is_answered_for_and_repeats_count_once(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        item = items_of(service)[0]
        good = REVIEW | {"item_id": item}
        told = [
            good,
            good,
            good | {"event_id": "e2", "rating": 9},
            good | {"event_id": "e3", "at": "2999-01-01"},
            good | {"event_id": "e4", "colour": "red"},
            good | {"event_id": "e5", "system": "films"},
            good | {"event_id": "e6", "rating": 10**400},
        ]
        reply = (await client.post("/v1/events", json=told)).json()
        assert [result["status"] for result in reply["results"]] == ["accepted", "duplicate", *["rejected"] * 5]
        reasons = [result["reason"] for result in reply["results"][2:]]
        assert ["rating" in reasons[0], "at" in reasons[1], "films" in reasons[3]] == [True] * 3
        assert reasons[2].startswith(
            "colour: there is no such property here; there are event_id, user_id, item_id, at,"
        )
        slip = (await client.put("/v1/products/items", json=[{"id": "x", "tilte": "y"}])).json()["results"][0]
        assert slip["reason"] == "tilte: there is no such property here; did you mean title?"
        assert (await client.put("/v1/products/items", json=[{"id": "bare"}])).json()["accepted"] == 1
        waits = (await client.get("/v1/products/items/bare/similar")).json()["error"]
        assert "needs a text or an event" in waits["hint"]
        await applied(service)
        assert (await client.post("/v1/events", json=good)).json()["duplicate"] == 1
        assert (await client.post("/v1/events", json=good | {"rating": "five"})).status_code == 422
        timed = {"user_id": "u", "item_id": item, "at": "2024-05-01T10:00:00Z"}
        assert (await client.post("/v1/events", json=[timed, timed])).json()["duplicate"] == 1

    run(settings, asks)


def test_an_id_that_an_event_of_another_user_has_is_rejected_and_that_event_stays(settings: Settings) -> None:
    of_other = REVIEW | {"user_id": "other"}

    async def statuses(client: httpx.AsyncClient, *events: dict[str, object]) -> list[str]:
        reply = (await client.post("/v1/events", json=list(events))).json()
        return [result["status"] for result in reply["results"]]

    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        mine = REVIEW | {"item_id": items_of(service)[0]}
        theirs = of_other | {"item_id": items_of(service)[1]}
        assert await statuses(client, mine, theirs, theirs | {"event_id": "e2"}) == ["accepted", "rejected", "accepted"]
        assert await statuses(client, theirs, mine) == ["rejected", "duplicate"]
        await applied(service)
        service.system("products").memory.reload()
        reply = (await client.post("/v1/events", json=[theirs, mine])).json()["results"]
        assert [result["status"] for result in reply] == ["rejected", "duplicate"] and "another user" in reply[0][
            "reason"
        ]
        holder = "MATCH (u:User)-[r:REVIEWED]->(:Product) WHERE r.event_id = 'e1' RETURN u.id AS user"
        assert in_graph(service, holder) == [{"user": "newcomer"}]
        await client.delete("/v1/products/users/newcomer")
        assert await statuses(client, theirs) == ["accepted"]

    run(settings, asks)


def test_a_restart_loses_nothing_and_repeats_nothing(settings: Settings) -> None:
    async def write(service: Service, client: httpx.AsyncClient) -> None:
        item = items_of(service)[5]
        service.graph.write = broken  # type: ignore[method-assign,assignment]
        await client.post("/v1/events", json=REVIEW | {"item_id": item})
        kept.extend([item, *await ids(client, "newcomer")])

    def broken() -> None:
        raise OSError("no graph today")

    async def read_again(service: Service, client: httpx.AsyncClient) -> None:
        assert await ids(client, "newcomer") == kept[1:]
        await applied(service)
        assert await ids(client, "newcomer") == kept[1:]
        count = "MATCH (u:User)-[r:REVIEWED]->(p:Product) WHERE u.id = 'newcomer' RETURN count(r) AS n"
        assert in_graph(service, count) == [{"n": 1}]

    kept: list[str] = []
    run(settings, write)
    run(settings, read_again)
    run(settings, read_again)


def test_a_new_item_with_text_is_recommended_as_publishing_would(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        titles = service.system("products").memory.past.titles
        title = next(iter(titles.values()))
        body = [{"id": "N1", "title": title, "brand": "Ours", "category": ["Guitars", "Strings"]}]
        assert (await client.put("/v1/products/items", json=body)).json()["accepted"] == 1
        await applied(service)
        with anyio.fail_after(20):
            while not len(service.vectors.of("products").fetch(version(service), "items", ["N1"]).ids):
                await anyio.sleep(0.05)
        with service.graph.read() as store:
            recommender: Any = service.system("products").recommender
            placed = place_new_items(PRODUCTS, store, recommender.version().model)
        row = service.vectors.of("products").fetch(version(service), "items", ["N1"]).vectors[0]
        np.testing.assert_allclose(row, placed.rows[placed.ids.index("N1")], rtol=1e-5)
        members = "MATCH (p:Product)-[:IN_CATEGORY]->(c:Category) WHERE p.id = 'N1' RETURN c.id AS id ORDER BY id"
        assert in_graph(service, members) == [{"id": "Guitars"}, {"id": "Strings"}]
        everything = (await client.get("/v1/products/users/nobody/recommendations", params={"k": 60})).json()["items"]
        assert {item["id"]: item["source"] for item in everything}["N1"] == "new"

    run(settings, asks)


def version(service: Service) -> str:
    return service.system("products").version


def test_a_deleted_user_is_gone_everywhere(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kindred.serving.background.applying.FORGET_SECONDS", 0.0)

    async def delete(service: Service, client: httpx.AsyncClient) -> None:
        memory = service.system("products").memory
        busy = memory.busy_users(30)[-1]  # who has not seen everything
        gone.append(busy)
        await client.post("/v1/events", json=REVIEW | {"user_id": busy, "item_id": items_of(service)[0]})
        assert (await client.get(f"/v1/products/users/{busy}/recommendations")).json()["level"] == "folded-in"
        ladder = service.system("products").ladder
        assert ladder.from_lists(Request(busy), StoreError("gone")).served_by == "last"
        assert (await client.delete(f"/v1/products/users/{busy}")).json() == {"deleted": busy}
        assert ladder.from_lists(Request(busy), StoreError("gone")).served_by == "popular"
        reply = (await client.get(f"/v1/products/users/{busy}/recommendations")).json()
        assert reply["level"] == "popular"
        await applied(service)
        with anyio.fail_after(20):
            while busy in (service.live.folder / "writes.log").read_text("utf-8"):
                await anyio.sleep(0.05)

    async def look(service: Service, client: httpx.AsyncClient) -> None:
        assert in_graph(service, "MATCH (u:User) WHERE u.id = $u RETURN u.id AS id", u=gone[0]) == []
        assert not len(service.vectors.of("products").fetch(version(service), "users", gone).ids)
        assert (await client.get(f"/v1/products/users/{gone[0]}/recommendations")).json()["level"] == "popular"

    gone: list[str] = []
    run(settings, delete)
    run(settings, look)


def test_an_item_that_only_a_deleted_user_chose_goes_with_them(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        async def has_row(is_there: bool) -> None:
            with anyio.fail_after(20):
                while (
                    bool(len(service.vectors.of("products").fetch(version(service), "items", ["N9"]).ids)) != is_there
                ):
                    await anyio.sleep(0.05)

        seen, told = items_of(service)[0], []
        for number, item in enumerate((seen, "N9")):
            told.append({"user_id": "passing", "item_id": item, "rating": 5, "event_id": f"p{number}"})
        await client.post("/v1/events", json=told)
        await has_row(True)
        assert "N9" in await listed(client, "nobody", 60)
        await client.delete("/v1/products/users/passing")
        await has_row(False)
        assert "N9" not in await listed(client, "nobody", 60)

    run(settings, asks)


def test_a_deleted_item_is_in_no_answer(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        best = (await ids(client, "nobody"))[0]
        await client.delete(f"/v1/products/items/{best}")
        assert best not in await ids(client, "nobody")
        await applied(service)
        assert best not in await ids(client, "nobody")
        with service.graph.read() as store:
            left = [i for batch in store.read_nodes(graph_schema().node(Product.label), ["id"]) for i in batch["id"]]
        assert best not in {i.as_py() for i in left}

    run(settings, asks)


def test_what_is_said_of_a_user_is_kept_and_added_to(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        await client.put("/v1/products/users", json=[{"id": "x", "country": "NZ"}])
        told = [{"id": "x", "age": 40}, {"id": "y", "age": "old"}]
        reply = (await client.put("/v1/products/users", json=told)).json()
        assert (reply["accepted"], reply["rejected"]) == (1, 1)
        await applied(service)
        found = in_graph(service, "MATCH (u:User) WHERE u.id = 'x' RETURN u.country AS country, u.age AS age")
        assert found == [{"country": "NZ", "age": 40}]

    run(settings, asks)


def test_many_writers_at_once_lose_nothing(settings: Settings) -> None:
    async def asks(service: Service, client: httpx.AsyncClient) -> None:
        items = items_of(service)

        async def send(number: int) -> None:
            events = [
                {
                    "user_id": f"w{number}",
                    "item_id": items[number + step],
                    "event_id": f"{number}-{step}",
                }
                for step in range(20)
            ]
            assert (await client.post("/v1/events", json=events)).json()["accepted"] == 20

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(send, number)
        await applied(service)
        count = "MATCH (u:User)-[r:REVIEWED]->(:Product) WHERE u.id STARTS WITH 'w' RETURN count(r) AS n"
        assert in_graph(service, count) == [{"n": 200}]
        assert service.live.lag() == (0, 0.0)

    run(settings, asks)
