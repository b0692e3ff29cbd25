"""What only a server does: aliases, errors of the network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Barrier, Lock, Thread

import numpy as np
import pytest
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ApiException

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import SchemaError, SettingsError, StoreError
from kindred.vectorstore import qdrant_system
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.publish import publish_collections
from kindred.vectorstore.qdrant_server import QdrantServer
from kindred.vectorstore.qdrant_system import ServerSystem
from kindred.vectorstore.store import SystemVectors
from tests.vectorstore.stand_in import StandIn

MakeEmbeddings = Callable[..., Embeddings]
Seal = Callable[[SystemVectors, str, dict[str, Embeddings]], None]

pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    opened = StandIn(":memory:")
    yield opened
    opened.close()


@pytest.fixture
def store(client: QdrantClient) -> ServerSystem:
    return QdrantServer("http://stand-in", client).of("products")


def aliases(client: QdrantClient) -> dict[str, str]:
    return {alias.alias_name: alias.collection_name for alias in client.get_aliases().aliases}


def test_aliases_name_what_is_published(
    store: ServerSystem, client: QdrantClient, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    sealed(store, "v1", {"users": embeddings_of(3), "items": embeddings_of(4)})
    sealed(store, "v2", {"items": embeddings_of(4)})
    store.publish("v1")
    assert aliases(client) == {f"products~{kind}": f"products~v1~{kind}" for kind in ("users", "items")}
    store.publish("v2")
    assert aliases(client) == {
        "products~items": "products~v2~items",
        "products~users~~previous": "products~v1~users",
        "products~items~~previous": "products~v1~items",
    }
    assert store.rollback() == "v1"
    assert aliases(client) == {f"products~{kind}": f"products~v1~{kind}" for kind in ("users", "items")}


def test_all_aliases_switch_in_one_request(
    store: ServerSystem,
    client: QdrantClient,
    embeddings_of: MakeEmbeddings,
    sealed: Seal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for version in ("v1", "v2"):
        sealed(store, version, {"users": embeddings_of(3), "items": embeddings_of(4)})
    store.publish("v1")
    requests = []
    switch = client.update_collection_aliases
    monkeypatch.setattr(
        client, "update_collection_aliases", lambda changes: requests.append(changes) or switch(changes)
    )
    store.publish("v2")
    assert len(requests) == 1


def test_a_server_may_hold_other_things(
    store: ServerSystem, client: QdrantClient, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    foreign = {"vectors_config": qdrant_system.models.VectorParams(size=2, distance="Cosine")}
    client.create_collection("theirs", **foreign)
    client.create_collection("their~own", **foreign)
    client.update_collection_aliases([qdrant_system._assign("their-alias", "theirs")])
    for version in ("v1", "v2"):
        sealed(store, version, {"items": embeddings_of(4)})
        store.publish(version)
    assert store.versions() == ["v1", "v2"] and store.previous() == "v1"
    assert aliases(client)["their-alias"] == "theirs"


def test_versions_of_before_systems_had_names_are_refused(client: QdrantClient) -> None:
    vectors = qdrant_system.models.VectorParams(size=2, distance="Dot")
    client.create_collection("v1~users", vectors_config=vectors, metadata={"created_at": 1})
    with pytest.raises(StoreError, match="v1~users of an older Kindred") as caught:
        QdrantServer("http://stand-in", client)
    assert "delete those collections" in caught.value.next_step


def test_a_version_that_lost_a_collection_is_not_published(
    store: ServerSystem, client: QdrantClient, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    """As a kill in the middle of sealing or dropping leaves it."""
    sealed(store, "v1", {"users": embeddings_of(3), "items": embeddings_of(4)})
    client.delete_collection("products~v1~users")
    with pytest.raises(StoreError, match="not whole"):
        store.publish("v1")
    store.drop("v1")
    assert store.versions() == []


def test_large_collections_are_asked_in_excess(
    store: ServerSystem, embeddings_of: MakeEmbeddings, sealed: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = embeddings_of(300)
    sealed(store, "v1", {"items": items})
    exclude = [c.item_id for c in store.search("v1", "items", items.vectors[0], 40)]
    expected = store.search("v1", "items", items.vectors[0], 5, exclude=exclude)
    monkeypatch.setattr(qdrant_system, "_EXACT_POINTS", 0)
    assert store.search("v1", "items", items.vectors[0], 5, exclude=exclude) == expected
    assert not {c.item_id for c in expected} & set(exclude)


def test_requests_write_side_by_side(
    client: QdrantClient, embeddings_of: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, one_at_a_time, all_there = client.upsert, Lock(), Barrier(4, timeout=60)

    def upsert(name: str, points: list[qdrant_system.models.PointStruct], wait: bool) -> None:
        all_there.wait()  # until four requests are under way
        with one_at_a_time:  # the stand-in takes no more
            written(name, points, wait=wait)

    monkeypatch.setattr(client, "upsert", upsert)
    monkeypatch.setattr(qdrant_system, "_POINTS_PER_REQUEST", 10)
    store, items = QdrantServer("http://stand-in", client, 4).of("products"), embeddings_of(80)
    publish_collections(store, "v1", {"items": items})
    found = store.fetch("v1", "items", items.ids.ids)
    assert list(found.ids) == list(items.ids)
    np.testing.assert_allclose(found.vectors, items.vectors, rtol=1e-6)


def test_a_request_that_fails_beside_others_is_told(
    client: QdrantClient, embeddings_of: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upsert(name: str, points: list[qdrant_system.models.PointStruct], wait: bool) -> None:
        if points[0].payload == {"external_id": embeddings_of(80).ids.ids[40]}:
            raise ApiException("the disk is full")

    monkeypatch.setattr(client, "upsert", upsert)
    monkeypatch.setattr(qdrant_system, "_POINTS_PER_REQUEST", 10)
    store = QdrantServer("http://stand-in", client, 4).of("products")
    with pytest.raises(StoreError, match="the disk is full"):
        publish_collections(store, "v1", {"items": embeddings_of(80)})
    assert store.published() is None


def test_large_collections_are_divided(
    store: ServerSystem, client: QdrantClient, embeddings_of: MakeEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards, made = {}, client.create_collection

    def create(name: str, shard_number: int, **options: object) -> None:
        shards[name] = shard_number
        made(name, **options)

    monkeypatch.setattr(client, "create_collection", create)
    monkeypatch.setattr(qdrant_system, "_POINTS_PER_SHARD", 20)
    publish_collections(store, "v1", {"users": embeddings_of(20), "items": embeddings_of(41)})
    assert shards == {"products~v1~users": 1, "products~v1~items": 3}


def test_the_key_of_the_id_is_reserved(store: ServerSystem, embeddings_of: MakeEmbeddings) -> None:
    store.create("v1", "items", 8)
    with pytest.raises(SchemaError, match="external_id"):
        store.upsert("v1", "items", embeddings_of(1), [{"external_id": "x"}])


def test_a_server_that_does_not_answer() -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9") as caught:
        open_vectors("http://127.0.0.1:9", "key")
    assert caught.value.next_step == "see that it runs there"
    with pytest.raises(SettingsError, match="port"):
        open_vectors("http://127.0.0.1:port")


@pytest.mark.parametrize(
    ("status", "content", "told", "next_step"),
    [
        (401, b"Invalid API key or JWT", "401 Invalid API key or JWT", "see that KINDRED_VECTOR_API_KEY is right"),
        (403, b"", "403 Forbidden", "see that KINDRED_VECTOR_API_KEY is right"),
        (400, b'{"status":{"error":"Wrong input: no"},"time":0.1}', "400 Wrong input: no", "look at the server's log"),
        (502, b"<html>" + b"a" * 1_000, "502 <html>", "look at the server's log"),
    ],
)
def test_what_a_server_refuses_is_told_in_its_words(status: int, content: bytes, told: str, next_step: str) -> None:
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Refuses) as server:
        Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(StoreError) as caught, warnings.catch_warnings():
            warnings.simplefilter("error")  # none of the driver's own
            open_vectors(url, "key")
    assert caught.value.message.startswith(f"vector server {url}: {told}") and len(caught.value.message) < 400
    assert caught.value.next_step.startswith(next_step)
