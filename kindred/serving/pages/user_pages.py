"""Pages of users: find one, what they did and what is next, and why."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from kindred.domain.errors import StoreError
from kindred.domain.explanation import CAVEAT
from kindred.domain.recommendation import Request
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.recommends import KnowsSearches
from kindred.serving.answering.opened_system import OpenedSystem
from kindred.serving.http.problems import UnknownError, unknown_item
from kindred.serving.pages.path_drawing import Drawing, drawing_of
from kindred.serving.pages.rendering import Page, longest_bar
from kindred.serving.service import Service

EXAMPLES = 8
FOUND = 24
HISTORY = 60
SIZES = (10, 20, 50)


async def find_page(service: Service, system: str, text: str) -> Page:
    """Search for users by the beginning of their id and for items by id or title, with examples."""
    opened = service.system(system)
    text, memory = text.strip(), opened.memory
    users = await service.in_thread(partial(memory.find_users, text, FOUND + 1)) if text else []
    items = await service.in_thread(partial(memory.find_items, text, FOUND + 1)) if text else []
    examples = await service.in_thread(partial(opened.recommender.example_users, EXAMPLES))
    popular = (await service.answer(system, Request(k=EXAMPLES, reasons=False, removed=False))).recommendations
    values = {
        "q": text,
        "users": users[:FOUND],
        "items": items[:FOUND],
        "more_users": len(users) > FOUND,
        "more_items": len(items) > FOUND,
        "examples": sorted(((user, len(memory.seen(user, None))) for user in examples), key=lambda pair: -pair[1]),
        "popular": popular,
        "size": memory.size(),
        "version": opened.version,
    }
    return Page("find.html", values, system)


async def user_page(service: Service, system: str, user: str, size: str) -> Page:
    """What a user did, and what is next for them."""
    memory = service.system(system).memory
    if not user:
        raise UnknownError("which user?", "search for one by the beginning of their id")
    k = next((one for one in SIZES if str(one) == size), SIZES[0])
    answer = await service.answer(system, Request(user_id=user, k=k, removed=False))
    _load_soon(service.system(system))
    events = memory.light_events(user)[::-1]
    searches = await service.in_thread(partial(_searches, service.system(system), user))
    titles = memory.titles({event.item_id for event in events[:HISTORY]})
    values = {
        "user": user,
        "answer": answer,
        "events": events[:HISTORY],
        "searches": searches,
        "num_events": len(events),
        "titles": titles,
        "k": k,
        "sizes": SIZES,
        "best": longest_bar(answer.recommendations),
        "user_label": service.system(system).module.system.user_label,
    }
    return Page("user.html", values, system)


def _searches(opened: OpenedSystem, user: str) -> tuple[str, ...]:
    """What a user searched for of late, where the system goes by that; nothing while the graph can't be read."""
    with suppress(StoreError):
        if isinstance(opened.recommender, KnowsSearches) and not opened.is_leaving(user):
            return opened.recommender.searched(user)
    return ()


def _load_soon(opened: OpenedSystem) -> None:
    """Begins to load what encodes a history: the first why needs it, and it takes seconds."""
    recommender = opened.recommender
    if isinstance(recommender, Recommender):
        asyncio.get_running_loop().run_in_executor(None, lambda: recommender.version().model.learned)


async def why_page(service: Service, system: str, user: str, item: str) -> Page:
    """The evidence for an item, drawn and as a table."""
    opened = service.system(system)
    if not user or not item:
        raise UnknownError("why what, for whom?", "open a user and choose why beside an item")
    if not opened.memory.knows_item(item):
        raise unknown_item(opened.module.system, item)
    found = await service.in_thread(partial(opened.why, user, item))
    drawings: tuple[Drawing, ...] = ()
    if found.paths:
        drawings = (drawing_of(found, is_wide=True), drawing_of(found, is_wide=False))
    return Page("why.html", {"found": found, "drawings": drawings, "caveat": CAVEAT}, system)
