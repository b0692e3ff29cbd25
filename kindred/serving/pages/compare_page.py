"""One user, two versions or systems side by side."""

from __future__ import annotations

from dataclasses import dataclass

from kindred.domain.errors import KindredError
from kindred.domain.recommendation import Answer, Request
from kindred.serving.pages.rendering import Page, problem_text
from kindred.serving.service import Service

SHOWN = 15
_BETWEEN = "@"


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        choice: system and version.
        answer: None where it could not be had.
        problem: why.
        moves: item → by how many ranks it is higher than on the other side; None where it is not there.
    """

    choice: str
    answer: Answer | None
    problem: str
    moves: dict[str, int | None]


async def compare_page(service: Service, system: str, user: str, left: str, right: str) -> Page:
    """What two versions or systems recommend to one user."""
    service.system(system)
    choices = [
        f"{name}{_BETWEEN}{version}"
        for name in service.systems
        for version in service.vectors.of(name).versions()[::-1]
    ]
    published = f"{system}{_BETWEEN}{service.system(system).version}"
    left = left if left in choices else published
    own = [choice for choice in choices if choice.partition(_BETWEEN)[0] == system]
    other = next((choice for choice in own if choice != left), left)
    right = right if right in choices else other
    sides: list[Side] = []
    if user:
        shown = list(dict.fromkeys((left, right)))
        answers = [await _asked(service, choice, user) for choice in shown]
        sides = [
            Side(choice, answer, problem, _moves(answer, answers[-1 - number][0]))
            for number, (choice, (answer, problem)) in enumerate(zip(shown, answers, strict=True))
        ]
    common = _common(sides)
    values = {"user": user, "choices": choices, "left": left, "right": right, "sides": sides, "common": common}
    values["num_own"] = len(own)
    return Page("compare.html", values, system)


async def _asked(service: Service, choice: str, user: str) -> tuple[Answer | None, str]:
    system, _, version = choice.partition(_BETWEEN)
    current = service.system(system).version
    request = Request(
        user_id=user, k=SHOWN, reasons=False, removed=False, version=None if version == current else version
    )
    try:
        return await service.answer(system, request), ""
    except KindredError as error:
        return None, problem_text(error)


def _moves(answer: Answer | None, other: Answer | None) -> dict[str, int | None]:
    if answer is None or other is None:
        return {}
    there = {item.item_id: rank for rank, item in enumerate(other.recommendations)}
    return {
        item.item_id: there[item.item_id] - rank if item.item_id in there else None
        for rank, item in enumerate(answer.recommendations)
    }


def _common(sides: list[Side]) -> int:
    """How many items are on both sides."""
    return sum(move is not None for move in sides[0].moves.values()) if sides else 0
