"""An example of every request and of what is answered to it, for the OpenAPI of the service and its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MODEL, _REQUEST = "20261127-091600-f68487", "5f0c9e7a1b2c3d4e"
_PARAMETERS: Mapping[str, object] = {
    "system": "products",
    "user_id": "U00042",
    "item_id": "P00381",
    "id": 17,
    "track": "1058",
}
"""What stands for a parameter that a route needs."""
_ITEM = {"id": "P00381", "score": 2.86, "title": "Cantabile Walnut Pro Acoustic Guitar", "source": "model"}
_OTHER = {"id": "P00267", "score": 1.5, "title": "Mossfield Hazel Traveller Travel Guitar", "source": "similar"}
_ANSWER = {
    "system": "products",
    "user_id": "U00042",
    "items": [_ITEM],
    "model": _MODEL,
    "graph_as_of": "2026-06-30T21:15:02Z",
    "level": "model",
    "served_by": "engine",
    "degraded": False,
    "note": "",
    "request_id": _REQUEST,
}
_WHY = {
    "system": "products",
    "user_id": "U00042",
    "item": {"id": "P00381", "title": "Cantabile Walnut Pro Acoustic Guitar"},
    "now": {"score": 2.86, "rank": 1},
    "evidence": [
        {
            "kind": "people",
            "text": "you reviewed “Wolfnote Cedar Classic Clip-On Tuner” (5 of 5); U02217 liked both",
            "nodes": [
                {"label": "User", "id": "U00042", "title": None},
                {"label": "Product", "id": "P00408", "title": "Wolfnote Cedar Classic Clip-On Tuner"},
                {"label": "User", "id": "U02217", "title": None},
                {"label": "Product", "id": "P00381", "title": "Cantabile Walnut Pro Acoustic Guitar"},
            ],
            "edges": ["REVIEWED", "REVIEWED", "REVIEWED"],
            "contribution": 0.28,
            "without": {"score": 2.49, "rank": 1},
            "aspect": "",
            "quotes": [],
        }
    ],
    "without_all": {"score": 2.49, "rank": 1},
    "caveat": "This is evidence that the score rests on, not proof of what caused a choice.",
    "model": _MODEL,
    "graph_as_of": "2026-06-30T21:15:02Z",
    "level": "model",
    "note": "",
    "request_id": _REQUEST,
}
_POST = {"id": 48, "text": "A walk along the coast, and what to take with you.", "topic": "travel"}
_READER = {
    "id": 17,
    "gender": 0,
    "age": 30,
    "country": "Lumeria",
    "city": "Fenwick-on-Sea",
    "exp_group": 1,
    "os": "Android",
    "source": "organic",
}
_SHOWN = {"timestamp": "2021-12-23T00:16:26", "user_id": 17, "post_id": 48, "action": "view", "target": 0}
_TAGS = {
    "track": "1058",
    "tags": [{"tag": "59", "name": None, "probability": 0.83, "given": False}],
    "rests_on": "sound",
    "model": _MODEL,
    "request_id": _REQUEST,
}
_REVIEW = {
    "reviewerID": "A1",
    "asin": "P00007",
    "verified": True,
    "score": 5,
    "product_name": "Mossfield Dune Pro Travel Guitar",
    "product_info": "Made to be forgotten in use.",
    "comment": "Stays in tune for weeks.",
}


@dataclass(frozen=True)
class Example:
    """A request and what is answered to it.

    Attributes:
        answer: the body of the reply.
        query: parameters beside those that the route needs.
        body: of the request, where its schema has no example.
    """

    answer: object
    query: Mapping[str, object] = field(default_factory=dict)
    body: object = None


def _written(node_id: str, status: str = "accepted") -> dict[str, object]:
    return {"accepted": 1, "duplicate": 0, "rejected": 0, "results": [{"id": node_id, "status": status}]}


_FEW = {"k": 1}
EXAMPLES: Mapping[str, Example] = {
    "GET /v1/{system}/users/{user_id}/recommendations": Example(_ANSWER, _FEW),
    "GET /v1/users/{user_id}/recommendations": Example(_ANSWER, _FEW),
    "POST /v1/{system}/recommendations": Example(_ANSWER | {"level": "inductive"}),
    "POST /v1/{system}/recommendations/batch": Example(
        {"answers": [_ANSWER]}, body={"users": ["U00042", "U00043"], "k": 1}
    ),
    "POST /v1/{system}/rank": Example(_ANSWER | {"unknown": ["P00011"]}),
    "GET /v1/{system}/items/{item_id}/similar": Example(
        _ANSWER | {"user_id": None, "items": [_OTHER], "level": "similar"}, _FEW
    ),
    "GET /v1/{system}/users/{user_id}/why/{item_id}": Example(_WHY),
    "GET /v1/users/{user_id}/why/{item_id}": Example(_WHY),
    "POST /reviews/": Example(
        {"recommendations": [["P00267", "P00432", "P00372", "P00288", "P00719"]]}, body=[_REVIEW]
    ),
    "POST /v1/events": Example(_written("order-1841-line-2")),
    "PUT /v1/{system}/items": Example(
        _written("P90001"), body=[{"id": "P90001", "title": "Clip-on tuner", "category": ["Guitars"], "price": 19.9}]
    ),
    "PUT /v1/{system}/users": Example(_written("U90001"), body=[{"id": "U90001", "country": "NZ"}]),
    "DELETE /v1/{system}/items/{item_id}": Example({"deleted": "P00381"}),
    "DELETE /v1/{system}/users/{user_id}": Example({"deleted": "U00042"}),
    "GET /post/recommendations/": Example([_POST], {"time": "2021-12-01T12:00:00", "limit": 1}),
    "GET /post/top": Example([_POST], {"limit": 1}),
    "GET /user/{id}": Example(_READER),
    "GET /post/{id}": Example(_POST | {"id": 17}),
    "GET /user/{id}/feed": Example([_SHOWN], {"limit": 1}),
    "GET /post/{id}/feed": Example([_SHOWN | {"user_id": 8, "post_id": 17}], {"limit": 1}),
    "GET /v1/tags/tracks/{track}": Example(_TAGS, _FEW),
    "POST /v1/tags/predict": Example(_TAGS | {"track": None}, _FEW),
    "GET /health/live": Example({"status": "live"}),
    "GET /health/ready": Example({"status": "ready", "systems": {"products": _MODEL}, "problems": []}),
    "GET /health/deps": Example(
        {
            "graph": "ok",
            "writes": "ok",
            "texts": "ok",
            "systems": {
                "products": {
                    "version": _MODEL, "graph": "ok", "newest": "ok", "engine": "closed", "engine_is": "asked",
                    "engine_problem": ""
                }
            },
        }
    ),
    "GET /metrics": Example('kindred_engine_up{system="products"} 1.0\n'),
}  # fmt: skip
"""By method and path."""


def with_examples(description: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI description, each of whose operations has an example of its parameters, its body and its answer."""
    for path, methods in description["paths"].items():
        for method, said in methods.items():
            example = EXAMPLES[f"{method.upper()} {path}"]
            for one in said.get("parameters", ()):
                needed = _PARAMETERS.get(one["name"]) if one.get("required") else None
                if (value := example.query.get(one["name"], needed)) is not None:
                    one["example"] = value
            if example.body is not None:
                said["requestBody"]["content"]["application/json"]["example"] = example.body
            kind = "text/plain" if isinstance(example.answer, str) else "application/json"
            said["responses"]["200"]["content"][kind]["example"] = example.answer
    return description
