"""The heads of requests: those that do not come, or do not end, hold no connection."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable

import httpx
import pytest
import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from kindred.serving.http.head_requests import HeadRequests
from kindred.serving.protection import connections
from kindred.serving.running import listening

pytestmark = pytest.mark.skipif(connections.READER == "auto", reason="httptools is not installed")
WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def says_hello(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await PlainTextResponse(f"{Request(scope).method} hello")(scope, receive, send)


def replies(*parts: bytes, app: object = says_hello) -> bytes:
    """All that comes back, up to the end of the connection."""

    async def main() -> bytes:
        with listening("127.0.0.1", 0) as listener:
            config = uvicorn.Config(app, http=connections.READER, lifespan="off", log_config=None, timeout_keep_alive=1)  # type: ignore[arg-type]
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listener]))
            reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.01)
            read = await asyncio.wait_for(reader.read(), 30)
            writer.close()
            server.should_exit = True
            await serving
            return read

    return asyncio.run(main())


def test_a_head_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.05)
    assert replies(b"GET / HTTP/1.1\r\n").startswith(b"HTTP/1.1 408 ")
    after = replies(WHOLE, b"GET / HT")
    assert after.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 408 " in after
    assert replies() == b""  # one that asks nothing ends as one that asks nothing more


async def keep_busy(client: socket.socket) -> None:
    """Sends a request while the loop reads something else, which takes until the connection was idle for too long."""
    read = asyncio.get_running_loop().create_future()

    class Slow(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            client.send(WHOLE)
            time.sleep(0.3)
            read.set_result(None)

    server = await asyncio.get_running_loop().create_server(Slow, "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()) as other:
        other.send(b"something")
        await read
    server.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_request_that_came_before_its_connection_is_closed_for_idleness_is_answered(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def main() -> bytes:
        with listening("127.0.0.1", 0) as listener:
            config = uvicorn.Config(
                says_hello,
                http=connections.READER,
                lifespan="off",
                log_config=None,
                timeout_keep_alive=0.2,  # type: ignore[arg-type]
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listener]))
            loop = asyncio.get_running_loop()
            with socket.create_connection(listener.getsockname()[:2]) as client:
                client.setblocking(False)
                await loop.sock_sendall(client, WHOLE)
                assert b"200 OK" in await loop.sock_recv(client, 1000)
                await keep_busy(client)
                second = await loop.sock_recv(client, 1000)
                assert await loop.sock_recv(client, 1000) == b""  # idle from then on
            server.should_exit = True
            await serving
            return second

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert b"200 OK" in runner.run(main())


@pytest.mark.parametrize("line", [b"Content-Length: -1", b"Content-Length: many", b"no colon"])
def test_what_is_no_http_is_refused_in_the_form_of_every_refusal(line: bytes) -> None:
    head, _, body = replies(b"GET / HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and json.loads(body)["error"]["code"] == "invalid"


def test_a_head_without_an_end_is_refused() -> None:
    parts = [b"GET / HTTP/1.1\r\n"] + [b"X: " + b"a" * 30_000 + b"\r\n"] * 4
    assert b"HTTP/1.1 431 " in replies(*parts)
    assert b"HTTP/1.1 431 " in replies(b"GET / HTTP/1.1\r\nX: " + b"a" * 3_000_000 + b"\r\n\r\n")
    assert replies(WHOLE + WHOLE).count(b"GET hello") == 2


@pytest.mark.parametrize("after", [b"", b"body", WHOLE])
def test_a_head_that_comes_whole_and_too_long_is_refused_with_what_follows(after: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX: " % (4 if after == b"body" else 0)
    refused = replies(head + b"a" * 70_000 + b"\r\n\r\n" + after)
    assert refused.startswith(b"HTTP/1.1 431 ") and b"hello" not in refused
    assert b"POST hello" in replies(head + b"a" * 60_000 + b"\r\n\r\n" + (after if after == b"body" else b""))


class Sent:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.pieces.append(b"closed")


def test_a_reply_is_sent_in_one_piece_and_a_head_that_nothing_follows_alone() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"

    async def main() -> list[bytes]:
        sent = Sent()
        transport = connections._WholeReplies(sent, asyncio.get_running_loop())  # type: ignore[arg-type]
        for piece in (head, b"body", b"more", head):
            transport.write(piece)
        await asyncio.sleep(0)
        transport.write(head)
        transport.close()
        return sent.pieces

    assert asyncio.run(main()) == [head + b"body", b"more", head, head, b"closed"]
    assert replies(WHOLE.replace(b"GET", b"HEAD"), app=HeadRequests(says_hello)).startswith(b"HTTP/1.1 200 ")


def test_head_is_answered_as_get_without_the_body() -> None:
    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(HeadRequests(says_hello))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.head("/")

    reply = asyncio.run(main())
    assert reply.status_code == 200 and reply.content == b"" and reply.headers["content-length"] == "9"
