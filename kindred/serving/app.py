"""The web application: every route and every background task of the service, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.errors import KindredError
from kindred.serving.background.applying import apply_writes
from kindred.serving.background.following import follow_versions, watch_fit, watch_graph
from kindred.serving.background.memory_use import give_back_memory
from kindred.serving.http.head_requests import HeadRequests
from kindred.serving.http.malformed import wrong_in
from kindred.serving.http.problems import REQUEST_ID_HEADER, problem, problem_of, request_id_of
from kindred.serving.http.quick_routes import ErrorHandler, QuickRoutes
from kindred.serving.pages import page_routes
from kindred.serving.protection.access import Access
from kindred.serving.routes import (
    answer_routes,
    health_routes,
    post_routes,
    review_routes,
    tag_routes,
    why_routes,
    write_routes,
)
from kindred.serving.routes.examples import with_examples
from kindred.serving.service import Service
from kindred.serving.telemetry.tracing import Tracing

ROUTES = (
    answer_routes.router,
    review_routes.router,
    health_routes.router,
    post_routes.router,
    tag_routes.router,
    write_routes.router,
    why_routes.router,
    page_routes.router,
)
"""Each makes the routes of one subject."""
_LOG = logging.getLogger("kindred.serving")
TASKS = (follow_versions, watch_graph, watch_fit, apply_writes, give_back_memory)
"""Each runs beside the requests until the service ends."""


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Its description, with an example of every operation."""
        return with_examples(super().openapi())


def build_app(service: Service) -> FastAPI:
    """The application of a service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(task(service), name=task.__name__) for task in TASKS]
        for begun in tasks:
            begun.add_done_callback(_told_where_it_failed)
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # of one that failed it was told
                await task

    app = _App(
        title="Kindred",
        version="1",
        summary="What next, why, and right after the last click",
        lifespan=lifespan,
        docs_url=None,  # the framework's pages load their scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # looked for anew with each request
    )
    for routes in ROUTES:
        app.include_router(routes(service))
    app.add_middleware(QuickRoutes, routes=answer_routes.quick_routes(service), handlers=HANDLERS)
    app.add_middleware(Access, settings=service.settings)
    app.add_middleware(HeadRequests)
    logs_all = service.settings.serve_log == "requests"
    app.add_middleware(Tracing, metrics=service.metrics, spans=service.spans, logs_all=logs_all)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(Exception, _unforeseen)
    return app


def _told_where_it_failed(task: asyncio.Task[None]) -> None:
    """A task that ends before the service does is a fault: the log says so at once, for it runs no more."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _LOG.critical("%s has ended and runs no more, start the service again: %r", task.get_name(), error)


async def _of_ours(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, KindredError)
    return problem_of(error, request.scope)


async def _of_the_request(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    where, told = wrong_in(error.errors(), int(isinstance(error, RequestValidationError)), "the request")
    hint = "the OpenAPI description at /docs shows what is taken"
    if not where and request.method != "GET" and "json" not in request.headers.get("content-type", ""):
        hint = "send JSON, and say so with `Content-Type: application/json`"
    return problem(request.scope, 422, "invalid", told, hint)


async def _of_http(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # all that the framework says 400 to: bytes that are no text
        said = ("the body is no JSON in UTF-8", "send it as UTF-8, not compressed")
        return problem(request.scope, 400, "invalid", *said)
    hint = "the OpenAPI description at /docs lists what there is" if error.status_code in (404, 405) else ""
    return problem(request.scope, error.status_code, "http", str(error.detail), hint, error.headers)


async def _unforeseen(request: HttpRequest, error: Exception) -> Response:
    headers = {REQUEST_ID_HEADER: request_id_of(request)}  # this reply does not come by what adds it to others
    return problem(request.scope, 500, "internal", "something unforeseen went wrong", "the log has it", headers)


HANDLERS: Mapping[type[Exception], ErrorHandler] = {
    KindredError: _of_ours,
    RequestValidationError: _of_the_request,
    ValidationError: _of_the_request,
    HTTPException: _of_http,
}
"""What is answered to an error, by its kind."""
