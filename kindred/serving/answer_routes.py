"""Routes that answer: what next for a user, what is similar to an item."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.recommendation import Request
from kindred.serving.answer_values import answer_value
from kindred.serving.problems import request_id_of
from kindred.serving.replies import orjson_response
from kindred.serving.schemas import MOST_ITEMS, PROBLEMS, Id, Recommendations
from kindred.serving.service import Service

HowMany = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="how many items")]


def router(service: Service) -> APIRouter:
    """The routes of answers."""
    routes = APIRouter(tags=["answers"], responses=PROBLEMS)

    @routes.get("/v1/{system}/users/{user_id}/recommendations", response_model=Recommendations)
    async def recommendations(
        http: HttpRequest,
        system: Annotated[str, Path(examples=["products"])],
        user_id: Annotated[Id, Path(examples=["U00042"])],
        k: HowMany = 10,
        exclude_seen: bool = True,
        debug: bool = False,
    ) -> Response:
        request = Request(user_id=user_id, k=k, exclude_seen=exclude_seen, removed=debug, reasons=False)
        answer = await service.answer(system, request)
        return orjson_response(answer_value(answer, request_id_of(http), debug))

    return routes
