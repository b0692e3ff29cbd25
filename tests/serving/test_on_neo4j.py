"""The service on a real Neo4j: the answers that it gives on the embedded graph, and writes that arrive there once."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
from pydantic import SecretStr

from kindred.domain.recommendation import Request
from kindred.domain.schema import graph_schema
from kindred.graph.copy import copy_graph
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.store import QueryLimits
from kindred.recommenders.answering.recommender import Opened, Recommender
from kindred.recommenders.products import PRODUCTS
from kindred.serving.service import Service
from kindred.settings import Settings
from kindred.stores import graph_to_read, runs_folder_of
from tests.neo4j_server.server import Neo4jServer
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import Published, ask, opened

K = 10


def test_answers_are_those_of_the_embedded_graph_and_writes_arrive_once(
    published: Published, settings: Settings, empty_neo4j: Neo4jStore, neo4j_server: Neo4jServer
) -> None:
    users = sorted({str(review["reviewerID"]) for review in published.reviews})[:3]
    on_server = Settings(
        data_dir=settings.data_dir,
        serve_port=0,
        graph_url=neo4j_server.url,
        graph_password=SecretStr(neo4j_server.password),
    )
    with graph_to_read(settings) as embedded:
        copy_graph(embedded, empty_neo4j, graph_schema())
    with opened(settings) as service:
        expected = said(service, users)
    with opened(on_server) as service:
        assert said(service, users) == expected
        ask(service, lambda client: writes(service, client, users[0]))
    [[event_id]] = rows(empty_neo4j, "MATCH (:User {id: 'newcomer'})-[e:REVIEWED]->() RETURN e.event_id AS id")
    assert event_id == "e1"
    assert rows(empty_neo4j, "MATCH (p:Product {id: 'tuner'}) RETURN p.title AS title") == [["Clip-on tuner"]]
    assert rows(empty_neo4j, f"MATCH (u:User) WHERE u.id = '{users[0]}' RETURN u.id AS id") == []


def said(service: Service, users: list[str]) -> list[object]:
    """Lists with scores, and the evidence for the first item of each."""
    found: list[object] = []

    async def asks(client: httpx.AsyncClient) -> None:
        for user in users:
            reply = (await client.get(f"/v1/products/users/{user}/recommendations?k={K}")).json()
            why = (await client.get(f"/v1/products/users/{user}/why/{reply['items'][0]['id']}")).json()
            evidence = [(path["text"], path["quotes"]) for path in why["evidence"]]
            found.append([reply["items"], reply["level"], reply["degraded"], why["now"], evidence])

    ask(service, asks)
    return found


async def writes(service: Service, client: httpx.AsyncClient, leaver: str) -> None:
    item = service.system("products").memory.past.items.ids[0]
    event = {"user_id": "newcomer", "item_id": item, "rating": 5, "text": "Rings true.", "event_id": "e1"}
    told = (await client.post("/v1/events", json=[event, event])).json()
    assert (told["accepted"], told["duplicate"]) == (1, 1)
    assert (await client.put("/v1/products/items", json=[{"id": "tuner", "title": "Clip-on tuner"}])).json()["accepted"]
    assert (await client.delete(f"/v1/products/users/{leaver}")).status_code == 200
    with anyio.fail_after(60):
        while service.live.pending:
            await anyio.sleep(0.05)
    reply = (await client.get("/v1/products/users/newcomer/recommendations")).json()
    assert reply["level"] != "popular" and not reply["degraded"] and item not in [i["id"] for i in reply["items"]]
    with service.graph.read() as store:
        opened_on_graph = Opened(store, service.vectors, runs_folder_of(service.settings, "products"), lambda: ENCODER)
        answer = Recommender(PRODUCTS, opened_on_graph)(Request(user_id="newcomer", k=K))
    assert [found.item_id for found in answer.recommendations] == [i["id"] for i in reply["items"]]
    assert (await client.get(f"/v1/products/users/{leaver}/recommendations")).json()["level"] == "popular"


def rows(store: Neo4jStore, cypher: str) -> list[list[Any]]:
    return [list(row.values()) for row in store.query(cypher, {}, QueryLimits()).to_pylist()]
