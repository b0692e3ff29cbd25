"""Requests that wait at the same time are answered in one batch, each as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from kindred.domain.errors import SettingsError, StoreError
from kindred.domain.recommendation import Answer, Request
from kindred.serving.answering.ladder import Ladder
from kindred.serving.answering.together import MOST_TOGETHER, Together
from kindred.serving.service import Service
from kindred.settings import Settings
from tests.serving.conftest import ask, opened

NUM_USERS = 2 * MOST_TOGETHER + 3


class Watched:
    """A recommender that tells how many it answered at once, and fails where it is told to."""

    def __init__(self, recommender: Any) -> None:
        self._recommender = recommender
        self.batches: list[int] = []
        self.fails_for: dict[str, Exception] = {}

    def __call__(self, request: Request) -> Answer:
        self._fail([request])
        answer: Answer = self._recommender(request)
        return answer

    def together(self, requests: Sequence[Request]) -> list[Answer]:
        self.batches.append(len(requests))
        self._fail(requests)
        answers: list[Answer] = self._recommender.together(requests)
        return answers

    def _fail(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if error := self.fails_for.get(request.user_id or ""):
                raise error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recommender, name)


def watched(service: Service) -> Watched:
    """The recommender of products, watched, in a ladder that the service asks."""
    system = service.system("products")
    recommender = Watched(system.recommender)
    system.ladder = Ladder(recommender, system.memory, lambda: system.version, system.memory.graph_problem)
    system.together = Together(system.ladder)
    return recommender


def requests_of(service: Service) -> list[Request]:
    users = [*service.system("products").memory.past.users.ids[: NUM_USERS - 1], "unknown"]
    return [Request(user, k=3 + place % 4, reasons=False, removed=False) for place, user in enumerate(users)]


def test_many_at_once_are_answered_in_batches_as_each_alone(settings: Settings) -> None:
    with opened(settings) as service:
        requests = requests_of(service)
        alone = [service.system("products").recommender(request) for request in requests]
        recommender = watched(service)

        async def asks(client: httpx.AsyncClient) -> None:
            async def one(request: Request) -> list[str]:
                reply = await client.get(f"/v1/users/{request.user_id}/recommendations?k={request.k}")
                return [item["id"] for item in reply.json()["items"]]

            found = await asyncio.gather(*(one(request) for request in requests))
            assert found == [[item.item_id for item in answer.recommendations] for answer in alone]

        ask(service, asks)
        assert max(recommender.batches) == MOST_TOGETHER and sum(recommender.batches) == NUM_USERS


def test_one_that_comes_alone_is_answered_without_a_batch(settings: Settings) -> None:
    with opened(settings) as service:
        recommender = watched(service)
        request = requests_of(service)[0]
        answer = asyncio.run(service.answer("products", request))
        assert answer.served_by == "engine" and recommender.batches == []


@pytest.mark.parametrize("error", [StoreError("gone"), SettingsError("no such thing")])
def test_an_error_of_one_is_no_error_of_others(settings: Settings, error: Exception) -> None:
    with opened(settings) as service:
        requests = requests_of(service)[:5]
        recommender = watched(service)
        recommender.fails_for[str(requests[2].user_id)] = error

        async def all_at_once() -> list[Answer | BaseException]:
            answers = (service.answer("products", request) for request in requests)
            return list(await asyncio.gather(*answers, return_exceptions=True))

        given = asyncio.run(all_at_once())
        assert recommender.batches == [5]
        for place, answer in enumerate(given):
            if place != 2:
                assert isinstance(answer, Answer) and answer.served_by == "engine"
        failed = given[2]
        if isinstance(error, StoreError):
            assert isinstance(failed, Answer) and failed.degraded and failed.recommendations
        else:
            assert failed is error


def test_who_does_not_wait_any_more_takes_no_answer_from_others(settings: Settings) -> None:
    with opened(settings) as service:
        requests = requests_of(service)[:4]

        async def one_leaves() -> list[Answer | BaseException]:
            tasks = [asyncio.ensure_future(service.answer("products", request)) for request in requests]
            await asyncio.sleep(0)
            tasks[1].cancel()
            return list(await asyncio.gather(*tasks, return_exceptions=True))

        given = asyncio.run(one_leaves())
        assert isinstance(given[1], asyncio.CancelledError)
        for place in (0, 2, 3):
            answer = given[place]
            assert isinstance(answer, Answer) and answer.user_id == requests[place].user_id


def test_a_fault_of_the_program_reaches_all_who_wait(settings: Settings) -> None:
    with opened(settings) as service:
        requests = requests_of(service)[:3]
        watched(service).fails_for[str(requests[0].user_id)] = KeyError("unforeseen")

        async def all_at_once() -> list[Answer | BaseException]:
            answers = (service.answer("products", request) for request in requests)
            return list(await asyncio.gather(*answers, return_exceptions=True))

        assert [type(given) for given in asyncio.run(all_at_once())] == [KeyError] * 3
