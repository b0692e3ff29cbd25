"""Requests that come while others are answered wait for no clock: they are the next batch, and share one search."""

from __future__ import annotations

import asyncio

from kindred.domain.recommendation import Answer, Request
from kindred.serving.answering.ladder import Ladder

MOST_TOGETHER = 16
"""Requests of one batch."""


class Together:
    """Answers quick requests of one system in the event loop: one that comes alone at once, others in a batch.

    Args:
        ladder: gives the answers.
    """

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._next: list[Request] = []
        self._answers: asyncio.Task[list[Answer | Exception]] | None = None

    async def __call__(self, request: Request) -> Answer:
        """The answer to a request, the same as without others. Raises: what the ladder raises for it."""
        if self._answers is None or len(self._next) == MOST_TOGETHER:
            self._next = []
            self._answers = asyncio.create_task(self._answer(self._next))
        answers, place = self._answers, len(self._next)
        self._next.append(request)
        given = (await asyncio.shield(answers))[place]
        if isinstance(given, Exception):
            raise given
        return given

    async def _answer(self, batch: list[Request]) -> list[Answer | Exception]:
        """What each gets of those that came until the loop was at this batch."""
        if batch is self._next:
            self._answers = None
        return self._ladder.together(batch)
