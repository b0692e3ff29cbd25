"""What the routes give, as the OpenAPI of the service says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class OfReviews(BaseModel):
    """Product ids for each writer, best first."""

    recommendations: list[list[str]]


class Item(BaseModel):
    """An item of an answer, best first.

    Attributes:
        source: what found it: model, similar, new (it came after the training), popular, rule (the request has it); of
            searches words, vectors, or words and vectors.
    """

    id: str
    score: float
    title: str | None = None
    source: str
    reason: str | None = None
    path: list[str] | None = None


class TagOfTrack(BaseModel):
    """A tag: how likely it is, and whether the track was given it rather than predicted."""

    tag: str
    name: str | None = None
    probability: float
    given: bool


class TagsOfTrack(BaseModel):
    """The likeliest tags of a track.

    Attributes:
        track: its id; None where only frames were sent.
        rests_on: sound, tags or prior: what the track sounds like, the tags that it has, or how frequent tags are.
        model: the published version that answered.
    """

    track: str | None
    tags: list[TagOfTrack]
    rests_on: str
    model: str
    request_id: str = ""


class Recommendations(BaseModel):
    """An answer.

    Attributes:
        model: the published version that answered.
        graph_as_of: the latest event that it knows.
        level: what the asker is known by: model, folded-in, inductive, popular, similar.
        served_by: engine, exact, last, like or popular, each a step further down when something fails.
        degraded: whether it is another than what a healthy service would have given.
        note: what the asker should know of it.
        removed: items that were taken out of the best, and why; with debug only.
    """

    system: str
    user_id: str | None = None
    items: list[Item]
    model: str
    graph_as_of: str | None = None
    level: str
    served_by: str
    degraded: bool
    note: str = ""
    request_id: str = ""
    removed: dict[str, str] | None = None
    experiment: str | None = None
    variant: str | None = None


class Stands(BaseModel):
    """Where an item stands for a user; `rank` is null below the first hundred."""

    score: float
    rank: int | None = None


class Evidence(BaseModel):
    """One path from the user to the item.

    Attributes:
        kind: people (who liked both), text (in which two of them say the same), shared (something both items lead to).
        nodes: label, id and title of each node.
        contribution: share of the events it begins with in all that speaks for the item among the user's events.
        without: where the item stands when the user is encoded without those events.
        quotes: sentences of reviews on the path.
    """

    kind: str
    text: str
    nodes: list[dict[str, str | None]]
    edges: list[str]
    contribution: float
    without: Stands
    aspect: str = ""
    quotes: list[dict[str, str]] = []


class Why(BaseModel):
    """Why an item, for a user: evidence that the score rests on, not proof of a cause."""

    system: str
    user_id: str
    item: dict[str, str | None]
    now: Stands | None = None
    evidence: list[Evidence]
    without_all: Stands | None = None
    caveat: str
    model: str
    graph_as_of: str | None = None
    level: str
    note: str = ""
    request_id: str = ""


class Batched(BaseModel):
    """An answer for each user, in their order."""

    answers: list[Recommendations]


class Ranking(Recommendations):
    """The given items, best first.

    Attributes:
        unknown: those that the published version has no vector of.
    """

    unknown: list[str]


class Problem(BaseModel):
    """What is wrong, and what to do next: `{"error": {"code", "message", "hint", "request_id"}}`."""

    error: dict[str, Any]


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is no JSON in UTF-8"},
    401: {"model": Problem, "description": "No valid key: send `Authorization: Bearer KEY`"},
    403: {"model": Problem, "description": "The key lacks the scope for this"},
    404: {"model": Problem, "description": "No such system, user or item"},
    408: {"model": Problem, "description": "The body did not come in time"},
    413: {"model": Problem, "description": "The body is too big"},
    414: {"model": Problem, "description": "The address is too long"},
    415: {"model": Problem, "description": "The body is compressed"},
    421: {"model": Problem, "description": "Without keys, the service answers to the names of this machine only"},
    422: {"model": Problem, "description": "The request can't be understood; `hint` says what to change"},
    429: {"model": Problem, "description": "This key asks too often; `Retry-After` says when to ask again"},
    503: {"model": Problem, "description": "Not now; `Retry-After` says when to ask again"},
}
