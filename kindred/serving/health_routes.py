"""Health: whether the process lives, whether it can answer, and how each thing it rests on is."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from kindred.serving.replies import orjson_response
from kindred.serving.schemas import PROBLEMS
from kindred.serving.service import Service


def router(service: Service) -> APIRouter:
    """The routes of health; `live` and `ready` need no key."""
    routes = APIRouter(prefix="/health", tags=["health"], responses=PROBLEMS)

    @routes.get("/live")
    async def live() -> Response:
        return orjson_response({"status": "live"})

    @routes.get("/ready")
    async def ready() -> Response:
        versions = {name: opened.version for name, opened in service.systems.items()}
        return orjson_response(
            {"status": "ready" if versions else "starting", "systems": versions}, 200 if versions else 503
        )

    @routes.get("/deps")
    async def dependencies() -> Response:
        systems = {name: opened.problem or "ok" for name, opened in service.systems.items()}
        return orjson_response({"graph": service.graph.problem() or "ok", "systems": systems})

    return routes
