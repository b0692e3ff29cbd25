"""Why an item was recommended to a user: paths through the graph, what each adds, and what is left without it."""

from __future__ import annotations

from dataclasses import dataclass

CAVEAT = "This is evidence that the score rests on, not proof of what caused a choice."


@dataclass(frozen=True)
class PathNode:
    """A node of a path.

    Attributes:
        title: what people call it; None where the id has to do.
    """

    label: str
    id: str
    title: str | None = None


@dataclass(frozen=True)
class Quote:
    """A sentence that somebody wrote of an item."""

    user_id: str
    item_id: str
    sentence: str


@dataclass(frozen=True)
class Standing:
    """Where an item stands for a user.

    Attributes:
        score: higher is better.
        rank: 1 is the best of what the user has not had; None beyond the ranks that were looked at.
    """

    score: float
    rank: int | None


@dataclass(frozen=True)
class EvidencePath:
    """One way from the user to the item.

    Attributes:
        kind: `people` who liked both, `text` in which two of them say the same, or something `shared` by both items.
        text: one sentence for people.
        nodes: from the user to the item.
        edges: edge types between them, one fewer than nodes.
        contribution: the share that the user's events with the second node have in all that speaks for the item among
            their events, from 0 to 1; by the linear scorers, whose scores are sums over events.
        without: where the item stands when the user is encoded without those events.
        aspect: the words that the quotes have in common.
        quotes: sentences of the texts on the path.
    """

    kind: str
    text: str
    nodes: tuple[PathNode, ...]
    edges: tuple[str, ...]
    contribution: float
    without: Standing
    aspect: str = ""
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Why an item, for a user.

    Attributes:
        item_id, title: the item asked about.
        standing: where it stands now; None where nothing is known of the user or the version can't be asked.
        paths: strongest first.
        without_all: where it stands without the events of all paths; None where there are none.
        level, version, as_of: as in an answer.
        note: what is to be said in place of, or beside, the evidence.
    """

    system: str
    user_id: str
    item_id: str
    title: str | None
    standing: Standing | None
    paths: tuple[EvidencePath, ...]
    without_all: Standing | None
    level: str
    version: str
    as_of: int | None
    note: str = ""
