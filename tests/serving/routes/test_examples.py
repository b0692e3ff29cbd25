"""The examples of the OpenAPI are what the service answers."""

from __future__ import annotations

import json
import shlex
from typing import Any

from kindred.serving.pages.api_page import api_page
from tests.serving.conftest import Client, Published
from tests.serving.pages.test_pages import text_of

ASKED = (
    "GET /v1/{system}/users/{user_id}/recommendations",
    "GET /v1/users/{user_id}/recommendations",
    "POST /v1/{system}/recommendations",
    "POST /v1/{system}/recommendations/batch",
    "POST /v1/{system}/rank",
    "GET /v1/{system}/items/{item_id}/similar",
    "GET /v1/{system}/users/{user_id}/why/{item_id}",
    "GET /v1/users/{user_id}/why/{item_id}",
    "POST /reviews/",
    "GET /health/live",
    "GET /health/ready",
    "GET /health/deps",
)


def test_examples_can_be_asked_and_have_the_form_of_what_is_answered(client: Client, published: Published) -> None:
    description = client.get("/openapi.json").json()
    calls = {}
    for _, of_group in api_page(description, "http://here/").values["groups"]:  # type: ignore[attr-defined]
        calls |= {f"{call['method']} {call['path']}": call for call in of_group}
    item = str(published.reviews[0]["asin"])
    for name in ASKED:
        words = [word.replace("P00381", item) for word in shlex.split(calls[name]["example"])]
        path = words[2].removeprefix("http://here")
        reply = client.get(path) if name.startswith("GET") else client.post(path, json.loads(words[-1]))
        assert reply.status_code == 200, (name, reply.text)
        assert form(reply.json()).keys() == form(json.loads(calls[name]["answered"])).keys(), name
    assert all(call["answered"] and "{" not in shlex.split(call["example"])[2] for call in calls.values())


def form(answer: Any) -> dict[str, Any]:
    """An answer with the fields of the first item that it holds, if any."""
    first = (answer.get("items") or [{}])[0] if isinstance(answer.get("items"), list) else {}
    return answer | {f"items.{name}": None for name in first}


def test_the_page_of_the_interface_shows_them(client: Client) -> None:
    page = text_of(client, "/docs").said
    assert "curl -s " in page and "order-1841-line-2" in page and "--data-binary @TRACK.npy" in page
