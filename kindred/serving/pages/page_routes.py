"""The addresses of the pages, nearly all below `/ui`; ids stand in the query, so that any character may be in them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator
from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from kindred.domain.id_text import id_in
from kindred.serving.http.bare_page import HEADERS
from kindred.serving.http.problems import UnknownError
from kindred.serving.pages.api_page import api_page
from kindred.serving.pages.compare_page import compare_page
from kindred.serving.pages.files import asset
from kindred.serving.pages.item_pages import graph_page, item_page, map_page
from kindred.serving.pages.rendering import Page, html_of, link, shown
from kindred.serving.pages.run_pages import run_page, runs_page
from kindred.serving.pages.status_page import status_page
from kindred.serving.pages.try_page import try_page
from kindred.serving.pages.user_pages import find_page, user_page, why_page
from kindred.serving.service import Service

Asked = Annotated[str, AfterValidator(id_in)]
"""An id that was typed or pasted."""
MOST_BYTES = 200_000
"""Of what is pasted into the page."""


def router(service: Service) -> APIRouter:
    """The routes of the pages."""
    outer = _outside_pages(service)
    outer.include_router(_pages_of_all(service))
    outer.include_router(_pages_of_systems(service))
    return outer


def _outside_pages(service: Service) -> APIRouter:
    """What leads to the pages, and the page of the API."""
    outer = APIRouter(include_in_schema=False)

    @outer.get("/")
    async def first() -> Response:
        return RedirectResponse("/ui")

    @outer.get("/docs")
    async def docs(request: HttpRequest) -> Response:
        return HTMLResponse(html_of(service, api_page(request.app.openapi(), str(request.base_url))), headers=HEADERS)

    return outer


def _pages_of_all(service: Service) -> APIRouter:
    """Pages of no one system; `/runs` is no system's name, so these come before those of systems."""
    routes = APIRouter(prefix="/ui", include_in_schema=False)

    @routes.get("/static/{name}")
    async def static(name: str) -> Response:
        return FileResponse(asset(name), headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=60"})

    @routes.get("")
    async def start() -> Response:
        return RedirectResponse(link(next(iter(service.systems))))

    @routes.get("/runs")
    async def runs() -> Response:
        return await shown(service, runs_page(service))

    @routes.get("/run")
    async def run(system: str = "", name: str = "", beside: str = "") -> Response:
        return await shown(service, run_page(service, system, name, beside))

    @routes.get("/status")
    async def status() -> Response:
        return await shown(service, status_page(service))

    return routes


def _pages_of_systems(service: Service) -> APIRouter:
    """Pages about one system, and what answers where there is no page."""
    routes = APIRouter(prefix="/ui", include_in_schema=False)

    @routes.get("/{system}")
    async def find(system: str, q: str = "") -> Response:
        return await shown(service, find_page(service, system, q), system)

    @routes.get("/{system}/user")
    async def user(system: str, id: Asked = "", k: str = "") -> Response:
        return await shown(service, user_page(service, system, id, k), system)

    @routes.get("/{system}/why")
    async def why(system: str, user: Asked = "", item: Asked = "") -> Response:
        return await shown(service, why_page(service, system, user, item), system)

    @routes.get("/{system}/item")
    async def item(system: str, id: Asked = "") -> Response:
        return await shown(service, item_page(service, system, id), system)

    @routes.get("/{system}/graph")
    async def graph(system: str, label: str = "", id: Asked = "") -> Response:
        return await shown(service, graph_page(service, system, label, id), system)

    @routes.get("/{system}/map")
    async def embedding_map(system: str, only: str = "") -> Response:
        return await shown(service, map_page(service, system, only), system)

    @routes.get("/{system}/compare")
    async def compare(system: str, user: Asked = "", left: str = "", right: str = "") -> Response:
        return await shown(service, compare_page(service, system, user, left, right), system)

    @routes.api_route("/{system}/try", methods=["GET", "POST"])
    async def try_it(system: str, http: HttpRequest) -> Response:
        return await shown(service, _tried(service, system, http), system)

    @routes.get("/{system}/{rest:path}")
    async def elsewhere(system: str, rest: str) -> Response:
        return await shown(service, _nowhere(rest), system)

    return routes


async def _nowhere(rest: str) -> Page:
    raise UnknownError(f"there is no page {rest!r}", "go to a page above")


async def _tried(service: Service, system: str, http: HttpRequest) -> Page:
    """The page with what was typed into it. Raises: UnknownError where that is too much."""
    body = b""
    async for chunk in http.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise UnknownError("that is too much text for this page", f"paste at most {MOST_BYTES:,} bytes")
    return await try_page(service, system, body.decode("utf-8", "replace") or http.url.query)
