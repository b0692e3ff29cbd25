"""Connections: one that sends the head of a request too slowly, or without an end, is closed."""

from __future__ import annotations

import asyncio
from typing import Any, cast

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError:  # where httptools is not installed, uvicorn reads with h11, which bounds a head by itself
    HttpToolsProtocol = None  # type: ignore[assignment, misc]

HEAD_SECONDS = 10.0
"""From the first byte of a request to the end of its head."""
HEAD_BYTES = 65_536
"""Of the first line and the headers together; of one that does not end by the pieces in which it comes."""
LAST_READ_SECONDS = 0.01
"""Before a connection that was idle for too long is closed: a busy loop has yet to read what came meanwhile."""
LINGER_SECONDS = 1.0
"""After a refusal, until the connection is closed whatever else is sent."""
_LATE = ("408 Request Timeout", "too_slow", f"no whole head of a request within {HEAD_SECONDS:g} s")
_NO_HTTP = ("400 Bad Request", "invalid", "this is no request of HTTP that can be read")
_LONG = ("431 Request Header Fields Too Large", "too_long", f"the headers are longer than {HEAD_BYTES:,} bytes")


class _WholeReplies:
    """A transport that waits with the head of a reply for its body: each piece costs a call of the system at both ends.

    Args:
        transport: sends the bytes; all but `write` and `close` is its own.
        loop: a head that nothing follows in this turn of it goes alone.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Sends the bytes, a head with what comes after it."""
        if self._head:
            data, self._head = self._head + data, b""
            self._transport.write(data)
        elif data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._end_wait)
        else:
            self._transport.write(data)

    def close(self) -> None:
        """Closes the connection once all is sent."""
        self._end_wait()
        self._transport.close()

    def _end_wait(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""


if HttpToolsProtocol is not None:

    class Connection(HttpToolsProtocol):
        """A connection of uvicorn's that also bounds what comes before a body."""

        _timer: asyncio.TimerHandle | None = None
        _num_bytes = 0
        _is_refused = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """One that asks nothing goes as one does that asks nothing more."""
            super().connection_made(cast(asyncio.Transport, _WholeReplies(transport, self.loop)))
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

        def timeout_keep_alive_handler(self) -> None:
            """Closes a connection that was idle for too long, unless a request came that the loop reads only now."""
            close = super().timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(LAST_READ_SECONDS, close)

        def connection_lost(self, exc: Exception | None) -> None:
            """Nothing is waited for any more."""
            self._end_head()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            """Reads on, unless the head has become too long."""
            if self._is_refused:
                return  # closing with bytes unread would take the refusal back before it is read
            super().data_received(data)
            if self._timer is not None:
                self._num_bytes += len(data)
                if self._num_bytes > HEAD_BYTES:
                    self._refuse(*_LONG)

        def on_message_begin(self) -> None:
            """The head of a request begins."""
            super().on_message_begin()
            self._end_head()
            if not self._is_refused:
                self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, *_LATE)

        def on_headers_complete(self) -> None:
            """The head is whole, and may be too long if it came in one piece; its body is bounded by who reads it."""
            self._end_head()
            if self._is_refused:
                return
            if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
                self._refuse(*_LONG)
                self._is_refused = True
            else:
                super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            """What comes after a refusal in the same piece is dropped too."""
            if not self._is_refused:
                super().on_body(body)

        def on_message_complete(self) -> None:
            """The body is whole."""
            if not self._is_refused:
                super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            """What can't be read is refused in the form of every refusal."""
            self._end_head()
            self._write_refusal(*_NO_HTTP)
            self._close_when_read()

        def _end_head(self) -> None:
            self._num_bytes = 0
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse(self, status: str, code: str, message: str) -> None:
            self._end_head()
            if self._is_refused or self.transport.is_closing():
                return
            if self._is_answering():
                self.transport.close()
            else:
                self._write_refusal(status, code, message)
                self._close_when_read()

        def _is_answering(self) -> bool:
            """Whether an answer to what came before is on its way."""
            return self.cycle is not None and not self.cycle.response_complete

        def _close_when_read(self) -> None:
            """Says that nothing more comes, and for a second drops what still does."""
            self._is_refused = True
            if self._is_answering() or not self.transport.can_write_eof():
                self.transport.close()
            else:
                self.transport.write_eof()
                self.loop.call_later(LINGER_SECONDS, self.transport.close)

        def _write_refusal(self, status: str, code: str, message: str) -> None:
            body = f'{{"error":{{"code":"{code}","message":"{message}","hint":"","request_id":""}}}}'
            head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            self.transport.write(f"{head}connection: close\r\n\r\n{body}".encode("ascii"))

    READER: Any = Connection
else:
    READER = "auto"
"""What reads the requests of a connection, as uvicorn takes it."""
