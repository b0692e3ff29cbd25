"""Try it: recommendations for somebody who need not be in the graph, from items picked here or reviews pasted here."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from kindred.domain.errors import KindredError, RecordError
from kindred.domain.recommendation import Answer, Request
from kindred.domain.records import Event, Reviewed
from kindred.domain.shown import with_article
from kindred.recommenders.system import System
from kindred.recommenders.systems import SystemModule
from kindred.serving.http.problems import UnknownError
from kindred.serving.pages.rendering import Page, longest_bar, problem_text
from kindred.serving.service import Service
from kindred.serving.state.memory import Memory
from kindred.serving.writes.written import check_rating

YOU = "you"
SHOWN = 10
FOUND = 8
MOST_PICKS = 50
STARS = ("5", "4", "3", "2", "1")
_SEPARATOR = "|"


@dataclass(frozen=True)
class Pick:
    """An item picked, and the stars given to it; empty where the system has no ratings."""

    item_id: str
    stars: str


async def try_page(service: Service, system: str, form: str) -> Page:
    """The box, and what is recommended to whom it describes.

    Args:
        service: answers.
        system: whose items.
        form: what was sent, as a query string.

    Raises:
        UnknownError: this system answers only whom it knows.
    """
    opened = service.system(system)
    if opened.module.takes == "nothing":
        words = opened.module.system.words
        raise UnknownError(
            f"{words.items} are recommended to what is known only", f"find {with_article(words.user)} instead"
        )
    sent = parse_qsl(form, keep_blank_values=True, max_num_fields=200)
    fields = dict(sent)
    declared = opened.module.system
    picks = _picks(sent, fields, opened.memory, declared.rated)
    pasted, q = fields.get("pasted", ""), fields.get("q", "").strip()
    picked = {pick.item_id for pick in picks}
    wanted = FOUND + 1 + len(picked)
    found = await service.in_thread(partial(opened.memory.find_items, q, wanted)) if q else []
    found = [(item, title) for item, title in found if item not in picked]
    request, answer, problem = await _answered(service, opened.module, picks, pasted)
    named = dict.fromkeys(event.target_id for event in (request.events if request else ()))
    values = {
        "picks": picks,
        "titles": opened.memory.titles(picked),
        "pasted": pasted,
        "q": q,
        "found": found[:FOUND],
        "more": len(found) > FOUND,
        "searched": bool(q),
        "answer": answer,
        "problem": problem,
        "unknown": [item for item in named if not opened.memory.knows_item(item)],
        "has_words": bool(declared.event_texts),
        "rated": declared.rated,
        "stars": STARS,
        "shape": _shape(declared),
        "best": longest_bar(answer.recommendations if answer else ()),
        "examples": (await service.answer(system, Request(k=3, reasons=False, removed=False))).recommendations,
    }
    return Page("try.html", values, system)


async def _answered(
    service: Service, module: SystemModule, picks: Sequence[Pick], pasted: str
) -> tuple[Request | None, Answer | None, str]:
    """What was asked and what is recommended, None where nothing was; and what is wrong with what was asked."""
    try:
        request = _request(module, picks, pasted)
        return request, (None if request is None else await service.answer(module.system.name, request)), ""
    except KindredError as error:
        return None, None, problem_text(error)


def _request(module: SystemModule, picks: Sequence[Pick], pasted: str) -> Request | None:
    """What is asked for; None where nothing was picked or pasted."""
    target, rated = module.system.target, module.system.rated
    if module.takes == "searches":
        searches = tuple(line.strip() for line in pasted.splitlines() if line.strip())
        return Request(queries=searches, k=SHOWN, removed=False) if searches else None
    events = [*_events(target, rated, picks), *_pasted(module.system, pasted)]
    return Request(events=events, k=SHOWN, removed=False) if events else None


def _picks(sent: Sequence[tuple[str, str]], fields: dict[str, str], memory: Memory, rated: bool) -> list[Pick]:
    """The picked items in the order of picking, with the one just added and without the one just taken out."""
    ids = [value for name, value in sent if name == "pick"]
    if fields.get("add"):
        ids.append(fields["add"])
    wanted = [item for item in dict.fromkeys(ids) if item != fields.get("remove") and memory.knows_item(item)]
    chosen = wanted[:MOST_PICKS]
    given = {item: fields.get(f"stars {item}", STARS[0]) for item in chosen}
    return [Pick(item, (given[item] if given[item] in STARS else STARS[0]) if rated else "") for item in chosen]


def _events(target: type[Event], rated: bool, picks: Sequence[Pick]) -> list[Event]:
    return [_event(target, rated, number, pick.item_id, pick.stars, "") for number, pick in enumerate(picks)]


def _event(target: type[Event], rated: bool, number: int, item: str, stars: str, text: str) -> Event:
    values: dict[str, object] = {
        "event_id": f"{YOU}-{number}",
        "source_id": YOU,
        "target_id": item,
        "at": int(time.time()),
    }
    if rated and stars:
        values["rating"] = float(stars)
    if text and "text" in target.model_fields:
        values["text"] = text
    return target.model_validate(values)


def _shape(system: System) -> str:
    """What a pasted line looks like."""
    stars, words = ["stars"] if system.rated else [], ["words"] if system.event_texts else []
    return f" {_SEPARATOR} ".join(["id", *stars, *words])


def _pasted(system: System, text: str) -> list[Event]:
    """Events of what was pasted: JSON lines as `kindred ingest` reads them, or `id | stars | words` a line.

    Raises:
        RecordError: a line that can't be understood, with its number.
    """
    target = system.target
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if lines and lines[0][1].startswith("{") and target is Reviewed:
        return _json_reviews(text)
    events = []
    for number, line in lines:
        item, *said = (part.strip() for part in line.split(_SEPARATOR, 2 if system.rated else 1))
        stars, words = [*([] if system.rated else [""]), *said, "", ""][:2]
        try:
            events.append(_event(target, system.rated, MOST_PICKS + number, item, stars, words))
            check_rating(system, events[-1])
        except RecordError as error:
            raise RecordError(f"line {number}: {error.message}") from error
        except ValueError as error:
            raise RecordError(f"line {number} can't be understood", f"write `{_shape(system)}`") from error
    return events


def _json_reviews(text: str) -> list[Event]:
    """Reviews in any layout that ingest reads, all as of one user."""
    from kindred.ingest.reviews import read_reviews

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.jsonl"
        path.write_text(text, "utf-8")
        try:
            by_user = read_reviews(path)
        except RecordError as error:
            raise RecordError(error.message.replace(f"{path}", "what you pasted"), error.next_step) from error
    reviews = [review for written in by_user.values() for review in written]
    return [review.model_copy(update={"source_id": YOU}) for review in reviews]
