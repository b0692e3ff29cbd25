"""Health and metrics: whether the process lives, can answer, and how each thing it rests on is."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from kindred.serving.answering.breaker import WORDS
from kindred.serving.http.replies import orjson_response
from kindred.serving.routes.replied import PROBLEMS
from kindred.serving.service import Service
from kindred.serving.telemetry.metrics import CONTENT_TYPE


def router(service: Service) -> APIRouter:
    """The routes of health and metrics; `live` and `ready` need no key."""
    routes = APIRouter(tags=["operating"], responses=PROBLEMS)

    @routes.get("/health/live")
    async def live() -> Response:
        """The process runs."""
        return orjson_response({"status": "live"})

    @routes.get("/health/ready", responses={503: {"description": "Nothing is opened yet"}})
    async def ready() -> Response:
        """It can answer, and from which versions; `degraded` where it does so without all that it rests on."""
        versions = {name: opened.version for name, opened in service.systems.items()}
        problems = service.problems()
        status = "starting" if not versions else "degraded" if problems else "ready"
        said = {"status": status, "systems": versions, "problems": problems}
        return orjson_response(said, 200 if versions else 503)

    @routes.get("/health/deps")
    async def dependencies() -> Response:
        """How the graph, the vector engine and the newest version of each system are; 200 even where they fail.

        `engine` is the state of the breaker before it: `closed` is the healthy one. `engine_is` says it in words.
        """
        systems = {
            name: {
                "version": opened.version,
                "graph": opened.misfit or "ok",
                "newest": opened.problem or "ok",
                "engine": (state := opened.ladder.breaker.state),
                "engine_is": WORDS[state],
                "engine_problem": opened.ladder.breaker.reason,
            }
            for name, opened in service.systems.items()
        }
        said = {
            "graph": await service.graph_problem() or "ok",
            "writes": service.writes_problem or "ok",
            "texts": service.texts_problem or "ok",
            "systems": systems,
        }
        return orjson_response(said)

    @routes.get("/metrics", responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Metrics in the format of Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return routes
