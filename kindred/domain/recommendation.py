"""What Kindred answers: candidates with scores, the reason for each, and what served the answer."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Candidate:
    """An item that may be recommended; higher scores are better."""

    item_id: str
    score: float


@dataclass(frozen=True)
class Reason:
    """Why an item was recommended, as one path through the graph.

    Attributes:
        text: one sentence for people.
        path: node ids and edge types in turn, e.g. `("u1", "REVIEWED", "p1", "REVIEWED", "u2", "REVIEWED", "p2")`.
    """

    text: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recommendation:
    """One item of an answer, best first."""

    item_id: str
    score: float
    title: str | None = None
    reason: Reason | None = None


@dataclass(frozen=True)
class Answer:
    """A whole answer, and where it came from.

    Attributes:
        level: which fallback served it: `model` (a published vector), `inductive` (encoded now from events),
            `popular` (nothing is known of the user).
        version: the published version that answered.
        removed: candidates that a filter took out, id to reason.
        item_id, title: the item asked about, where the question was for similar ones.
    """

    user_id: str | None
    recommendations: tuple[Recommendation, ...]
    level: str
    version: str
    removed: dict[str, str] = field(default_factory=dict)
    item_id: str | None = None
    title: str | None = None
