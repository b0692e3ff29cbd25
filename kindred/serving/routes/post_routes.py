"""Routes of a feed: posts for a reader at a time, the posts most liked, and the tables behind them."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BeforeValidator, Field
from starlette.responses import Response

from kindred.domain.errors import RecordError
from kindred.domain.experiments import Arm
from kindred.domain.interactions import IntArray
from kindred.domain.recommendation import Answer, Request
from kindred.domain.records import Liked
from kindred.domain.schema import graph_schema
from kindred.domain.times import time_of
from kindred.graph.store import QueryLimits
from kindred.recommenders.feed.model import CONTROL, TEST
from kindred.recommenders.feed.recommender import FeedRecommender
from kindred.recommenders.feed.tables import FeedTables
from kindred.recommenders.posts import POSTS
from kindred.serving.http.known_parameters import ONLY_KNOWN
from kindred.serving.http.problems import UnknownError
from kindred.serving.http.replies import orjson_response
from kindred.serving.routes.replied import PROBLEMS
from kindred.serving.service import Service

MOST_POSTS = 1_000
PROFILE = ("gender", "age", "country", "city", "exp_group", "os", "source")


def _time(value: object) -> datetime:
    return time_of(str(value))


Time = Annotated[AwareDatetime, BeforeValidator(_time), Field(examples=["2021-12-01T12:00:00"])]
Limit = Annotated[int, Query(ge=0, le=MOST_POSTS, description="how many")]
_OTHER_IDS = "readers and posts with other ids are at /v1/posts/users/ID/recommendations and /v1/posts/items/ID/similar"


def _checked_id(value: object) -> object:
    """The id, if it is a number as those of a feed service are. Raises: RecordError."""
    if not str(value).strip().isdecimal():
        raise RecordError(f"id: must be a whole number, 0 or more, got {str(value)[:100]!r}", _OTHER_IDS)
    return value


PostId = Annotated[int, Field(ge=0, lt=2**63), BeforeValidator(_checked_id)]


def router(service: Service) -> APIRouter:
    """The six routes of a feed."""
    routes = APIRouter(tags=["feed"], responses=PROBLEMS, dependencies=[ONLY_KNOWN])

    @routes.get("/post/recommendations", include_in_schema=False)
    @routes.get("/post/recommendations/")
    async def recommendations(id: PostId, time: Annotated[Time | None, Query()] = None, limit: Limit = 5) -> Response:
        """Posts for a reader, best first: nothing of `time` or later is known to the answer."""
        return orjson_response(await _recommended(service, str(id), _seconds(time), limit))

    @routes.get("/post/top")
    async def top(limit: Limit = 10, time: Annotated[Time | None, Query()] = None) -> Response:
        """The posts with the most likes before `time`."""
        recommender = _recommender(service)
        ids = await service.in_thread(lambda: recommender.most_liked(_seconds(time), limit))
        feed = recommender.feed()
        return orjson_response([_post(feed, post) for post in ids if post in feed.posts])

    @routes.get("/user/{id}")
    async def user(id: PostId) -> Response:
        """A reader's profile."""
        is_leaving = service.system(POSTS.name).is_leaving(str(id))
        if is_leaving or _recommender(service).feed().readers.position(str(id)) is None:
            raise UnknownError(f"there is no user {id}", "ids are those of the users table")
        return orjson_response(await service.in_thread(lambda: _profile(service, id)))

    @routes.get("/post/{id}")
    async def post(id: PostId) -> Response:
        """A post."""
        feed = _recommender(service).feed()
        if feed.posts.position(str(id)) is None or str(id) in _hidden(service).posts:
            raise UnknownError(f"there is no post {id}", "ids are those of the posts table")
        return orjson_response(_post(feed, str(id)))

    @routes.get("/user/{id}/feed")
    async def user_feed(id: PostId, limit: Limit = 10) -> Response:
        """What a reader was shown and liked, newest first."""
        feed = _recommender(service).feed()
        hidden = _hidden(service)
        rows = _events(feed, "reader", feed.readers.position(str(id)), limit, hidden)
        told = [row for row in _told(service, feed, {str(id)}) if str(row["post_id"]) not in hidden.posts]
        return orjson_response(_newest([*rows, *told], limit))

    @routes.get("/post/{id}/feed")
    async def post_feed(id: PostId, limit: Limit = 10) -> Response:
        """Who was shown a post and who liked it, newest first."""
        feed = _recommender(service).feed()
        hidden, memory = _hidden(service), service.system(POSTS.name).memory
        if str(id) in hidden.posts:
            return orjson_response([])
        rows = _events(feed, "post", feed.posts.position(str(id)), limit, hidden)
        told = _told(service, feed, memory.users_after(str(id), feed.as_of or 0), str(id))
        return orjson_response(_newest([*rows, *told], limit))

    return routes


async def _recommended(service: Service, reader: str, at: int, limit: int) -> object:
    """The posts, best first; while an A/B test runs also the arm that they are of."""
    recommender = _recommender(service)

    async def answered(request: Request, arm: Arm | None) -> Answer:
        asked = replace(request, at=at)
        unknown = service.system(POSTS.name).as_stranger(asked)
        name = TEST if arm is None or arm.name != CONTROL else CONTROL
        return await service.in_thread(lambda: recommender.answer(unknown or asked, name))

    answer = await service.chosen(POSTS.name, Request(user_id=reader, k=limit, reasons=False), answered)
    feed = recommender.feed()
    posts = [_post(feed, item.item_id) for item in answer.recommendations if item.item_id in feed.posts]
    return {"exp_group": answer.variant, "recommendations": posts} if answer.variant else posts


def _recommender(service: Service) -> FeedRecommender:
    """What answers for the feed. Raises: UnknownError where no version of it is published."""
    recommender = service.system(POSTS.name).recommender
    assert isinstance(recommender, FeedRecommender)
    return recommender


@dataclass(frozen=True)
class _Hidden:
    """Ids of deleted readers and posts that the feed which was read may still hold."""

    readers: Collection[str]
    posts: Collection[str]


def _hidden(service: Service) -> _Hidden:
    opened = service.system(POSTS.name)
    return _Hidden(opened.leaving, opened.memory.barred(None))


def _seconds(time: datetime | None) -> int:
    """The first whole second that is not before the time; now where None."""
    return math.ceil(clock.time() if time is None else time.timestamp())


def _post(feed: FeedTables, post_id: str) -> dict[str, Any]:
    position = feed.posts.positions([post_id])[0]
    return {"id": _number(post_id), "text": feed.words[position], "topic": feed.topic(int(position))}


def _number(node_id: str) -> int | str:
    """An id as the tables have it: a number where it is one."""
    return int(node_id) if node_id.isdecimal() else node_id


def _profile(service: Service, user_id: int) -> dict[str, Any]:
    label = graph_schema().node(POSTS.user_label).name
    wanted = ", ".join(f"user.{name} AS {name}" for name in PROFILE)
    with service.graph.read() as store:
        found = store.query(f"MATCH (user:{label} {{id: $id}}) RETURN {wanted}", {"id": str(user_id)}, QueryLimits())
    rows = found.to_pylist()
    return {"id": user_id, **(rows[0] if rows else dict.fromkeys(PROFILE))}


def _events(feed: FeedTables, side: str, position: int | None, limit: int, hidden: _Hidden) -> list[dict[str, Any]]:
    """Rows of the feed table, newest first; none for somebody or something unknown, or deleted."""
    if position is None or limit == 0:
        return []
    log = feed.log
    readers, posts = feed.readers.known_positions(hidden.readers), feed.posts.known_positions(hidden.posts)

    def rows_of(reader: IntArray, post: IntArray) -> IntArray:
        own = np.flatnonzero((reader if side == "reader" else post) == position)
        own = own[~np.isin(reader[own], readers) & ~np.isin(post[own], posts)]
        return own[len(own) - min(limit, len(own)) :]

    views, likes = rows_of(log.reader, log.post), rows_of(feed.like_reader, feed.like_post)
    rows = [
        _row(feed, int(log.at[row]), int(log.reader[row]), int(log.post[row]), "view", int(log.liked[row]))
        for row in views
    ]
    rows += [
        _row(feed, int(feed.like_at[row]), int(feed.like_reader[row]), int(feed.like_post[row]), "like", 0)
        for row in likes
    ]
    return _newest(rows, limit)


def _newest(rows: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["timestamp"], reverse=True)[:limit]


def _told(
    service: Service, feed: FeedTables, users: Collection[str], post_id: str | None = None
) -> list[dict[str, Any]]:
    """Rows of what users did after the feed was read, as the service was told; with a post where one is named."""
    opened, after = service.system(POSTS.name), feed.as_of or 0
    action = "like" if opened.module.system.target is Liked else "view"
    return [
        _as_row(event.at, user, event.item_id, action, 0)
        for user in users
        for event in opened.memory.light_events(user)
        if event.at is not None and event.at > after and post_id in (None, event.item_id)
    ]


def _row(feed: FeedTables, at: int, reader: int, post: int, action: str, target: int) -> dict[str, Any]:
    return _as_row(at, feed.readers.external(reader), feed.posts.external(post), action, target)


def _as_row(at: int, user_id: str, post_id: str, action: str, target: int) -> dict[str, Any]:
    return {
        "timestamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "user_id": _number(user_id),
        "post_id": _number(post_id),
        "action": action,
        "target": target,
    }
