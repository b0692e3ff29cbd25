"""What tests of every room share: a real Neo4j server, started at most once a run and only when a test asks for it."""

from __future__ import annotations

import gc
import os
import secrets
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
import typer.testing
from hypothesis import settings

from kindred.domain.schema import graph_schema

sys.path.insert(0, str(Path(__file__).parents[1]))  # `pytest` alone, unlike `python -m pytest`, does not add it

from tests.neo4j_server.server import Neo4jServer, ServerUnavailable, java_command, server_jars

command_tree = cache(typer.main.get_command)  # a tenth of a second each time: the program builds it once, tests do too
typer.testing._get_command = command_tree
settings.register_profile("no deadline", deadline=None)  # a busy machine is not a fault
settings.load_profile("no deadline")

if TYPE_CHECKING:
    from xdist.remote import Producer

    from kindred.graph.neo4j.store import Neo4jStore
    from tests.workers import FilesTogether


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported stays to the end: it is not searched for circles of references, now or with every test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files first."""
    from tests.workers import in_order

    in_order(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesTogether:
    """Hands out whole files; a mark of the group would have no effect with pytest 9.2 and pytest-xdist 3.8."""
    from tests.workers import FilesTogether

    return FilesTogether(config, log)


def no_server(reason: str) -> NoReturn:
    """Skips, and says why; fails where CI runs, or KINDRED_TEST_BROWSER=1 demands the tests in Neo4j Browser."""
    if os.environ.get("CI", "").lower() == "true" or os.environ.get("KINDRED_TEST_BROWSER") == "1":
        pytest.fail(f"Neo4j must be tested: {reason}")
    pytest.skip(f"NOT TESTED on Neo4j: {reason}")


@pytest.fixture(scope="module")
def quick_lightgcn() -> Iterator[None]:
    """LightGCN as a baseline of reports learns for a few passes: of all that they compare with it takes longest."""
    from kindred.linear.baselines.lightgcn import LightGCNConfig, fit_lightgcn
    from kindred.recommenders import baselines

    with pytest.MonkeyPatch.context() as patched:
        few = LightGCNConfig(epochs=5)
        patched.setattr(baselines, "_fit_lightgcn", lambda known: fit_lightgcn(known, few, seed=0))
        yield


@pytest.fixture(scope="module")
def no_pictures() -> Iterator[None]:
    """Reports are written without pictures, which take longer than fitting most of what a small report compares."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("kindred.evaluation.report.write_plots", lambda report, folder: [])
        yield


@pytest.fixture(scope="session")
def pack_address() -> Iterator[str]:
    """Where the pack for Neo4j Browser is served."""
    from kindred.graph.browser.server import open_pack_server

    with open_pack_server("127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def resting_neo4j(tmp_path_factory: pytest.TempPathFactory, pack_address: str) -> Iterator[Neo4jServer]:
    """The Neo4j of the whole run, with a random password; it runs once a test asked for `neo4j_server` or started it.

    It serves the Browser too, as the compose file has it.
    """
    from tests.compose.compose_file import neo4j_settings

    given = {name: value for name, value in neo4j_settings().items() if not name.startswith("server.memory.")}
    settings = {name: value.replace("http://localhost:8765", pack_address) for name, value in given.items()}
    # The graphs of a run follow each other within seconds: planning every statement anew for each would take half of
    # the server's time.
    settings["dbms.cypher.min_replan_interval"] = "1h"
    home, password = tmp_path_factory.mktemp("neo4j"), secrets.token_urlsafe(16)
    server = Neo4jServer(home, password, browser=True, settings=settings)
    try:
        java_command()
        server_jars()
    except ServerUnavailable as error:
        no_server(str(error))
    yield server
    server.kill()  # its home is temporary: nothing to end in order


@pytest.fixture(scope="session")
def neo4j_server(resting_neo4j: Neo4jServer) -> Neo4jServer:
    """The running Neo4j of the whole run; a test clears it before use."""
    if not resting_neo4j.is_running:
        try:
            resting_neo4j.start()
        except ServerUnavailable as error:
            no_server(str(error))
    return resting_neo4j


@pytest.fixture
def empty_neo4j(neo4j_server: Neo4jServer) -> Iterator[Neo4jStore]:
    """The store of an empty graph on the real server, with the constraints of the test before it.

    Making others takes the server long: it plans every statement anew for each that comes or goes.
    """
    with closing(open_neo4j(neo4j_server)) as store:
        clear_graph(neo4j_server)
        yield store


@pytest.fixture
def neo4j_store(empty_neo4j: Neo4jStore) -> Neo4jStore:
    """The store of an empty graph on the real server, our schema's constraints made."""
    empty_neo4j.create_schema(graph_schema())
    return empty_neo4j


def open_neo4j(server: Neo4jServer, retry_seconds: float = 5.0) -> Neo4jStore:
    from kindred.graph.neo4j.store import Neo4jStore
    from kindred.graph.server import GraphServer

    return Neo4jStore(server.url, GraphServer("neo4j", server.password, "neo4j", retry_seconds))


def clear_graph(server: Neo4jServer) -> None:
    """Deletes everything but constraints, in batches that the small heap can hold."""
    import neo4j

    login = ("neo4j", server.password)
    with neo4j.GraphDatabase.driver(server.url, auth=login) as driver, driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 2000 ROWS").consume()
