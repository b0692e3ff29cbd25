"""Hostile input on every route, in a short run of `python -m benchmarks.hostile`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest

from benchmarks.api_cases import run_cases
from benchmarks.hostile import try_strings
from benchmarks.hostile_fields import Description
from benchmarks.hostile_strings import hostile_strings
from kindred.domain.errors import RecordError
from kindred.ingest.cells import times
from kindred.serving.http.times import seconds_of
from kindred.serving.service import Service
from kindred.settings import Settings
from tests.serving.conftest import Published, opened

pytestmark = pytest.mark.long


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    with opened(settings.model_copy(update={"serve_rate": 0})) as service:
        yield service


@pytest.fixture(scope="module")
def known(published: Published) -> dict[str, list[str]]:
    users = [str(review["reviewerID"]) for review in published.reviews[:3]]
    items = [str(review["asin"]) for review in published.reviews[:3]]
    return {"system": ["products"], "user_id": users, "item_id": items, "id": items, "asin": items}


def test_hostile_strings_do_no_harm_in_any_field(service: Service, known: dict[str, list[str]]) -> None:
    tried = try_strings(service, hostile_strings(), known, step=53)
    assert tried.failures == {}
    assert tried.hash_before == tried.hash_after
    assert tried.fields["GET /v1/{system}/users/{user_id}/recommendations user_id"] > 8


def test_every_reply_is_as_the_openapi_has_it_in_every_state_of_a_key(
    service: Service, known: dict[str, list[str]]
) -> None:
    tally = run_cases(service, 300, known)
    assert tally.failures == {}
    assert tally.num_requests >= 300
    assert {200, 401, 403, 422} <= set(tally.statuses)


def test_there_are_500_strings_and_each_is_another() -> None:
    assert len(set(hostile_strings())) == len(hostile_strings()) > 500


def test_each_text_field_of_a_body_gets_the_text() -> None:
    order = {
        "type": "object",
        "required": ["id", "count"],
        "properties": {
            "id": {"type": "string"},
            "count": {"type": "integer", "minimum": 2},
            "tags": {"type": "array", "items": {"$ref": "#/components/schemas/Tag"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
    }
    tag = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": True}
    description = Description({"components": {"schemas": {"Tag": tag}}}, {"id": ["P1"]})
    found = dict(description.variants(order, "evil"))
    whole = {"id": "P1", "count": 2}
    assert found[".id"] == {**whole, "id": "evil"}
    assert found[".note"] == {**whole, "note": "evil"}
    assert found[".tags[].name"] == {**whole, "tags": [{"name": "evil"}]}
    assert found[".tags[].(name)"] == {**whole, "tags": [{"evil": "x"}]}


@pytest.mark.parametrize("read", [seconds_of, partial(times.seconds_of, field="at")])
def test_a_time_is_read_or_refused(read: Callable[[str], int | None]) -> None:
    for text in [*hostile_strings(), "9" * 5_000]:
        with suppress(RecordError):
            assert isinstance(read(text), int | None)
