"""`POST /reviews/`: reviews in, five products for each of their writers out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.recommendation import Request
from kindred.domain.records import Reviewed, content_id
from kindred.serving.http.known_parameters import ONLY_KNOWN
from kindred.serving.http.replies import orjson_response
from kindred.serving.routes.asked import Review
from kindred.serving.routes.replied import PROBLEMS, OfReviews
from kindred.serving.service import Service

NUM_PRODUCTS = 5
SYSTEM = "products"


def router(service: Service) -> APIRouter:
    """The route of reviews."""
    routes = APIRouter(tags=["answers"], responses=PROBLEMS, dependencies=[ONLY_KNOWN])

    @routes.post("/reviews/", response_model=OfReviews)
    async def of_reviews(http: HttpRequest, reviews: Annotated[list[Review], Body()]) -> Response:
        """Five products for each distinct reviewerID, in order of appearance; none that they reviewed."""
        written: dict[str, list[Reviewed]] = {}
        for number, review in enumerate(reviews):
            written.setdefault(review.reviewerID, []).append(_event(review, number))
        lists = []
        for user, events in written.items():
            request = Request(user_id=user, events=events, k=NUM_PRODUCTS, reasons=False, removed=False)
            answer = await service.answer(SYSTEM, request)
            lists.append([item.item_id for item in answer.recommendations])
        return orjson_response({"recommendations": lists})

    return routes


def _event(review: Review, number: int) -> Reviewed:
    return Reviewed(
        event_id=content_id(review.reviewerID, review.asin, number),
        source_id=review.reviewerID,
        target_id=review.asin,
        rating=review.score,
        verified=review.verified,
        text=review.comment or "",
    )
