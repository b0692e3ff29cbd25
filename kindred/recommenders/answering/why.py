"""Why this item for this user: up to three evidence paths, each with what it adds and what is left without it.

A path starts at something that the user liked and cites only what the published version knew or what was folded into
it. It is found in memory, in lists by item (`Evidence`); only the words of reviews are read from the graph, those of
the user and of a few people on the path. Deletion check: the user is encoded again without the events of a path
(`Model.encode`), and the item scored again. A path without which the score would not be lower is no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kindred.domain.deadline import check_deadline
from kindred.domain.embeddings import Vectors
from kindred.domain.explanation import EvidencePath, PathNode, Quote, Standing
from kindred.domain.interactions import IntArray
from kindred.domain.shown import counted
from kindred.recommenders.answering.aspects import Aspect, shared_aspect
from kindred.recommenders.answering.known import Known
from kindred.recommenders.answering.opened import Version
from kindred.recommenders.answering.reasons import both_lead_to
from kindred.recommenders.evidence import are_liked
from kindred.recommenders.histories import Histories
from kindred.recommenders.system import System

MOST_PATHS = 3
_EVENTS_TRIED = 12
"""Items of the user that are looked at for paths, those that add most first."""
_PEOPLE_READ = 6
"""People on the way to the item whose reviews are read."""


@dataclass(frozen=True)
class Found:
    """A path from one of the user's items to the item asked about, without figures."""

    kind: str
    text: str
    between: tuple[PathNode, ...]
    edges: tuple[str, ...]
    aspect: str = ""
    quotes: tuple[Quote, ...] = ()


@dataclass(frozen=True)
class Question:
    """Which item is to be explained to whom.

    Attributes:
        system: of the item.
        version: what answers.
        known: what users did and said.
        user_id: who asks.
        history: what they did.
        titles: of the items of the history and the one asked about.
        item_id: the item.
        vector: its published row, `[width]`.
        until: events up to this time count, seconds UTC; None for now.
        standing: where the item stands for someone with a row.
    """

    system: System
    version: Version
    known: Known
    user_id: str
    history: Histories
    titles: Mapping[str, str]
    item_id: str
    vector: Vectors
    until: int | None
    standing: Callable[[Vectors], Standing]
    _texts: dict[str, list[tuple[str, str]]] = field(default_factory=dict, repr=False)
    # read within the question: Python's cached_property lets but one of all questions read at a time

    def texts_of(self, person: str) -> list[tuple[str, str]]:
        """Item and words of what the user wrote, or somebody else, as far as the version knew that."""
        if person not in self._texts:
            until = self.until if person == self.user_id else self.version.release.as_of
            self._texts[person] = self.known.texts(person, until)
        return self._texts[person]


def evidence_paths(question: Question) -> tuple[tuple[EvidencePath, ...], Standing | None]:
    """The paths, those whose events add most first, and where the item stands without all of them."""
    history, model = question.history, question.version.model
    shares = model.event_rows(history) @ question.vector
    shares /= max(float(shares[shares > 0].sum()), 1e-12)
    liked = are_liked(question.system, history.events.user_index, history.columns, model.scale)
    started: list[tuple[str, float, IntArray, list[Found]]] = []
    for item, share, rows in _supporting(history, np.where(liked, shares, 0.0)):
        check_deadline()
        if found := list(_paths_from(question, item, rows)):
            started.append((item, share, rows, found))
    kept = _standing_without(question, [rows for _, _, rows, _ in started])
    now = float(question.vector @ model.encode(history)[0])
    sound = [(begun, left) for begun, left in zip(started, kept, strict=True) if left.score < now]
    paths = []
    rows_cited: dict[str, IntArray] = {}
    for number, chosen in _chosen([begun[3] for begun, _ in sound]):
        (item, share, rows, _), left = sound[number]
        rows_cited[item] = rows
        paths.append(_path(question, item, chosen, share, left))
    if not paths:
        return (), None
    without_all = _standing_without(question, [np.concatenate(list(rows_cited.values()))])[0]
    return tuple(paths), without_all


def _supporting(history: Histories, shares: Vectors) -> Iterator[tuple[str, float, IntArray]]:
    """Items whose liked events add to the score, what they add, and their rows; the most first."""
    rows_of: dict[str, list[int]] = {}
    for row, item in enumerate(history.item_ids):
        rows_of.setdefault(item, []).append(row)
    totals = {item: float(shares[rows].sum()) for item, rows in rows_of.items()}
    best = sorted((item for item in totals if totals[item] > 0), key=lambda item: (-totals[item], item))
    for item in best[:_EVENTS_TRIED]:
        yield item, totals[item], np.array(rows_of[item], dtype=np.int64)


def _standing_without(question: Question, cited: Sequence[IntArray]) -> list[Standing]:
    """Where the item stands when the user is encoded without each of these sets of rows."""
    if not cited:
        return []
    every = np.arange(len(question.history.events))
    rest = question.history.as_users([np.setdiff1d(every, rows) for rows in cited])
    return [question.standing(row) for row in question.version.model.encode(rest)]


def _chosen(found: Sequence[Sequence[Found]]) -> list[tuple[int, Found]]:
    """Up to three paths as (starting item, path): one of each item first, of a kind not yet told."""
    chosen: list[tuple[int, Found]] = []
    for number, paths in enumerate(found):
        told = {path.kind for _, path in chosen}
        chosen.append((number, next((path for path in paths if path.kind not in told), paths[0])))
        if len(chosen) == MOST_PATHS:
            return chosen
    rest = [(number, path) for number, paths in enumerate(found) for path in paths if (number, path) not in chosen]
    return sorted([*chosen, *rest[: MOST_PATHS - len(chosen)]], key=lambda pair: pair[0])


def _path(question: Question, item: str, found: Found, share: float, left: Standing) -> EvidencePath:
    system = question.system
    titles = question.titles
    ends = (PathNode(system.user_label, question.user_id), PathNode(system.item_label, item, titles.get(item)))
    last = PathNode(system.item_label, question.item_id, titles.get(question.item_id))
    edges = (system.edge.type, *found.edges)
    return EvidencePath(
        found.kind, found.text, (*ends, *found.between, last), edges, share, left, found.aspect, found.quotes
    )


def _paths_from(question: Question, item: str, rows: IntArray) -> Iterator[Found]:
    """Paths from one of the user's items to the item asked about, the most telling first."""
    people = _people(question, item)
    start = _start(question, item, rows)
    if people and (told := _same_words(question, item, people, start)):
        yield told
    if people:
        yield _liked_both(question, people, start)
    for edge_type, label, node in _in_common(question, item):
        name = question.version.evidence.name_of(edge_type, node)
        yield Found(
            "shared",
            f"{start}; {both_lead_to(edge_type, name)}",
            (PathNode(label, node, None if name == node else name),),
            (edge_type, edge_type),
        )


def _start(question: Question, item: str, rows: IntArray) -> str:
    """What the user did to the item, in words."""
    title = question.titles.get(item)
    columns, rating = question.history.columns, question.system.rating
    said = f"you {question.system.words.did} {f'“{title}”' if title else item}"
    rated = columns.get(f"has_{rating}", np.ones(len(question.history.events), np.bool_))
    if rating is None or rating not in columns or not rated[rows[-1]]:
        return said
    stars = float(columns[rating][rows[-1]])
    return f"{said} ({stars:g} of {question.version.model.scale.high:g})" if question.version.model.scale else said


def _people(question: Question, item: str) -> list[str]:
    """Who liked both items, those first who liked most of what the user liked."""
    evidence = question.version.evidence
    fans = evidence.common_fans(item, question.item_id, besides=question.user_id)
    people = question.known.still_there(fans)
    if not people:
        return []
    overlaps = evidence.overlaps(list(dict.fromkeys(question.history.item_ids)))
    return sorted(people, key=lambda user: (-overlaps[evidence.users.position(user) or 0], user))


def _liked_both(question: Question, people: Sequence[str], start: str) -> Found:
    """The path over the person whose taste is nearest."""
    system, rated = question.system, question.version.model.scale is not None
    they = "liked" if rated else system.words.did
    others = f" and {counted(len(people) - 1, 'other', 'others')}" if len(people) > 1 else ""
    edge = system.edge.type
    between = (PathNode(system.user_label, people[0]),)
    return Found("people", f"{start}; {people[0]}{others} {they} both", between, (edge, edge))


def _in_common(question: Question, item: str) -> Iterator[tuple[str, str, str]]:
    """Edge type, label and id of what both items lead to."""
    for triple in question.system.triples[1:]:
        theirs = set(question.version.members(question.item_id, triple, question.known))
        for node in question.version.members(item, triple, question.known):
            if node in theirs:
                yield triple[1], triple[2], node


def _same_words(question: Question, item: str, people: Sequence[str], start: str) -> Found | None:
    """The path over someone whose words of the item are like the user's of theirs."""
    if not question.system.event_texts:
        return None
    own_texts = question.texts_of(question.user_id)
    own = " ".join(text for about, text in own_texts if about == item)
    if not own:
        return None
    theirs = {person: question.texts_of(person) for person in people[:_PEOPLE_READ]}
    of_item = {p: " ".join(text for about, text in said if about == question.item_id) for p, said in theirs.items()}
    readers = [person for person, text in of_item.items() if text]
    texts = [text for said in (own_texts, *theirs.values()) for _, text in said]
    found = shared_aspect(own, [of_item[person] for person in readers], texts)
    return None if found is None else _told(question, item, readers[found[0]], found[1], start)


def _told(question: Question, item: str, person: str, aspect: Aspect, start: str) -> Found:
    edge, label = question.system.edge.type, question.system.user_label
    text = f"{start} and wrote of “{aspect.words}”; so did {person} of this {question.system.words.item}"
    quotes = (
        Quote(question.user_id, item, aspect.first),
        Quote(person, question.item_id, aspect.second),
    )
    return Found("text", text, (PathNode(label, person),), (edge, edge), aspect.words, quotes)
