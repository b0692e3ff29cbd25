"""Records that have not the form of the others: each is answered for, and the others of its list are taken."""

from __future__ import annotations

import httpx

from kindred.settings import Settings
from tests.serving.conftest import ask, opened

AS_JSON = {"content-type": "application/json"}
GOOD = {"user_id": 7, "item_id": "B00000001", "rating": 5, "event_id": "good"}


def test_one_of_a_list_costs_none_of_the_others(settings: Settings) -> None:
    events = [
        GOOD,
        {"user_id": "u", "event_id": "bare"},
        GOOD | {"event_id": ["a list"]},
        GOOD | {"user_id": "u" * 600, "event_id": "long"},
        GOOD | {"at": {}},
        "no table",
        None,
        GOOD | {"event_id": "also good", "item_id": 12},
    ]
    refused = [
        "item_id: is missing",
        "event_id: must be a text",
        "user_id: must have at most",
        "at: must be a whole number or a text",
        *["the"] * 2,
    ]

    async def asks(client: httpx.AsyncClient) -> None:
        reply = (await client.post("/v1/events", json=events)).json()
        assert (reply["accepted"], reply["rejected"]) == (2, 6), reply
        assert [result["id"] for result in reply["results"]] == [
            "good",
            "bare",
            "",
            "long",
            "good",
            "",
            "",
            "also good",
        ]
        reasons = [result["reason"] for result in reply["results"][1:-1]]
        assert [reason.startswith(begin) for reason, begin in zip(reasons, refused, strict=True)] == [True] * 6, reasons
        assert reasons[-1] == "the record: must be a table of names and values"
        said = r'[{"title": "x"}, {"id": 5, "title": "y"}, {"id": "\ud800"}]'
        items = (await client.put("/v1/products/items", content=said, headers=AS_JSON)).json()
        assert [result["status"] for result in items["results"]] == ["rejected", "accepted", "rejected"]
        assert items["results"][0]["reason"] == "id: is missing"

    with opened(settings) as service:
        ask(service, asks)


def test_one_alone_or_none_is_refused(settings: Settings) -> None:
    async def asks(client: httpx.AsyncClient) -> None:
        for wrong in ({"user_id": "u"}, "no table", 3, None, [], {}):
            reply = await client.post("/v1/events", json=wrong)
            assert reply.status_code == 422 and reply.json()["error"]["message"], reply.text

    with opened(settings) as service:
        ask(service, asks)
