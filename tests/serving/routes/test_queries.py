"""Searches through the service: what is sent, what a known user searched for, and the page to try it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from kindred.domain.recommendation import Request
from kindred.domain.records import Searched
from kindred.domain.schema import EdgeType, edge_type_of, graph_schema, to_table
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.open import open_graph
from kindred.ingest.generate.searches import SearchSample, generate_searches
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.searches import search_files
from kindred.models.two_tower import TowerConfig
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.searching.recommender import QueryRecommender
from kindred.recommenders.systems import SYSTEMS
from kindred.recommenders.training import GraphState
from kindred.serving.answering.ladder import is_plain
from kindred.serving.service import Service
from kindred.settings import Settings
from kindred.steps import publish_run
from kindred.stores import graph_to_read, vectors_of
from kindred.training.fit import RunOptions
from kindred.training.schedule import FitConfig
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import Client, ask, forgotten, opened

TINY = ModelConfig(tower=TowerConfig(width=16, fit=FitConfig(epochs=2, patience=2, warmup_epochs=0)))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("searches")
    settings = Settings(data_dir=folder, serve_port=0)
    files = generate_searches(SearchSample(users=60, products=120, orders=700, seed=3), folder / "sample")
    store = open_graph(settings.effective_graph_url)
    store.create_schema(graph_schema())
    sources = search_files(files.events, files.orders, None, files.products)
    ingest_files(store, sources, ENCODER, IngestOptions(folder / "staging", folder / "quarantine"))
    options = RunOptions(folder / "artifacts/queries/20260101-000000-aaaaaa", seed=3, device="cpu")
    run = SYSTEMS["queries"].train(store, TINY, options, GraphState(store.url, "test"))
    store.close()
    publish_run(settings, run)
    with opened(settings) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    return Client(service)


def test_an_answer_depends_on_the_searches_that_are_sent(client: Client) -> None:
    answer = client.post("/v1/queries/recommendations", {"queries": ["yoga mat"], "k": 3}).json()
    assert len(answer["items"]) == 3 and answer["level"] == "inductive"
    other = client.post("/v1/queries/recommendations", {"queries": ["coffee grinder"], "k": 3}).json()
    assert [item["id"] for item in other["items"]] != [item["id"] for item in answer["items"]]


def test_a_user_is_answered_by_what_they_searched_for(client: Client) -> None:
    answer = client.get("/v1/queries/users/U00001/recommendations", k=5).json()
    assert len(answer["items"]) == 5 and answer["level"] == "model"


def test_a_user_gets_only_what_costs_so_much_and_is_there(client: Client, service: Service) -> None:
    asked = "/v1/queries/users/U00001/recommendations"
    body = {"user_id": "U00001", "k": 5, "filters": {"price": {"min": 10, "max": 60}, "in_stock": True}}
    sent = client.post("/v1/queries/recommendations", body).json()["items"]
    found = client.get(asked, k=5, where=["price>=10", "price<=60", "in_stock=yes"]).json()["items"]
    assert [item["id"] for item in found] == [item["id"] for item in sent]
    release = service.system("queries").recommender._versions.of()
    prices = dict(zip(release.products.ids.ids, release.products.numbers["price"].tolist(), strict=True))
    assert found and all(10 <= prices[item["id"]] <= 60 for item in found)
    assert [item["id"] for item in client.get(asked, k=5).json()["items"]] != [item["id"] for item in found]


@pytest.mark.parametrize("said", [{"queries": ["yoga mat"]}, {}])
@pytest.mark.parametrize(
    ("where", "note"),
    [
        ({"category": "no such"}, "no product is of category no such"),
        ({"price": {"min": 9, "max": 3}}, "no product is left that fits what was asked for"),
    ],
)
def test_an_empty_answer_says_why(client: Client, said: dict[str, object], where: dict[str, object], note: str) -> None:
    answer = client.post("/v1/queries/recommendations", {**said, "where": where}).json()
    assert (answer["items"], answer["note"]) == ([], note)


def test_the_openapi_shows_how_a_condition_is_written(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    parameters = paths["/v1/{system}/users/{user_id}/recommendations"]["get"]["parameters"]
    where = next(parameter for parameter in parameters if parameter["name"] == "where")
    assert where["schema"]["type"] == "array" and where["schema"]["examples"] == [
        ["category=Guitars", "price<=20", "in_stock=yes"]
    ]


def test_the_page_to_try_it_asks_for_searches(client: Client) -> None:
    assert "Searches, one a line" in client.get("/ui/queries/try").text
    tried = client.get("/ui/queries/try", pasted="yoga mat").text
    best = client.post("/v1/queries/recommendations", {"queries": ["yoga mat"]}).json()["items"][0]
    assert best["title"] in tried


def test_given_products_are_put_in_order_and_what_searches_do_not_go_by_is_refused(client: Client) -> None:
    best = client.post("/v1/queries/recommendations", {"queries": ["yoga mat"], "k": 9}).json()["items"]
    given = [best[8]["id"], "none", best[1]["id"]]
    ranked = client.post("/v1/queries/rank", {"user_id": "U00001", "items": given}).json()
    assert {item["id"] for item in ranked["items"]} == {best[8]["id"], best[1]["id"]} and ranked["unknown"] == ["none"]
    for more in ({"pinned": ["P00001"]}, {"boosts": {"P00001": 1}}, {"viewed": ["P00001"]}, {"diversity": 0.5}):
        reply = client.post("/v1/queries/recommendations", {"queries": ["yoga mat"], **more})
        assert reply.status_code == 422 and "queries does not go by" in reply.json()["error"]["message"], more


def test_what_was_searched_in_a_request_is_not_kept_as_what_suits_the_user() -> None:
    assert not is_plain(Request("U00001", queries=("yoga mat",))) and is_plain(Request("U00001"))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"filters": {"price": 5}}, "filters.price: must be a name, true, false, or bounds as"),
        ({"k": 0}, "k: must be at least 1"),
        ({"queries": [None]}, "queries.0: must be a text"),
        ({"colour": "red"}, "colour: is not known"),
        ({"at": "soon"}, "'soon' is no time"),
        ({"at": 5}, "'5' is no time"),
        ({"at": True}, "at: must be a text"),
    ],
)
def test_what_is_wrong_is_said_plainly(client: Client, body: dict[str, object], message: str) -> None:
    reply = client.post("/v1/queries/recommendations", body)
    assert reply.status_code == 422 and message in reply.json()["error"]["message"]


def test_pages_show_what_somebody_searched_for_and_what_answers_rest_on(client: Client) -> None:
    page = client.get("/ui/queries/user", id="U00001").text
    assert "What they searched for" in page and "from their latest searches" in page and "embeddings" not in page
    status = client.get("/ui/status").text
    assert "Knows events up to" in status and "did something since" not in status
    run = client.get("/ui/runs").text.split("/ui/run?system=queries&amp;name=")[1].split('"')[0]
    shown = client.get("/ui/run", system="queries", name=run).text
    assert "on validation" in shown and "not trained in epochs" not in shown, "towers are"


def test_why_as_of_a_time_takes_what_recommendations_take(client: Client) -> None:
    best = client.get("/v1/queries/users/U00001/recommendations", k=1).json()["items"][0]["id"]
    path = f"/v1/queries/users/U00001/why/{best}"
    for at in ("9" * 30, "1e30", str(2**63), "soon", "1999", "0", "-1"):
        reply = client.get(path, at=at)
        assert reply.status_code == 422 and "is no time" in reply.json()["error"]["message"], at
    early = client.get(path, at="2000-01-01T00:00:00Z").json()
    assert early == {**client.get(path, at=946684800).json(), "request_id": early["request_id"]}
    assert early == {**client.get(path, at="20000101").json(), "request_id": early["request_id"]}
    assert client.get(path, at="2100-01-01").json()["now"]["rank"] == 1
    nothing = client.get("/v1/queries/users/U00001/recommendations", at="2000-01-01").json()
    assert nothing["items"] == [] and nothing["note"].endswith("nothing that fits had happened up to then")
    told = client.post("/v1/queries/recommendations", {"user_id": "U00001", "at": 946684800}).json()
    assert told["note"] == nothing["note"], "a body may hold seconds as a number"


def test_a_purchase_is_left_out_of_the_next_answer(client: Client) -> None:
    asked = "/v1/queries/users/U00003/recommendations"
    best = client.get(asked, k=1).json()["items"][0]["id"]
    before = client.get(asked, k=1, at="2100-01-01").json()["items"][0]["id"]
    assert (
        client.post("/v1/events", {"system": "queries", "user_id": "U00003", "item_id": best}).json()["accepted"] == 1
    )
    after = client.get(asked, k=20).json()["items"]
    assert best == before and len(after) == 20 and best not in [item["id"] for item in after]


def test_a_deleted_product_is_left_out_of_the_next_answer(client: Client) -> None:
    asked = "/v1/queries/users/U00004/recommendations"
    last = client.get(asked, k=20).json()["items"][-1]["id"]
    assert client.delete(f"/v1/queries/items/{last}").status_code == 200
    after = client.get(asked, k=20).json()["items"]
    assert len(after) == 20 and last not in [item["id"] for item in after]


def test_an_answer_reads_the_graph_only_where_it_has_changed(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, opened, read = "U00002", service.system("queries"), EmbeddedGraph.edges_of
    recommender, reads = opened.recommender, list[str]()

    def noted(store: EmbeddedGraph, edge: EdgeType, source_id: str, *rest: Any) -> pa.Table:
        reads.append(edge.type)
        return read(store, edge, source_id, *rest)

    def ask() -> list[str]:
        reads.clear()
        return [item["id"] for item in client.get(f"/v1/queries/users/{user}/recommendations", k=5).json()["items"]]

    monkeypatch.setattr(EmbeddedGraph, "edges_of", noted)
    before = ask()
    assert not reads and len(before) == 5
    assert isinstance(recommender, QueryRecommender)
    edge = edge_type_of(Searched)
    query = next(query for query in recommender.searched("U00001") if query not in recommender.searched(user))
    with service.graph.write() as store:  # as a command that loads searches does
        told = Searched(event_id="now", source_id=user, target_id=query, at=int(time.time()))
        store.upsert_edges(edge, to_table(edge, [told]))
    after = ask()
    assert after != before and {"SEARCHED", "BOUGHT"} == set(reads)
    assert recommender.searched(user)[0] == query and recommender.is_behind()
    opened.catch_up(service.live.num_applied["queries"])
    assert not recommender.is_behind() and ask() == after and not reads
    with service.graph.write() as store:
        store.delete_edges(edge, ["now"])
    assert ask() == before and reads


def test_a_deleted_product_is_in_no_answer_then_nor_after_a_restart_nor_of_a_command(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kindred.serving.background.applying.FORGET_SECONDS", 0.0)
    shutil.copytree(service.settings.data_dir, tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data", serve_port=0)
    gone, near = "", ""

    def check(client: Client) -> None:
        assert client.get(f"/v1/queries/items/{gone}/similar").status_code == 404
        assert gone not in ids_of(client.get(f"/v1/queries/items/{near}/similar", k=120))
        assert gone not in ids_of(client.post("/v1/queries/recommendations", {"queries": ["yoga mat"], "k": 120}))
        assert client.post("/v1/queries/rank", {"items": [gone]}).json()["items"] == []

    with opened(settings) as first:
        client = Client(first)
        gone = ids_of(client.post("/v1/queries/recommendations", {"queries": ["yoga mat"]}))[0]
        near = ids_of(client.get(f"/v1/queries/items/{gone}/similar"))[0]
        client.delete(f"/v1/queries/items/{gone}")
        check(client)
        ask(first, forgotten(first, gone))
    with opened(settings) as again:
        check(Client(again))
    with graph_to_read(settings) as store, vectors_of(settings) as vectors:
        read = Opened(store, vectors, settings.data_dir / "artifacts/queries", lambda: ENCODER)
        command = QueryRecommender(SYSTEMS["queries"].system, read)
        assert gone not in {item.item_id for item in command(Request(queries=["yoga mat"], k=120)).recommendations}
        assert gone not in {item for _, items, _ in command.everyone(120) for item in items}


def test_why_for_a_deleted_user_knows_no_search_of_theirs(service: Service, tmp_path: Path) -> None:
    shutil.copytree(service.settings.data_dir, tmp_path / "data")
    with opened(Settings(data_dir=tmp_path / "data", serve_port=0)) as other:
        client = Client(other)
        best = ids_of(client.get("/v1/queries/users/U00001/recommendations"))[0]
        assert client.get(f"/v1/queries/users/U00001/why/{best}").json()["level"] == "model"
        opened_system = other.system("queries")
        opened_system.forget_user("U00001")  # as when the deletion is told, and the graph holds them still
        told = client.get(f"/v1/queries/users/U00001/why/{best}").json()
        assert (told["level"], told["user_id"]) == ("popular", "U00001")


def ids_of(reply: httpx.Response) -> list[str]:
    return [item["id"] for item in reply.json()["items"]]
