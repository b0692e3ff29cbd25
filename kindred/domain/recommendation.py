"""What Kindred is asked and what it answers: requests, candidates with scores, reasons, and what served the answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from kindred.domain.records import Event

if TYPE_CHECKING:  # commands that say what is not there load no NumPy
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Bounds:
    """Values from `least` to `most`, both included; None for no bound. True is 1 and false is 0."""

    least: float | None = None
    most: float | None = None

    def admit(self, value: float | None) -> bool:
        """Whether the value is known and inside."""
        return value is not None and self._from <= value <= self._to

    def within(self, other: Bounds) -> Bounds:
        """The values that are inside of both."""
        least = max((of.least for of in (self, other) if of.least is not None), default=None)
        return Bounds(least, min((of.most for of in (self, other) if of.most is not None), default=None))

    def admit_each(self, values: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Which of the values are known, so no NaN, and inside."""
        inside: NDArray[np.bool_] = (values >= self._from) & (values <= self._to)
        return inside

    @property
    def _from(self) -> float:
        return -math.inf if self.least is None else self.least

    @property
    def _to(self) -> float:
        return math.inf if self.most is None else self.most


@dataclass(frozen=True)
class Request:
    """One question to a recommender.

    Attributes:
        user_id: who asks, as the graph knows them; None for someone it need not know.
        events: what an asker did whom the graph need not know, as records of the system's event type; they take the
            place of what the graph holds.
        queries: what an asker searched for, the latest last, for systems that ask with searches; they take the place of
            what the graph holds.
        k: how many items.
        at: nothing later than this is known to the answer, seconds UTC; None for now.
        exclude: items that may not be in the answer.
        exclude_seen: whether items of the asker's own events may not be either.
        where: only items that lead to this node, by label of the node in lower case, e.g. `{"category": "Guitars"}`.
        bounds: only items of which these properties are known and inside, e.g. `{"price": Bounds(most=20)}`.
        at_most: so many items that lead to one node, by label of the node in lower case, e.g. `{"artist": 2}`.
        diversity: from 0, the best first, to 1, the least alike next.
        reasons: whether to look for reasons.
        viewed: items that the asker looks at now; each counts like an event that speaks for it.
        text: what the asker looks for, in their words.
        pinned: items that come first, in this order, seen or not.
        boosts: item → what is added to its score, 1 being the spread of the scores among the candidates.
        among: only these items, to score given candidates; None for all.
        removed: whether to tell which of the best items were taken out, and why.
        version: the version to answer from; None for the published one.
    """

    user_id: str | None = None
    events: Sequence[Event] = ()
    queries: Sequence[str] = ()
    k: int = 10
    at: int | None = None
    exclude: frozenset[str] = frozenset()
    exclude_seen: bool = True
    where: Mapping[str, str] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    at_most: Mapping[str, int] = field(default_factory=dict)
    diversity: float = 0.0
    reasons: bool = True
    viewed: Sequence[str] = ()
    text: str = ""
    pinned: Sequence[str] = ()
    boosts: Mapping[str, float] = field(default_factory=dict)
    among: Sequence[str] | None = None
    removed: bool = True
    version: str | None = None


_LONGEST_TITLE = 90


def title_of(text: str) -> str:
    """A text as the title of an item in a list: its first words, on one line."""
    words = " ".join(text.split())
    if len(words) <= _LONGEST_TITLE:
        return words
    begin = words[:_LONGEST_TITLE].rpartition(" ")[0] or words[:_LONGEST_TITLE]
    return f"{begin.rstrip('.,;:…') or begin}…"


class Candidate(NamedTuple):  # of which one answer may need hundreds
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
    """One item of an answer, best first.

    Attributes:
        source: what found it: `model`, `new` (an item that was not there in training), `popular`, `similar`, `rule`
            (the request put it there).
    """

    item_id: str
    score: float
    title: str | None = None
    reason: Reason | None = None
    source: str = "model"


@dataclass(frozen=True)
class Answer:
    """A whole answer, and where it came from.

    Attributes:
        level: what the asker is known by: `model` (the published embedding), `folded-in` (encoded now, since they did
            something after it was published), `inductive` (encoded now from events; not published), `popular` (nothing
            is known of them).
        version: the published version that answered.
        removed: items that a filter took out of the first k, id to reason.
        system: whose items these are.
        as_of: the latest event that the published version knows, seconds UTC; None where events have no times.
        note: what the asker should know of the answer, e.g. that nothing is left to recommend.
        item_id, title: the item asked about, where the question was for similar ones.
        served_by: which level of the service found the items: `engine` (vector search), `exact` (comparing all vectors
            in memory), `last` (the last good list), `like` (popular among users like them), `popular`.
        degraded: whether it is another than what a healthy service would have given.
        experiment, variant: of which A/B test, and which arm's, it is; empty where of none.
    """

    user_id: str | None
    recommendations: tuple[Recommendation, ...]
    level: str
    version: str
    removed: dict[str, str] = field(default_factory=dict)
    system: str = ""
    as_of: int | None = None
    note: str = ""
    item_id: str | None = None
    title: str | None = None
    served_by: str = "engine"
    degraded: bool = False
    experiment: str = ""
    variant: str = ""


def best_first(candidates: Iterable[Candidate], k: int | None = None) -> list[Candidate]:
    """The k best candidates, all where None; ties by id, so that equal scores come out the same everywhere."""
    among = list(candidates)
    if k is not None and 0 < k < len(among):
        reached = sorted([candidate.score for candidate in among], reverse=True)[k - 1]
        among = [candidate for candidate in among if candidate.score >= reached]
    by_id = sorted(among, key=itemgetter(0))
    return sorted(by_id, key=itemgetter(1), reverse=True)[:k]
