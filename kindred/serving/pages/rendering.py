"""A page as HTML: templates that escape all they show, under a policy that runs no script but the page's own files."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

from kindred.domain.errors import KindredError
from kindred.domain.recommendation import Answer, Recommendation
from kindred.domain.shown import counted, score_text, shortened, with_article
from kindred.graph.view.page import COLOURS, OTHER_COLOUR
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.recommends import MapsItems
from kindred.recommenders.systems import find_system
from kindred.serving.http.bare_page import HEADERS
from kindred.serving.http.problems import PAGES, status_of
from kindred.serving.service import Service

_SOURCES = {
    "model": "fits what you did",
    "new": "new",
    "popular": "popular",
    "similar": "similar",
    "words": "by words",
    "vectors": "by meaning",
    "words and vectors": "by words and meaning",
    "rule": "put here by a rule",
}
_PAGE_ADDRESS = re.compile(rf"(?<!\S){PAGES}(?:/[a-z]+)*\b")
_SERVED = {
    "engine": "by vector search",
    "exact": "by comparing all vectors in memory",
    "last": "the last good list",
    "like": "popular among users like them",
    "popular": "what is popular",
}


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        template: its name.
        values: what the template reads.
        system: whose page it is; empty for a page of the whole service.
    """

    template: str
    values: Mapping[str, object]
    system: str = ""
    status: int = 200


def longest_bar(items: Iterable[Recommendation]) -> float:
    """The score whose bar is as long as there is room, so that others are drawn beside it; never 0."""
    return max((abs(item.score) for item in items), default=1.0) or 1.0


def problem_text(error: KindredError) -> str:
    """What is wrong, and what to do next, in one line of a page."""
    return f"{error.message}; {error.next_step}" if error.next_step else error.message


async def shown(service: Service, making: Awaitable[Page], system: str = "") -> Response:
    """The page as a reply; where it can't be made, one of the system that says why and what to do next."""
    try:
        page = await making
    except KindredError as error:
        said = {"message": error.message, "hint": error.next_step, "code": status_of(error)}
        page = Page("problem.html", said, system, status_of(error))
    return HTMLResponse(html_of(service, page), page.status, HEADERS)


def html_of(service: Service, page: Page) -> str:
    """The page as HTML."""
    systems = list(service.systems)
    current = page.system if page.system in service.systems else systems[0]
    module = service.systems[current].module
    frame = {"systems": systems, "system": current, "words": module.system.words, "takes": module.takes}
    frame |= {
        "titled": module.system.title or "title",
        "liked": "liked" if module.system.rated else module.system.words.did,
    }
    frame["has_map"] = isinstance(service.systems[current].recommender, MapsItems | Recommender)
    return _environment().get_template(page.template).render(frame | dict(page.values))


@cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("kindred.serving.pages"), autoescape=True, undefined=StrictUndefined)
    environment.filters |= {"day": day, "minute": minute, "score": score_text, "percent": percent, "colour": colour}
    environment.filters |= {
        "with_article": with_article,
        "counted": counted,
        "ago": ago,
        "brief": brief,
        "sentence": sentence,
        "with_links": with_links,
    }
    environment.globals |= {"link": link, "sources": _SOURCES, "rests_on": rests_on, "served": _SERVED}
    return environment


def rests_on(answer: Answer) -> str:
    """What an answer rests on, in words."""
    return find_system(answer.system).system.rests_on(answer.level)


def link(path: str, **parameters: object) -> str:
    """An address of the pages with these parameters, whatever characters are in them."""
    given = {name: str(value) for name, value in parameters.items() if value not in (None, "")}
    return f"/ui/{path}" + (f"?{urlencode(given)}" if given else "")


def day(seconds: int | None) -> str:
    """A day as people write it; a dash where the time is unknown."""
    return "–" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%-d %b %Y}"


def minute(seconds: float | None) -> str:
    """A day and time, UTC."""
    return "–" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%-d %b %Y, %H:%M} UTC"


def brief(name: str, room: int = 100) -> str:
    """A name as far as a list has room for it; its own page shows all of it."""
    return shortened(name, room)


def ago(minutes: float) -> str:
    """How long ago something was, in the largest unit of which a whole one has passed."""
    for size, one in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            return f"{counted(int(minutes // size), one, one + 's')} ago"
    return "just now"


def sentence(text: str) -> str:
    """A note as a sentence: with a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def with_links(text: str) -> Markup:
    """A text whose addresses of pages can be followed."""
    return Markup(_PAGE_ADDRESS.sub(r'<a href="\g<0>">\g<0></a>', str(escape(text))))


def percent(share: float) -> str:
    """A share of one."""
    return f"{share * 100:.0f} %" if share >= 0.0995 else f"{share * 100:.1f} %"


def colour(label: str) -> str:
    """The colour of a label's nodes."""
    return COLOURS.get(label, OTHER_COLOUR)
