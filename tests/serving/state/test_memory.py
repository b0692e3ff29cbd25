"""What the service holds in memory of users: who is shown as an example, and what is counted."""

from __future__ import annotations

import httpx
import pytest

from kindred.recommenders.answering.known import StoreKnown
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.products import PRODUCTS
from kindred.settings import Settings
from tests.serving.conftest import ask, opened
from tests.serving.routes.test_writes import REVIEW, applied, items_of

pytestmark = pytest.mark.long


def test_who_has_every_item_is_no_example_and_neither_is_who_has_none_or_was_deleted(settings: Settings) -> None:
    with opened(settings) as service:

        async def asks(client: httpx.AsyncClient) -> None:
            recommender, memory = service.system("products").recommender, service.system("products").memory
            assert isinstance(recommender, Recommender)
            every = [REVIEW | {"item_id": item, "event_id": f"all{n}"} for n, item in enumerate(items_of(service))]
            assert (await client.post("/v1/events", json=every)).json()["accepted"] == len(every)
            assert (await client.put("/v1/products/users", json=[{"id": "idle"}])).json()["accepted"] == 1
            await applied(service)
            memory.reload()
            many, num_items = len(memory.past.users), len(recommender.version().model.items)
            busy = memory.busy_users(many)
            left = [user for user in busy if len(set(memory.seen(user, None))) < num_items]
            assert "newcomer" in busy and "newcomer" not in left and "idle" not in busy
            assert recommender.example_users(many) == left
            with service.graph.read() as store:
                stored = StoreKnown(PRODUCTS, store)
                assert stored.busy_users(many) == busy and stored.busy_users(many, num_items) == left
            assert memory.busy_users(many, 0) == [] and recommender.example_users(1) == left[:1]
            assert (await client.delete(f"/v1/products/users/{left[0]}")).json() == {"deleted": left[0]}
            assert recommender.example_users(many) == left[1:]

        ask(service, asks)


def test_what_a_deleted_user_did_is_not_counted(settings: Settings) -> None:
    with opened(settings) as service:

        async def asks(client: httpx.AsyncClient) -> None:
            memory = service.system("products").memory
            user = memory.busy_users(1)[0]
            did = memory.seen(user, None)
            users, items, events = memory.size()
            before = memory.counts(None)[did[0]]
            await client.delete(f"/v1/products/users/{user}")
            await applied(service)
            past = memory.read()
            held = len(past.active_users()), len(past.items), len(past.item_index)
            assert memory.size() == (users - 1, items, events - len(did)) == held
            assert memory.counts(None)[did[0]] == before - did.count(did[0])
            told = REVIEW | {"user_id": user, "item_id": did[0]}
            assert (await client.post("/v1/events", json=told)).json()["accepted"] == 1
            await applied(service)
            assert memory.size() == (users, items, events - len(did) + 1)

        ask(service, asks)
