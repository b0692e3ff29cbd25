"""An item that was deleted and put again is recommended again, as the next publish would have it."""

from __future__ import annotations

import anyio
import httpx

from kindred.settings import Settings
from tests.serving.conftest import ask, opened


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
