"""HTTP/1.1 over kept connections, for load: a request costs this process a tenth of what a client library takes.

On a machine of two cores the load must not take what the service needs, or it is the load that is measured.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_IDLE_SECONDS = 30.0
"""A connection that was idle for longer is not used again, as by any client: the server may be closing it."""


class _Connection(NamedTuple):
    """A kept connection, and when it was last used on the monotonic clock."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float


@dataclass(frozen=True)
class Reply:
    """A status and a body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as plain values."""
        return orjson.loads(self.body)


class LightClient:
    """Asks one server; of as many requests at once each has a connection of its own, which goes on to others."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._free: list[_Connection] = []

    async def get(self, path: str) -> Reply:
        """The reply to a question."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nhost: {self._host}\r\n\r\n".encode())

    async def post(self, path: str, value: object) -> Reply:
        """The reply to a JSON body."""
        body = orjson.dumps(value)
        head = f"POST {path} HTTP/1.1\r\nhost: {self._host}\r\ncontent-type: application/json\r\n"
        return await self._ask(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def _ask(self, request: bytes) -> Reply:
        reader, writer, _ = await self._connection()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length is not None, head
        body = await reader.readexactly(int(length[1]))
        self._free.append(_Connection(reader, writer, time.monotonic()))
        return Reply(int(head[9:12]), body)

    async def _connection(self) -> _Connection:
        """One that is free, was in use lately and is not closed by the server; a new one where there is none."""
        while self._free:
            free = self._free.pop()
            if not free.reader.at_eof() and time.monotonic() - free.used < _IDLE_SECONDS:
                return free
            free.writer.close()
        return _Connection(*await asyncio.open_connection(self._host, self._port), time.monotonic())

    def close(self) -> None:
        """Ends the connections."""
        for free in self._free:
            free.writer.close()
