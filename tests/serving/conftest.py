"""A small shop, trained and published once, and the service on a copy of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI

from kindred.serving.app import build_app
from kindred.serving.service import Service, open_service
from kindred.settings import Settings
from tests.recommenders.conftest import ENCODER, published_shop, reviews_of


@dataclass(frozen=True)
class Published:
    """Where the shop is, and its reviews as the file holds them."""

    folder: Path
    reviews: list[dict[str, Any]]


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A data folder with a graph, a run and a published version."""
    folder = published_shop(tmp_path_factory)
    return Published(folder, reviews_of(folder))


@pytest.fixture
def settings(published: Published, tmp_path: Path) -> Settings:
    """The settings of a copy, for a test that writes."""
    return settings_in(published, tmp_path / "data")


def settings_in(published: Published, folder: Path) -> Settings:
    copytree(published.folder, folder)
    return Settings(data_dir=folder, serve_port=0)


@pytest.fixture(scope="module")
def service(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that the tests of a module share, for tests that only ask."""
    with opened(settings_in(published, tmp_path_factory.mktemp("shared") / "data")) as service:
        yield service


def opened(settings: Settings) -> Any:
    """`open_service` with the encoder of the tests, which needs no network of 90 MB."""
    return _Opened(settings)


class _Opened:
    def __init__(self, settings: Settings) -> None:
        self._context = open_service(settings)

    def __enter__(self) -> Service:
        service = self._context.__enter__()
        service.encoder = ENCODER
        return service

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)


@asynccontextmanager
async def asking(service: Service, app: FastAPI | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service, or of its application that was built before; background tasks run meanwhile."""
    app = app or build_app(service)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://kindred") as client,
    ):
        yield client


Asks = Callable[[httpx.AsyncClient], Awaitable[None]]


def ask(service: Service, asks: Asks, app: FastAPI | None = None) -> None:
    """Runs a test's requests."""

    async def main() -> None:
        async with asking(service, app) as client:
            await asks(client)

    anyio.run(main)


class Client:
    """A client for tests that ask one thing after the other, of one application: to build one takes half a second."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._app = build_app(service)

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self._ask("GET", path, params=parameters)

    def post(self, path: str, body: object) -> httpx.Response:
        return self._ask("POST", path, json=body)

    def delete(self, path: str) -> httpx.Response:
        return self._ask("DELETE", path)

    def send(self, path: str, content: bytes, **parameters: Any) -> httpx.Response:
        """Posts a body that is no JSON."""
        return self._ask("POST", path, content=content, params=parameters)

    def send_json(self, path: str, text: bytes, kind: str = "application/json") -> httpx.Response:
        """Posts what calls itself JSON."""
        return self._ask("POST", path, content=text, headers={"Content-Type": kind})

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        replies: list[httpx.Response] = []

        async def one(client: httpx.AsyncClient) -> None:
            replies.append(await client.request(method, path, **options))

        ask(self._service, one, self._app)
        return replies[0]


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    """Asks the shared service."""
    return Client(service)


def forgotten(service: Service, node_id: str) -> Asks:
    """A test's wait until what was deleted is out of graph and journal, where `FORGET_SECONDS` is 0."""

    async def wait(client: httpx.AsyncClient) -> None:
        with anyio.fail_after(20):
            while f'"{node_id}"' in (service.live.folder / "writes.log").read_text("utf-8"):
                await anyio.sleep(0.05)

    return wait
