"""Who gets in: keys, scopes, rates, sizes, depth, hosts and other sites, each refused with the status that it has."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from kindred.serving.http.replies import orjson_response
from kindred.serving.protection.access import Access, needed_scope
from kindred.serving.protection.keys import Scope as KeyScope
from kindred.serving.protection.keys import keys_of
from kindred.serving.telemetry.metrics import Metrics
from kindred.serving.telemetry.spans import Spans
from kindred.serving.telemetry.tracing import Tracing
from kindred.settings import Settings

ASK, TELL = "/v1/products/users/u/recommendations", "/v1/events"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The service behind: says how much it was given, and by whom."""
    body = await Request(scope, receive).body()
    reply: Response = orjson_response({"size": len(body), "caller": scope["state"].get("caller")})
    await reply(scope, receive, send)


class Door:
    """Asks the echo through `Access`."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        settings = Settings(data_dir=folder, **limits)
        self.keys = keys_of(folder)
        self._app = Tracing(Access(echo, settings), Metrics({}), Spans(), logs_all=False)

    def ask(self, method: str, path: str, key: str = "", host: str = "http://kindred", **options: Any) -> Any:
        headers = options.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
        return asyncio.run(self._ask(host, method, path, headers=headers, **options))

    async def _ask(self, host: str, *request: str, **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=host) as client:
            return await client.request(*request, **options)

    def key(self, *scopes: KeyScope, name: str = "shop") -> str:
        return self.keys.create(name, scopes)[1]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    yield Door(tmp_path, serve_body_bytes=2048, serve_rate=1, serve_burst=3)


def test_without_any_key_this_machine_may_do_all(door: Door) -> None:
    assert door.ask("GET", ASK).json() == {"size": 0, "caller": None}
    assert door.ask("POST", TELL, json={"a": 1}).json()["size"] == len(b'{"a":1}')


def test_once_there_is_a_key_nobody_comes_in_without(door: Door) -> None:
    key = door.key(KeyScope.READ)
    refused = door.ask("GET", ASK)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="Kindred"')
    assert refused.json()["error"]["request_id"] == refused.headers["x-request-id"]
    assert door.ask("GET", ASK, key).json()["caller"] == "shop"
    assert door.ask("GET", ASK, headers={"X-API-Key": key}).status_code == 200
    assert door.ask("GET", ASK, key[:-2] + "zz").status_code == 401
    door.keys.revoke(door.keys.active()[0].id)
    assert door.ask("GET", ASK, key).status_code == 401  # all are revoked: that does not open the door


def test_a_public_address_whose_keys_vanish_stays_shut(tmp_path: Path) -> None:
    door = Door(tmp_path, serve_host="0.0.0.0")
    assert door.ask("GET", ASK).status_code == 401
    assert door.ask("GET", "/health/live").status_code == 200


def test_a_browser_sends_its_key_as_a_password(door: Door) -> None:
    key = door.key(KeyScope.READ)
    asked = door.ask("GET", "/ui")
    assert asked.headers["www-authenticate"].startswith("Basic") and "as the password" in asked.text
    basic = base64.b64encode(f"anything:{key}".encode()).decode()
    assert door.ask("GET", "/ui", headers={"Authorization": f"Basic {basic}"}).status_code == 200
    assert door.ask("GET", "/ui", headers={"Authorization": "Basic %%%"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", ASK, KeyScope.READ),
        ("POST", "/v1/products/recommendations", KeyScope.READ),
        ("POST", "/v1/products/rank", KeyScope.READ),
        ("POST", "/reviews/", KeyScope.READ),
        ("POST", TELL, KeyScope.WRITE),
        ("PUT", "/v1/products/items", KeyScope.WRITE),
        ("PATCH", "/v1/whatever", KeyScope.WRITE),
        ("DELETE", "/v1/products/users/u", KeyScope.ADMIN),
    ],
)
def test_each_request_needs_its_scope(door: Door, method: str, path: str, scope: KeyScope) -> None:
    assert needed_scope(method, path) == scope
    for given in KeyScope:
        key = door.key(given, name=f"with {given}")
        expected = 200 if given in (scope, KeyScope.ADMIN) else 403
        assert door.ask(method, path, key).status_code == expected


def test_a_key_that_asks_too_often_waits_and_others_do_not(door: Door) -> None:
    key, other = door.key(KeyScope.READ), door.key(KeyScope.READ, name="other")
    assert [door.ask("GET", ASK, key).status_code for _ in range(3)] == [200] * 3
    refused = door.ask("GET", ASK, key)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert door.ask("GET", ASK, other).status_code == 200


def test_a_body_that_is_too_big_is_refused_however_it_is_sent(door: Door) -> None:
    async def parts() -> Any:
        for _ in range(50):
            yield b" " * 100

    assert door.ask("POST", TELL, content=b" " * 2048).json()["size"] == 2048
    assert door.ask("POST", TELL, content=b" " * 2049).status_code == 413
    assert door.ask("POST", TELL, content=parts()).status_code == 413


def test_a_body_that_is_too_deep_is_refused(door: Door) -> None:
    refused = door.ask("POST", TELL, content=b'{"a":' * 100 + b"1" + b"}" * 100)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")


def test_a_compressed_body_is_refused_and_said_so(door: Door) -> None:
    reply = door.ask("POST", "/v1/events", content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert reply.status_code == 415 and "'gzip' is not read" in reply.json()["error"]["message"]


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    async def never() -> Any:
        await asyncio.sleep(60)

    async def main() -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": TELL, "query_string": b"", "headers": []}
        await Access(echo, Settings(data_dir=tmp_path, serve_deadline_ms=20))(scope, never, send)
        return int(sent[0]["status"])

    assert asyncio.run(main()) == 408


def test_more_requests_at_once_than_are_answered_are_sent_away(tmp_path: Path) -> None:
    async def main() -> list[int]:
        go = asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await go.wait()
            await echo(scope, receive, send)

        access = Access(slow, Settings(data_dir=tmp_path, serve_concurrent=2))
        app = Tracing(access, Metrics({}), Spans(), logs_all=False)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://kindred") as client:
            waiting = [asyncio.create_task(client.get(ASK)) for _ in range(2)]
            await asyncio.sleep(0.05)
            refused = await client.get(ASK)
            assert refused.headers["retry-after"] == "1"
            go.set()
            after = [*(await asyncio.gather(*waiting)), await client.get(ASK)]
            return [refused.status_code, *(reply.status_code for reply in after)]

    assert asyncio.run(main()) == [503, 200, 200, 200]


def test_pages_of_others_ask_for_nothing_here(door: Door) -> None:
    here, there = "http://127.0.0.1:8000", {"Host": "evil.example:8000"}
    assert door.ask("GET", ASK, host=here).status_code == 200
    assert door.ask("GET", ASK, host="http://[::1]:8000").status_code == 200
    assert door.ask("GET", ASK, host=here, headers=there).status_code == 421
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert door.ask("POST", TELL, headers=cross).status_code == 403
    assert door.ask("GET", "/ui", headers=cross).status_code == 200  # a link may lead here


def test_addresses_are_of_some_length(door: Door) -> None:
    assert door.ask("GET", ASK + "?a=" + "x" * 9_000).status_code == 414


def test_keys_that_can_not_be_read_let_nobody_in(door: Door, tmp_path: Path) -> None:
    key = door.key(KeyScope.READ)
    (tmp_path / "keys.json").write_text("{")
    refused = door.ask("GET", ASK, key)
    assert refused.status_code == 503
    assert str(tmp_path) not in refused.text


def test_no_key_is_ever_logged(door: Door, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(logging.getLogger("kindred.serving"), "propagate", True)
    key = door.key(KeyScope.READ)
    door.ask("GET", ASK, key)
    door.ask("POST", TELL, key)
    door.ask("GET", ASK, key + "x")
    assert '"caller":"shop"' in caplog.text
    assert key.split("_", 2)[2] not in caplog.text
