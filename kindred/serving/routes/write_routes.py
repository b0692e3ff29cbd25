"""Routes that take what happened and what there is: events, items, users, and deletions of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field, JsonValue, WrapValidator
from starlette.responses import Response

from kindred.domain.errors import RecordError
from kindred.serving.answering.opened_system import OpenedSystem
from kindred.serving.http.known_parameters import ONLY_KNOWN
from kindred.serving.http.malformed import Malformed, or_malformed
from kindred.serving.http.replies import orjson_response
from kindred.serving.routes.asked import Id, SystemPath
from kindred.serving.routes.replied import PROBLEMS
from kindred.serving.service import Service
from kindred.serving.writes.written import delete_value, event_of, event_value, node_value, nodes_of, reason_of

MOST_EVENTS = 1_000
"""Events, items or users of one request."""
ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"
_TAKEN = "event_id: an event of another user has it; an id is of one event, e.g. with the user's id in it"
_EXAMPLE: dict[str, JsonValue] = {
    "system": "products",
    "user_id": "U00042",
    "item_id": "P00007",
    "rating": 5,
    "text": "Stays in tune for weeks.",
    "event_id": "order-1841-line-2",
}


class NewEvent(BaseModel):
    """Something that a user did; what else the system's events hold (`rating`, `text`, `plays` …) stands beside."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [_EXAMPLE]})

    system: Annotated[str, Field(description="of which recommender")] = "products"
    user_id: Annotated[Id, Field(description="who did it")]
    item_id: Annotated[Id, Field(description="with what")]
    event_id: Annotated[
        Id | None,
        Field(description="its key, of no other event: sent twice it counts once; else its content is, with a time"),
    ] = None
    at: Annotated[int | str | None, Field(description="when, seconds UTC or ISO 8601; now if not given")] = None


class NewNode(BaseModel):
    """An item or a user, with properties; what is left out stays as it is. Context such as `category` takes names."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"id": "P90001", "title": "Clip-on tuner", "brand": "Snark"}]}
    )

    id: Annotated[Id, Field(description="what it is called in events and answers")]


class Written(BaseModel):
    """What became of each record, in the order they were sent.

    Attributes:
        results: `status` (accepted, duplicate, rejected), `id`, and `reason` where it was rejected.
    """

    accepted: int
    duplicate: int
    rejected: int
    results: list[dict[str, str]] = Field(description="one for each record sent")


EventOfList = Annotated[NewEvent, WrapValidator(or_malformed)]
NodeOfList = Annotated[NewNode, WrapValidator(or_malformed)]
Events = Annotated[NewEvent | list[EventOfList], Body()]
Nodes = Annotated[list[NodeOfList], Body(min_length=1, max_length=MOST_EVENTS)]


def router(service: Service) -> APIRouter:
    """The routes of writes."""
    routes = APIRouter(tags=["writes"], responses=PROBLEMS, dependencies=[ONLY_KNOWN])

    @routes.post("/v1/events", response_model=Written)
    async def events(body: Events) -> Response:
        """Tell what users did. It is on the disk when this answers, and in the next answer for those users."""
        told = body if isinstance(body, list) else [body]
        if not 1 <= len(told) <= MOST_EVENTS:
            raise RecordError(f"{len(told)} events", f"send 1 to {MOST_EVENTS} at once")
        values, results = _checked_events(service, told)
        if values:
            await service.live.write(values)
        if not isinstance(body, list) and results[0]["status"] == REJECTED:
            raise RecordError(results[0]["reason"])
        return _written(results)

    @routes.put("/v1/{system}/items", response_model=Written)
    async def items(system: SystemPath, body: Nodes) -> Response:
        """Put items that are new or have changed; one with text is recommended to whom it fits."""
        return await _put(service, service.system(system), body, is_item=True)

    @routes.put("/v1/{system}/users", response_model=Written)
    async def users(system: SystemPath, body: Nodes) -> Response:
        """Put users with what is known of them."""
        return await _put(service, service.system(system), body, is_item=False)

    @routes.delete("/v1/{system}/items/{item_id:path}")
    async def delete_item(system: SystemPath, item_id: Id) -> Response:
        """Delete an item and its edges; it is in no answer any more."""
        label = service.system(system).module.system.item_label
        await service.live.write([delete_value(system, label, item_id)])
        return orjson_response({"deleted": item_id})

    @routes.delete("/v1/{system}/users/{user_id:path}")
    async def delete_user(system: SystemPath, user_id: Id) -> Response:
        """Delete a user: out of memory at once, out of the graph, the vectors and the journal soon after."""
        label = service.system(system).module.system.user_label
        await service.live.write([delete_value(system, label, user_id)])
        return orjson_response({"deleted": user_id})

    return routes


async def _put(service: Service, opened: OpenedSystem, body: Sequence[NewNode | Malformed], is_item: bool) -> Response:
    system = opened.module.system
    kind = system.target.target if is_item else system.target.source
    values, results = [], []
    for node in body:
        if isinstance(node, Malformed):
            results.append(_rejected(node.id_of("id"), node.reason))
            continue
        said = {name: value for name, value in node.model_dump().items() if value is not None}
        try:
            nodes_of(kind, system.context if is_item else (), said)
        except RecordError as error:
            results.append(_rejected(node.id, reason_of(error)))
        else:
            values.append(node_value(opened.name, kind.label, said))
            results.append({"id": node.id, "status": ACCEPTED})
    if values:
        await service.live.write(values)
    return _written(results)


def _checked_events(
    service: Service, told: Sequence[NewEvent | Malformed]
) -> tuple[list[Mapping[str, Any]], list[dict[str, str]]]:
    """The entries of the events that are good and new, and what became of each."""
    values: list[Mapping[str, Any]] = []
    results: list[dict[str, str]] = []
    users_here: dict[tuple[str, str], str] = {}
    for said in told:
        if isinstance(said, Malformed):
            results.append(_rejected(said.id_of("event_id"), said.reason))
            continue
        opened = service.systems.get(said.system)
        if opened is None:
            results.append(_rejected(said.event_id or "", _no_system(service, said.system)))
            continue
        try:
            event = event_of(opened.module.system, said.model_dump(exclude={"system"}))
        except RecordError as error:
            results.append(_rejected(said.event_id or "", reason_of(error)))
            continue
        key = (said.system, event.event_id)
        user = users_here.get(key) or opened.memory.user_with(event.event_id)
        if user not in (None, event.source_id):
            results.append(_rejected(event.event_id, _TAKEN))
            continue
        status = ACCEPTED if user is None else DUPLICATE
        if status == ACCEPTED:
            users_here[key] = event.source_id
            values.append(event_value(said.system, event))
        results.append({"id": event.event_id, "status": status})
    return values, results


def _rejected(record_id: str, reason: str) -> dict[str, str]:
    return {"id": record_id, "status": REJECTED, "reason": reason}


def _no_system(service: Service, name: str) -> str:
    return f"system: there is no published system {name!r}, systems here are {', '.join(service.systems)}"


def _written(results: list[dict[str, str]]) -> Response:
    counts = {name: sum(r["status"] == name for r in results) for name in (ACCEPTED, DUPLICATE, REJECTED)}
    return orjson_response({**counts, "results": results})
