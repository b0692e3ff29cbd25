"""What was deleted is named to no one; an item that is put again is recommended again."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest

from kindred.domain.recommendation import Request
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.products import PRODUCTS
from kindred.settings import Settings
from kindred.stores import graph_to_read, runs_folder_of, vectors_of
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import Client, ask, forgotten, opened


def test_a_deleted_user_is_named_to_no_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in reasons nor in evidence, at once, after a restart, and by commands."""
    monkeypatch.setattr("kindred.serving.background.applying.FORGET_SECONDS", 0.0)
    gone = ""

    def told(client: Client) -> list[Any]:
        found = []
        for user in users:
            answer = client.get(f"/v1/products/users/{user}/recommendations", k=3, reasons=True).json()
            found += [item.get("path", []) for item in answer["items"]]
            best = answer["items"][0]["id"]
            evidence = client.get(f"/v1/products/users/{user}/why/{best}").json()["evidence"]
            found += [(path["text"], *(node["id"] for node in path["nodes"])) for path in evidence]
        return found

    with opened(settings) as service:
        client, users = Client(service), service.system("products").memory.busy_users(12, fewer_than=20)
        named = [part for path in told(client) for part in path[2:-1]]
        gone = next(part for part in named if part in service.system("products").memory.past.users)
        users = [user for user in users if user != gone]
        client.delete(f"/v1/products/users/{gone}")
        assert gone not in str(told(client))
        ask(service, forgotten(service, gone))
    with opened(settings) as again:
        assert gone not in str(told(Client(again)))
    with graph_to_read(settings) as store, vectors_of(settings) as vectors:
        read = Opened(store, vectors, runs_folder_of(settings, "products"), lambda: ENCODER)
        command = Recommender(PRODUCTS, read)
        assert gone not in str([command(Request(user, k=3)).recommendations for user in users])


def test_an_item_that_was_deleted_and_put_again_is_recommended_again(settings: Settings) -> None:
    with opened(settings) as service:
        system = service.system("products")
        user = system.memory.busy_users(1, fewer_than=20)[0]
        vectors = service.vectors.of("products")

        async def asks(client: httpx.AsyncClient) -> None:
            async def has_row(is_there: bool) -> None:
                with anyio.fail_after(20):
                    while bool(len(vectors.fetch(system.version, "items", [best]).ids)) != is_there:
                        await anyio.sleep(0.05)

            asked, why = f"/v1/products/users/{user}/recommendations", f"/v1/products/users/{user}/why/"
            before = (await client.get(asked)).json()["items"]
            best = before[0]["id"]
            await client.delete(f"/v1/products/items/{best}")
            await has_row(False)
            again = [{"id": best, "title": before[0]["title"]}]
            assert (await client.put("/v1/products/items", json=again)).json()["accepted"] == 1
            waits = await client.get(why + best)
            if waits.status_code != 200:  # it is placed some seconds later
                assert waits.status_code == 404 and "ask again in some seconds" in waits.json()["error"]["hint"]
            await has_row(True)
            assert [item["id"] for item in (await client.get(asked)).json()["items"]] == [i["id"] for i in before]
            assert (await client.get(why + best)).json()["now"]["rank"] == 1

        ask(service, asks)
