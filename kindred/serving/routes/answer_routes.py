"""Routes that answer: what next for a user, what is similar to an item, which of these items first.

Those that are asked most read their query or body by one look of pydantic at it: FastAPI's own reading, parameter by
parameter, takes longer than a vector search.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, TypeAdapter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.errors import RecordError
from kindred.domain.recommendation import Answer, Request
from kindred.serving.answering.together import MOST_TOGETHER
from kindred.serving.http.known_parameters import ONLY_KNOWN
from kindred.serving.http.problems import request_id_of
from kindred.serving.http.quick_routes import QuickRoute
from kindred.serving.http.replies import orjson_response
from kindred.serving.routes.answer_values import answer_value, ranked_value
from kindred.serving.routes.asked import MOST_ITEMS, Asked, AskedOfUser, Batch, Id, SystemPath, ToRank
from kindred.serving.routes.openapi import Parameter, path_parameters, query_parameters
from kindred.serving.routes.replied import PROBLEMS, Batched, Ranking, Recommendations
from kindred.serving.service import Service

HowMany = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="how many items")]
SYSTEM_PATH: Parameter = ("system", {"type": "string", "description": "which recommender", "example": "products"})
USER_PATH: Parameter = ("user_id", {**TypeAdapter(Id).json_schema(), "example": "U00042"})
DEFAULT_SYSTEM = "products"


class _OfUser(BaseModel):
    """Who is named in the path."""

    user_id: Id


def quick_routes(service: Service) -> list[QuickRoute]:
    """The routes that are asked most."""
    return [*_of_users(service), *(quick for quick, _ in _with_bodies(service))]


def _of_users(service: Service) -> tuple[QuickRoute, QuickRoute]:
    """What next for a user of a system, and of products."""

    async def recommendations(http: HttpRequest) -> Response:
        """What next for this user; somebody unknown gets what is popular."""
        asked, name = AskedOfUser.of(http.scope["query_string"]), http.path_params.get("system", DEFAULT_SYSTEM)
        user_id = _OfUser(user_id=http.path_params["user_id"]).user_id
        answer = await service.answer(name, asked.request(user_id, service.system(name).module.system))
        return orjson_response(answer_value(answer, request_id_of(http), asked.debug))

    async def of_products(http: HttpRequest) -> Response:
        """The same for products."""
        return await recommendations(http)

    of_system = QuickRoute("/v1/{system}/users/{user_id:path}/recommendations", recommendations)
    return of_system, QuickRoute("/v1/users/{user_id:path}/recommendations", of_products)


def _with_bodies(service: Service) -> tuple[tuple[QuickRoute, type[BaseModel]], ...]:
    """What is asked with a body, and what is answered."""

    async def in_context(http: HttpRequest, system: SystemPath, asked: Asked) -> Response:
        """What next for a user, given what they look at now, what they say, and rules."""
        answer = await service.answer(system, asked.request())
        return orjson_response(answer_value(answer, request_id_of(http), asked.debug))

    async def batch(http: HttpRequest, system: SystemPath, asked: Batch) -> Response:
        """An answer for each of up to 100 users, in their order."""
        requests = [Request(user, k=asked.k, reasons=False, removed=False) for user in asked.users]
        answers: list[Answer] = []
        for start in range(0, len(requests), MOST_TOGETHER):  # others are answered in between
            some = requests[start : start + MOST_TOGETHER]
            answers += await asyncio.gather(*(service.answer(system, request) for request in some))
        return orjson_response({"answers": [answer_value(answer, request_id_of(http)) for answer in answers]})

    async def rank(http: HttpRequest, system: SystemPath, asked: ToRank) -> Response:
        """The given items, best first for this user."""
        answer = await service.answer(system, asked.request())
        return orjson_response(ranked_value(answer, asked.items, request_id_of(http)))

    return (
        (QuickRoute("/v1/{system}/recommendations", in_context, Asked), Recommendations),
        (QuickRoute("/v1/{system}/recommendations/batch", batch, Batch), Batched),
        (QuickRoute("/v1/{system}/rank", rank, ToRank), Ranking),
    )


def router(service: Service) -> APIRouter:
    """The routes of answers."""
    routes = APIRouter(tags=["answers"], responses=PROBLEMS, dependencies=[ONLY_KNOWN])

    for quick, in_path in zip(_of_users(service), ((SYSTEM_PATH, USER_PATH), (USER_PATH,)), strict=True):
        parameters = [*path_parameters(*in_path), *query_parameters(AskedOfUser)]
        documented = {"parameters": parameters}
        routes.get(quick.path, response_model=Recommendations, openapi_extra=documented)(quick.endpoint)

    for quick, answered in _with_bodies(service):
        routes.post(quick.path, response_model=answered)(quick.endpoint)

    @routes.get("/v1/{system}/items/{item_id:path}/similar", response_model=Recommendations)
    async def similar(http: HttpRequest, system: SystemPath, item_id: Id, k: HowMany = 10) -> Response:
        """Items that suit someone who liked this one."""
        try:
            answer = await service.similar(system, item_id, k)
        except RecordError as error:  # all that can be wrong with an id: no item of the version is called so
            raise service.system(system).not_there(item_id, error) from error
        return orjson_response(answer_value(answer, request_id_of(http)))

    return routes
