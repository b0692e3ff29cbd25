"""Routes of tags: those of a track as the published version has them, and of frames that are sent."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.errors import RecordError
from kindred.recommenders.tags import TAGS
from kindred.serving.http.known_parameters import ONLY_KNOWN
from kindred.serving.http.problems import UnknownError, request_id_of
from kindred.serving.http.replies import orjson_response
from kindred.serving.routes.asked import MOST_ITEMS, Id
from kindred.serving.routes.replied import PROBLEMS, TagsOfTrack
from kindred.serving.service import Service

if TYPE_CHECKING:
    from kindred.recommenders.tagging.recommender import TagRecommender

MOST_FRAMES = 10_000
HowMany = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="how many tags")]
Given = Annotated[list[Id], Query(max_length=MOST_ITEMS, description="a tag that the track has; may be repeated")]
_FRAMES = {
    "requestBody": {
        "required": True,
        "description": "a .npy file of frames, [num_frames, frame_dim], numbers, unpickled",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_LAYOUT = "send a .npy file of numbers, [num_frames, frame_dim], as numpy.save writes it"


def router(service: Service) -> APIRouter:
    """The routes of tags; similar tracks are at `/v1/tags/items/{item_id}/similar`."""
    routes = APIRouter(tags=["tags"], responses=PROBLEMS, dependencies=[ONLY_KNOWN])

    @routes.get("/v1/tags/tracks/{track:path}", response_model=TagsOfTrack)
    async def of_track(http: HttpRequest, track: Id, k: HowMany = 10) -> Response:
        """The likeliest tags of a track, those that it was given among them."""
        recommender = _recommender(service)
        held = recommender.version()
        found = recommender.of_track(track, k)
        if found is None:
            raise UnknownError(f"there is no track {track!r} in the published version", "see `kindred publish`")
        said = {"track": track, "tags": [asdict(tag) for tag in found[0]], "rests_on": found[1], "model": held.name}
        return orjson_response({**said, "request_id": request_id_of(http)})

    @routes.post("/v1/tags/predict", response_model=TagsOfTrack, openapi_extra=_FRAMES)
    async def of_frames(http: HttpRequest, k: HowMany = 10, given: Given = []) -> Response:  # noqa: B006
        """The likeliest tags of a track that sounds like the frames in the body."""
        recommender = _recommender(service)
        name, body = recommender.version().name, await http.body()
        tags = await service.in_thread(lambda: recommender.of_frames(_frames(body), given, k))
        said = {"track": None, "tags": [asdict(tag) for tag in tags], "rests_on": "sound", "model": name}
        return orjson_response({**said, "request_id": request_id_of(http)})

    return routes


def _recommender(service: Service) -> TagRecommender:
    """What answers with tags. Raises: UnknownError where no version of them is published."""
    from kindred.recommenders.tagging.recommender import TagRecommender  # loads PyTorch, as the open system did already

    recommender = service.system(TAGS.name).recommender
    assert isinstance(recommender, TagRecommender)
    return recommender


def _frames(body: bytes) -> NDArray[Any]:
    """The array of a .npy file; nothing is unpickled.

    Raises:
        RecordError: it is none, is not whole, or is no `[1 … 10,000 frames, frame_dim]`.
    """
    try:
        array: NDArray[Any] = np.lib.format.read_array(io.BytesIO(body), allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else "it is not whole"
        raise RecordError(f"the body can't be read as .npy: {reason}", _LAYOUT) from error
    if array.ndim == 2 and len(array) > MOST_FRAMES:
        raise RecordError(f"{len(array):,} frames, at most {MOST_FRAMES:,} are read", "send a part of the track")
    return array
