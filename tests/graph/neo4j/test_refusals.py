"""What the Neo4j store refuses: missing packages, old servers, rows that do not fit."""

from __future__ import annotations

import importlib.metadata
from contextlib import closing

import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError, SettingsError, StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.neo4j import connection as neo4j_connection
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.server import GraphServer
from kindred.graph.store import with_schema
from tests.conftest import open_neo4j
from tests.neo4j_server.server import Neo4jServer

USER, PRODUCT = graph_schema().node("User"), graph_schema().node("Product")


@pytest.mark.parametrize("package", ["neo4j", "neo4j-rust-ext"])
def test_a_missing_package_names_the_extra_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == package:
            raise importlib.metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(neo4j_connection, "version", version)
    with pytest.raises(SettingsError, match=r"'\.\[neo4j\]'"):
        Neo4jStore("neo4j://127.0.0.1:1", GraphServer("neo4j", "x", "neo4j"))


def test_a_server_that_is_too_old_is_refused(neo4j_server: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neo4j_connection, "OLDEST_SERVER", (5, 999))
    with pytest.raises(StoreError, match=r"runs Neo4j/5\.26\.\d+; Kindred needs Neo4j 5.999 or newer"):
        Neo4jStore(neo4j_server.url, GraphServer("neo4j", neo4j_server.password, "neo4j"))


def test_who_may_only_read_opens_a_graph_that_has_its_indexes(
    neo4j_store: Neo4jStore, neo4j_server: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server refuses them even a statement that would change nothing."""

    def refused(*_: object) -> None:
        raise StoreError("you may only read")

    neo4j_store.upsert_nodes(USER, pa.table({"id": ["ann"]}))
    monkeypatch.setattr(neo4j_connection.Neo4jConnection, "write", refused)
    with closing(with_schema(open_neo4j(neo4j_server), graph_schema())) as reader:
        assert [batch["id"].to_pylist() for batch in reader.read_nodes(USER)] == [["ann"]]


@pytest.mark.parametrize("kind", ["ClientError", "WriteServiceUnavailable", "ForbiddenOnReadOnlyDatabase"])
def test_a_database_that_is_read_only_is_said_to_be_so(
    neo4j_server: Neo4jServer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The server says so by a code, or the driver finds it out from the list of servers that it asks for."""
    neo4j = pytest.importorskip("neo4j")
    named = {"code": neo4j_connection.READ_ONLY} if kind == "ClientError" else {}
    error = type("Refused", (getattr(neo4j.exceptions, kind),), named)

    def refused(*_: object) -> None:
        raise error("no write operations are allowed")

    with closing(open_neo4j(neo4j_server)) as store:
        monkeypatch.setattr(neo4j.Session, "execute_write", refused)
        with pytest.raises(StoreError, match="takes no writes: it is read-only") as found:
            store.delete_nodes(USER, ["ann"])
    assert "server.databases.read_only" in str(found.value)


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (pa.table({"id": ["a"], "colour": ["red"]}), "no property 'colour'"),
        (pa.table({"id": pa.array([None], pa.string())}), "need a value for 'id'"),
        (pa.table({"description": ["x"]}), "need a value for 'id'"),
        (pa.table({"id": ["a"], "description": [b"\xff"]}), "do not fit"),
    ],
)
def test_rows_that_do_not_fit_are_refused(neo4j_store: Neo4jStore, batch: pa.Table, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        neo4j_store.upsert_nodes(PRODUCT, batch)
