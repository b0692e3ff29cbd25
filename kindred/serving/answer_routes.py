"""Routes that answer: what next for a user, what is similar to an item, which of these items first."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.recommendation import Request
from kindred.serving.answer_values import answer_value, ranked_value
from kindred.serving.problems import request_id_of
from kindred.serving.replies import orjson_response
from kindred.serving.schemas import (
    MOST_ITEMS,
    PROBLEMS,
    Asked,
    Batch,
    Batched,
    Id,
    Ranking,
    Recommendations,
    ToRank,
)
from kindred.serving.service import Service
from kindred.serving.times import seconds_of

HowMany = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="how many items")]
SystemPath = Annotated[str, Path(description="which recommender", examples=["products"])]
UserPath = Annotated[Id, Path(examples=["U00042"])]
At = Annotated[str | None, Query(description="answer as of this time, ISO 8601 or seconds", examples=["2026-01-31"])]
Diversity = Annotated[float, Query(ge=0, le=1, description="0: the best first; towards 1: the less alike, the better")]
DEFAULT_SYSTEM = "products"


def router(service: Service) -> APIRouter:
    """The routes of answers."""
    routes = APIRouter(tags=["answers"], responses=PROBLEMS)

    async def reply(http: HttpRequest, system: str, request: Request, debug: bool) -> Response:
        answer = await service.answer(system, request)
        return orjson_response(answer_value(answer, request_id_of(http), debug))

    @routes.get("/v1/{system}/users/{user_id}/recommendations", response_model=Recommendations)
    async def recommendations(
        http: HttpRequest,
        system: SystemPath,
        user_id: UserPath,
        k: HowMany = 10,
        exclude_seen: bool = True,
        category: Annotated[Id | None, Query(description="only items of this category")] = None,
        diversity: Diversity = 0.0,
        at: At = None,
        reasons: Annotated[bool, Query(description="whether to look for a reason for each item")] = False,
        debug: Annotated[bool, Query(description="tell what was taken out of the best, and why")] = False,
    ) -> Response:
        """What next for this user; somebody unknown gets what is popular."""
        where = {} if category is None else {"category": category}
        request = Request(
            user_id, (), k, seconds_of(at), frozenset(), exclude_seen, where, diversity, reasons, removed=debug
        )
        return await reply(http, system, request, debug)

    @routes.get("/v1/users/{user_id}/recommendations", response_model=Recommendations)
    async def of_products(http: HttpRequest, user_id: UserPath, k: HowMany = 10, debug: bool = False) -> Response:
        """The same for products."""
        request = Request(user_id=user_id, k=k, reasons=False, removed=debug)
        return await reply(http, DEFAULT_SYSTEM, request, debug)

    @routes.post("/v1/{system}/recommendations", response_model=Recommendations)
    async def in_context(http: HttpRequest, system: SystemPath, asked: Asked) -> Response:
        """What next for a user, given what they look at now, what they say, and rules."""
        return await reply(http, system, asked.request(), asked.debug)

    @routes.post("/v1/{system}/recommendations/batch", response_model=Batched)
    async def batch(http: HttpRequest, system: SystemPath, asked: Batch) -> Response:
        """An answer for each of up to 100 users, in their order."""
        requests = [Request(user, k=asked.k, reasons=False, removed=False) for user in asked.users]
        answers = []
        for request in requests:
            answers.append(await service.answer(system, request))
            await asyncio.sleep(0)  # others are answered in between
        return orjson_response({"answers": [answer_value(answer, request_id_of(http)) for answer in answers]})

    @routes.get("/v1/{system}/items/{item_id}/similar", response_model=Recommendations)
    async def similar(http: HttpRequest, system: SystemPath, item_id: Id, k: HowMany = 10) -> Response:
        """Items that suit someone who liked this one."""
        answer = await service.similar(system, item_id, k)
        return orjson_response(answer_value(answer, request_id_of(http)))

    @routes.post("/v1/{system}/rank", response_model=Ranking)
    async def rank(http: HttpRequest, system: SystemPath, asked: ToRank) -> Response:
        """The given items, best first for this user."""
        answer = await service.answer(system, asked.request())
        return orjson_response(ranked_value(answer, asked.items, request_id_of(http)))

    return routes
