"""The outermost layer: every request gets an id and is timed; what failed or was slow is logged as one line of JSON."""

from __future__ import annotations

import logging
import time
from random import getrandbits

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kindred.serving.http.problems import REQUEST_ID, REQUEST_ID_HEADER
from kindred.serving.telemetry.metrics import Metrics
from kindred.serving.telemetry.spans import Spans

_LOG = logging.getLogger("kindred.serving")
_HEADER = REQUEST_ID_HEADER.encode()
_LONGEST_ID = 64
SLOW_SECONDS = 0.2
"""A request that takes longer is logged."""


class Tracing:
    """Puts `request_id` into the state of each request and the header `x-request-id` into its reply."""

    def __init__(self, app: ASGIApp, metrics: Metrics, spans: Spans, logs_all: bool) -> None:
        self._app = app
        self._logs_all = logs_all
        self._metrics = metrics
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given_id(scope) or f"{getrandbits(64):016x}"  # no secret, and no call of the system
        scope.setdefault("state", {})[REQUEST_ID] = request_id
        started, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_HEADER, request_id.encode())]
            await send(message)

        try:
            with self._spans.request(scope["method"], scope["headers"]) as span:
                try:
                    await self._app(scope, receive, send_with_id)
                finally:
                    route = _route(scope)
                    span.name(f"{scope['method']} {route}")
                    span.tell({"http.request.method": scope["method"], "http.route": route})
                    span.tell({"http.response.status_code": status, "kindred.request_id": request_id})
        finally:
            seconds, route = time.perf_counter() - started, _route(scope)
            self._metrics.seconds_of(route, scope["method"], str(status)).observe(seconds)
            if self._logs_all or status >= 400 or seconds > SLOW_SECONDS:
                _LOG.info(_line(scope, request_id, status, seconds))


def _route(scope: Scope) -> str:
    """The pattern of the path, which holds no id; one name for all paths that are none."""
    return getattr(scope.get("route"), "path_format", None) or "(unknown)"


def _line(scope: Scope, request_id: str, status: int, seconds: float) -> str:
    said = {
        "request_id": request_id,
        "method": scope["method"],
        "route": _route(scope),
        "status": status,
        "ms": round(seconds * 1000, 3),
        "caller": scope.get("state", {}).get("caller"),
    }
    return orjson.dumps(said).decode()


def _given_id(scope: Scope) -> str | None:
    """The id that the caller gave, if it is short and plain."""
    given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
    text: str = given.decode("latin-1")
    return text if 0 < len(text) <= _LONGEST_ID and text.replace("-", "").replace("_", "").isalnum() else None
