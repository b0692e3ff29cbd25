"""The routes that are asked most, found before the framework's own routing, which takes longer than a vector search.

They are the same endpoints that the framework documents; whatever is none of them goes on to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from re import Pattern
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[..., Awaitable[Response]]
ErrorHandler = Callable[[HttpRequest, Exception], Awaitable[Response]]
BODY = "body"
"""Where the state of a request has its whole body."""


@dataclass(frozen=True)
class QuickRoute:
    """An endpoint for GET that reads the request itself, or one for POST that takes parts of the path and a body.

    Attributes:
        path: as the framework writes it, e.g. `/items/{item_id:path}`.
        endpoint: gives the reply, to the request alone, or to the request, parts of the path by name and `asked`.
        body: what `asked` is, for POST; None for GET.
        pattern: what a path must look like.
        path_format: the path with names alone, as metrics tell it.
    """

    path: str
    endpoint: Endpoint
    body: type[BaseModel] | None = None
    pattern: Pattern[str] = field(init=False)
    path_format: str = field(init=False)

    def __post_init__(self) -> None:
        pattern, path_format, _ = compile_path(self.path)
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "path_format", path_format)

    @property
    def method(self) -> str:
        """Of HTTP."""
        return "GET" if self.body is None else "POST"

    def arguments(self, scope: Scope) -> dict[str, Any] | None:
        """What the endpoint takes beside the request; None where they can't be read so: the framework says why."""
        if self.body is None:
            return {}
        if scope["query_string"]:
            return None
        headers = dict(scope["headers"])
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            return None
        try:
            asked = self.body.model_validate(orjson.loads(scope["state"][BODY]))
        except (orjson.JSONDecodeError, ValidationError):
            return None
        return {**scope["path_params"], "asked": asked}


class QuickRoutes:
    """Answers its routes, the first that fits, and hands on the rest.

    Args:
        app: what gets the rest.
        routes: in the order in which the framework has them.
        handlers: what is answered in the place of a reply, by the kind of error.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[QuickRoute], handlers: Mapping[type[Exception], ErrorHandler]
    ) -> None:
        self._app = app
        self._routes = {method: [r for r in routes if r.method == method] for method in ("GET", "POST")}
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        for route in self._routes.get(scope["method"], ()) if scope["type"] == "http" else ():
            if found := route.pattern.match(scope["path"]):
                scope["path_params"], scope["route"] = found.groupdict(), route
                arguments = route.arguments(scope)
                if arguments is None:
                    break
                await (await self._reply(route, HttpRequest(scope, receive), arguments))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _reply(self, route: QuickRoute, request: HttpRequest, arguments: Mapping[str, Any]) -> Response:
        try:
            return await route.endpoint(request, **arguments)
        except tuple(self._handlers) as error:
            handler = next(self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers)
            return await handler(request, error)
