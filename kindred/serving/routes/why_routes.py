"""The route that says why: evidence for an item, for one user."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.explanation import CAVEAT, EvidencePath, Explanation, Standing
from kindred.domain.times import iso_time
from kindred.serving.http.known_parameters import ONLY_KNOWN
from kindred.serving.http.problems import request_id_of, unknown_item
from kindred.serving.http.replies import orjson_response
from kindred.serving.http.times import seconds_of
from kindred.serving.routes.answer_routes import DEFAULT_SYSTEM
from kindred.serving.routes.asked import Id, SystemPath
from kindred.serving.routes.replied import PROBLEMS, Why
from kindred.serving.service import Service

At = Annotated[str | None, Query(max_length=40, description="as of this time, ISO 8601 or seconds")]


def router(service: Service) -> APIRouter:
    """The route of evidence."""
    routes = APIRouter(tags=["answers"], responses=PROBLEMS, dependencies=[ONLY_KNOWN])

    @routes.get("/v1/{system}/users/{user_id:path}/why/{item_id:path}", response_model=Why)
    async def why(
        http: HttpRequest,
        system: SystemPath,
        user_id: Annotated[Id, Path(examples=["U00042"])],
        item_id: Annotated[Id, Path(examples=["P00007"])],
        at: At = None,
    ) -> Response:
        """Up to three paths from the user to the item, each with its share and where the item stands without it."""
        opened = service.system(system)
        if not opened.memory.knows_item(item_id):
            raise unknown_item(opened.module.system, item_id)
        found = await service.in_thread(partial(opened.why, user_id, item_id, seconds_of(at)))
        return orjson_response(why_value(found, request_id_of(http)))

    @routes.get("/v1/users/{user_id:path}/why/{item_id:path}", response_model=Why)
    async def why_of_products(
        http: HttpRequest,
        user_id: Annotated[Id, Path(examples=["U00042"])],
        item_id: Annotated[Id, Path(examples=["P00007"])],
        at: At = None,
    ) -> Response:
        """The same for products."""
        return await why(http, DEFAULT_SYSTEM, user_id, item_id, at)

    return routes


def why_value(found: Explanation, request_id: str = "") -> dict[str, Any]:
    """An explanation as a reply holds it."""
    return {
        "system": found.system,
        "user_id": found.user_id,
        "item": {"id": found.item_id, "title": found.title},
        "now": _standing(found.standing),
        "evidence": [_path(path) for path in found.paths],
        "without_all": _standing(found.without_all),
        "caveat": CAVEAT,
        "model": found.version,
        "graph_as_of": iso_time(found.as_of),
        "level": found.level,
        "note": found.note,
        "request_id": request_id,
    }


def _path(path: EvidencePath) -> dict[str, Any]:
    return {
        "kind": path.kind,
        "text": path.text,
        "nodes": [{"label": node.label, "id": node.id, "title": node.title} for node in path.nodes],
        "edges": list(path.edges),
        "contribution": path.contribution,
        "without": _standing(path.without),
        "aspect": path.aspect,
        "quotes": [{"user_id": q.user_id, "item_id": q.item_id, "sentence": q.sentence} for q in path.quotes],
    }


def _standing(standing: Standing | None) -> dict[str, Any] | None:
    return None if standing is None else {"score": standing.score, "rank": standing.rank}
