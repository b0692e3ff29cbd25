"""The client of the loads goes on where a server has closed a connection that was idle."""

from __future__ import annotations

import asyncio

from benchmarks.light_client import LightClient


def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    connections = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        connections.append(writer)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    async def ask_twice() -> list[int]:
        server = await asyncio.start_server(answer_once, "127.0.0.1", 0)
        client = LightClient("127.0.0.1", server.sockets[0].getsockname()[1])
        statuses = [(await client.get("/")).status]
        while not client._free[0][0].at_eof():
            await asyncio.sleep(0)
        statuses.append((await client.get("/")).status)
        client.close()
        server.close()
        return statuses

    assert asyncio.run(ask_twice()) == [200, 200] and len(connections) == 2
