"""The routes that are asked most, found before the framework's own routing, which takes longer than a vector search.

They are the same endpoints that the framework documents; whatever is none of them goes on to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from re import Pattern

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[HttpRequest], Awaitable[Response]]
ErrorHandler = Callable[[HttpRequest, Exception], Awaitable[Response]]


@dataclass(frozen=True)
class QuickRoute:
    """An endpoint that reads the request itself, for GET.

    Attributes:
        path: as the framework writes it, e.g. `/items/{item_id:path}`.
        endpoint: gives the reply.
        pattern: what a path must look like.
        path_format: the path with names alone, as metrics tell it.
    """

    path: str
    endpoint: Endpoint
    pattern: Pattern[str] = field(init=False)
    path_format: str = field(init=False)

    def __post_init__(self) -> None:
        pattern, path_format, _ = compile_path(self.path)
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "path_format", path_format)


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
        self._routes = routes
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            for route in self._routes:
                if found := route.pattern.match(scope["path"]):
                    scope["path_params"], scope["route"] = found.groupdict(), route
                    await (await self._reply(route, HttpRequest(scope, receive)))(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def _reply(self, route: QuickRoute, request: HttpRequest) -> Response:
        try:
            return await route.endpoint(request)
        except tuple(self._handlers) as error:
            handler = next(self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers)
            return await handler(request, error)
