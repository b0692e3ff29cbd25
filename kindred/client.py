"""A client of the service in one file: copy it into your project, or `from kindred.client import Client`.

It needs httpx and nothing else. A request that failed on the way, or that the service was too busy for, is made again;
that is safe, because reading changes nothing and every event carries a key under which it counts once.

    with Client("http://127.0.0.1:8000", key="…") as client:
        for item in client.recommend("U00042", k=5)["items"]:
            print(item["id"], item["title"], client.why("U00042", item["id"])["evidence"])
        client.send([{"user_id": "U00042", "item_id": "P00007", "rating": 5}])
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NotRequired, TypedDict, cast
from urllib.parse import quote
from uuid import uuid4

import httpx

_AGAIN = (429, 502, 503, 504)
_LONGEST_PAUSE = 30.0
_MOST_EVENTS = 1_000
_MOST_USERS = 100


class Item(TypedDict):
    """An item of an answer, best first."""

    id: str
    score: float
    title: str | None
    source: str
    reason: NotRequired[str]


class Recommendations(TypedDict):
    """An answer: its items, the version that answered, and whether something was down (`degraded`)."""

    system: str
    user_id: str | None
    items: list[Item]
    model: str
    graph_as_of: str | None
    level: str
    served_by: str
    degraded: bool
    note: str
    request_id: str
    experiment: NotRequired[str]
    variant: NotRequired[str]


class Ranking(Recommendations):
    """The given items, best first, and which of them the published version has no vector of."""

    unknown: list[str]


class Standing(TypedDict):
    """Score and rank of an item among all; the rank is None where it has none."""

    score: float
    rank: int | None


class Evidence(TypedDict):
    """A path through the graph: its nodes, what it adds to the score, and where the item stands without it."""

    kind: str
    text: str
    nodes: list[dict[str, str | None]]
    edges: list[str]
    contribution: float
    without: Standing
    aspect: str
    quotes: list[dict[str, str]]


class Why(TypedDict):
    """The evidence for an item; `caveat` says what it is not."""

    system: str
    user_id: str
    item: dict[str, str | None]
    now: Standing | None
    evidence: list[Evidence]
    without_all: Standing | None
    caveat: str
    model: str
    graph_as_of: str | None
    level: str
    note: str
    request_id: str


class TagOfTrack(TypedDict):
    """A tag of a track, and whether it was given rather than predicted."""

    tag: str
    name: str | None
    probability: float
    given: bool


class TagsOfTrack(TypedDict):
    """The likeliest tags of a track; `rests_on` is sound, tags or prior."""

    track: str | None
    tags: list[TagOfTrack]
    rests_on: str
    model: str
    request_id: str


class Written(TypedDict):
    """What became of what was sent: how much of it, and each record in turn."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[dict[str, str]]


def key_header(key: str | None) -> dict[str, str]:
    """What a request carries for a key, nothing for None.

    Raises:
        ValueError: a key that can be none, for it has other characters than ASCII's visible ones.
    """
    if key and not re.fullmatch(r"[!-~]+", key):
        raise ValueError("this is no key: one has letters, digits, - and _ only, as `kindred keys create` printed it")
    return {"Authorization": f"Bearer {key}"} if key else {}


class ServiceError(Exception):
    """The service refused a request, or can't be reached.

    Attributes:
        status: of the reply; None where there was none.
        code: what kind of problem it is, as the service names it.
        hint: what to do next.
        request_id: to find the request in the service's log.
    """

    def __init__(self, message: str, status: int | None = None, problem: Mapping[str, Any] | None = None) -> None:
        problem = problem or {}
        self.hint = str(problem.get("hint", ""))
        super().__init__(f"{message} — {self.hint}" if self.hint else message)
        self.status = status
        self.code = str(problem.get("code", ""))
        self.request_id = str(problem.get("request_id", ""))


class Client:
    """Asks the service and tells it what happened. Thread-safe; close it, or use it in a `with`.

    Args:
        url: of the service.
        key: one that `kindred keys create` printed; None where the service has none.
        timeout: seconds for one try.
        retries: how often a request is made again.
        transport: another way to the service, for tests.

    Raises:
        ValueError: a key that can be none, for it has other characters than ASCII's visible ones.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout: float = 5.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=url, headers=key_header(key), timeout=timeout, transport=transport)
        self._retries = retries

    def recommend(
        self,
        user_id: str,
        k: int = 10,
        *,
        system: str = "products",
        exclude_seen: bool = True,
        where: Sequence[str] = (),
        reasons: bool = False,
    ) -> Recommendations:
        """The k best items for a user, for which all of `where` holds, e.g. `["price<=20", "in_stock=yes"]`."""
        query = {"k": k, "exclude_seen": exclude_seen, "where": list(where), "reasons": reasons}
        return cast(Recommendations, self.request("GET", f"{_user(system, user_id)}/recommendations", params=query))

    def recommend_for(self, asked: Mapping[str, Any], *, system: str = "products") -> Recommendations:
        """The best items in a context: any of `user_id`, `viewed`, `text`, `where`, `exclude`, `pinned`, `boosts`, `k`.

        `/docs` of the service lists them all, e.g. `{"viewed": ["P00007"], "text": "light rain jacket", "k": 5}`.
        """
        path = f"/v1/{_part(system)}/recommendations"
        return cast(Recommendations, self.request("POST", path, json=dict(asked)))

    def recommend_many(
        self, user_ids: Sequence[str], k: int = 10, *, system: str = "products"
    ) -> list[Recommendations]:
        """The k best items for each user, in their order."""
        path = f"/v1/{_part(system)}/recommendations/batch"
        parts = [user_ids[start : start + _MOST_USERS] for start in range(0, len(user_ids), _MOST_USERS)]
        replies = [self.request("POST", path, json={"users": list(part), "k": k}) for part in parts]
        return [answer for reply in replies for answer in reply["answers"]]

    def similar(self, item_id: str, k: int = 10, *, system: str = "products") -> Recommendations:
        """The k items that best suit someone who liked this one."""
        path = f"/v1/{_part(system)}/items/{_part(item_id)}/similar"
        return cast(Recommendations, self.request("GET", path, params={"k": k}))

    def rank(self, items: Sequence[str], user_id: str | None = None, *, system: str = "products") -> Ranking:
        """The given items, best first for this user, or for somebody of whom nothing is known."""
        asked = {"items": list(items), "user_id": user_id}
        return cast(Ranking, self.request("POST", f"/v1/{_part(system)}/rank", json=asked))

    def why(self, user_id: str, item_id: str, *, system: str = "products") -> Why:
        """The evidence for an item: up to three paths from the user to it."""
        return cast(Why, self.request("GET", f"{_user(system, user_id)}/why/{_part(item_id)}"))

    def tags(self, track: str, k: int = 10) -> TagsOfTrack:
        """The k likeliest tags of a track, as the published version has them."""
        return cast(TagsOfTrack, self.request("GET", f"/v1/tags/tracks/{_part(track)}", params={"k": k}))

    def predict_tags(self, frames: bytes, k: int = 10, *, given: Sequence[str] = ()) -> TagsOfTrack:
        """The k likeliest tags of a track that sounds so and has these tags.

        Args:
            frames: the content of a .npy file of numbers, `[num_frames, frame_dim]`.
            k: how many tags.
            given: tags that the track has.
        """
        query = {"k": k, "given": list(given)}
        return cast(TagsOfTrack, self.request("POST", "/v1/tags/predict", params=query, content=frames))

    def send(self, events: Sequence[Mapping[str, Any]], *, system: str = "products") -> Written:
        """Tells the service what users did: `user_id`, `item_id` and what else such events hold.

        Each event without an `event_id` gets one, so that it counts once however often it is sent.
        """
        told = [{"event_id": uuid4().hex, "system": system, **event} for event in events]
        total = Written(accepted=0, duplicate=0, rejected=0, results=[])
        for start in range(0, len(told), _MOST_EVENTS):
            part = self.request("POST", "/v1/events", json=told[start : start + _MOST_EVENTS])
            total["accepted"] += part["accepted"]
            total["duplicate"] += part["duplicate"]
            total["rejected"] += part["rejected"]
            total["results"] += part["results"]
        return total

    def put_items(self, items: Sequence[Mapping[str, Any]], *, system: str = "products") -> Written:
        """Puts items that are new or have changed: `id`, and properties such as `title`."""
        return cast(Written, self.request("PUT", f"/v1/{_part(system)}/items", json=list(items)))

    def put_users(self, users: Sequence[Mapping[str, Any]], *, system: str = "products") -> Written:
        """Puts users with what is known of them."""
        return cast(Written, self.request("PUT", f"/v1/{_part(system)}/users", json=list(users)))

    def delete_user(self, user_id: str, *, system: str = "products") -> None:
        """Deletes a user and all that they did."""
        self.request("DELETE", _user(system, user_id))

    def delete_item(self, item_id: str, *, system: str = "products") -> None:
        """Deletes an item."""
        self.request("DELETE", f"/v1/{_part(system)}/items/{_part(item_id)}")

    def is_ready(self) -> bool:
        """Whether the service can answer; never raises."""
        try:
            return self._http.get("/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
    ) -> Any:
        """The JSON of a reply of any route; all routes may be asked twice, and are where the first try failed.

        Raises:
            ServiceError: the service refused it, or could not be reached in so many tries.
        """
        for tried in range(self._retries + 1):
            is_last = tried == self._retries
            try:
                reply = self._http.request(method, path, params=params, json=json, content=content)
            except httpx.TransportError as error:
                if is_last:
                    raise ServiceError(f"{self._http.base_url} can't be reached: {error}") from error
                time.sleep(_pause(tried, None))
                continue
            if reply.is_success:
                return reply.json()
            if is_last or reply.status_code not in _AGAIN:
                raise _refused(reply)
            time.sleep(_pause(tried, reply.headers.get("Retry-After")))
        raise AssertionError("a negative number of retries")

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _user(system: str, user_id: str) -> str:
    return f"/v1/{_part(system)}/users/{_part(user_id)}"


def _part(name: str) -> str:
    """An id as a part of a path, whatever is in it; `.` and `..` are ids too, not a way to another path."""
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


def _pause(tried: int, told: str | None) -> float:
    """Seconds to wait: as long as the service says, else twice as long each time, and a little at random."""
    if told is not None and told.isdecimal():
        return min(float(told), _LONGEST_PAUSE)
    return min(0.1 * 2.0**tried, _LONGEST_PAUSE) * (0.5 + random.random())


def _refused(reply: httpx.Response) -> ServiceError:
    try:
        problem = reply.json()["error"]
        return ServiceError(f"{reply.status_code}: {problem['message']}", reply.status_code, problem)
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"{reply.status_code} {reply.reason_phrase}", reply.status_code)
