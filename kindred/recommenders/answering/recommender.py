"""The recommender of a system: answers from its published version, with what the asker did until now."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

from kindred.domain.deadline import check_deadline
from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.explanation import Explanation, Standing
from kindred.domain.recommendation import Answer, Candidate, Reason, Recommendation, Request
from kindred.recommenders.answering.asked import Asked
from kindred.recommenders.answering.askers import Asker, Askers, EncodedRows
from kindred.recommenders.answering.finding import Finder
from kindred.recommenders.answering.held_versions import HeldVersions
from kindred.recommenders.answering.known import Known, StoreKnown
from kindred.recommenders.answering.opened import (
    LATER,
    NOTHING_THEN,
    POPULAR_THEN,
    Opened,
    Version,
    load_version,
)
from kindred.recommenders.answering.popular import most_popular, not_looked_at
from kindred.recommenders.answering.reasons import Told, explain
from kindred.recommenders.answering.request_parts import OF_EVENTS, check_parts, left_aside, named_items
from kindred.recommenders.answering.user_pasts import UserPasts
from kindred.recommenders.answering.version_vectors import VersionVectors
from kindred.recommenders.evidence import are_liked
from kindred.recommenders.releases import ITEMS
from kindred.recommenders.system import System
from kindred.vectorstore.store import PublishedVectors, Wanted

__all__ = ["Opened", "Recommender"]

_OTHERS = 2
"""Versions that are kept beside the one that answers."""
RANKS = 100
"""Ranks that are looked at to tell where an item stands."""


class Recommender:
    """Answers requests: a callable from `Request` to `Answer`.

    It answers from the version that is published at the time of the request; once `refresh` was called, from the one
    that it found, until it is called again.
    """

    def __init__(self, system: System, opened: Opened) -> None:
        self.system = system
        self._opened = opened
        self._vectors: PublishedVectors = opened.vectors.of(system.name)
        self._known = _known(system, opened)
        self._rows = EncodedRows(self._known)
        self._pasts = UserPasts(self._known)
        self._versions = HeldVersions(system, self._vectors, partial(load_version, system, opened.runs_folder), _OTHERS)

    def __call__(self, request: Request) -> Answer:
        """The k best items for the asker; somebody unknown gets what is popular.

        Raises:
            ArtifactError: nothing is published.
            SettingsError: the request has a part that the system does not go by, or names what its items do not have.
            RecordError: events of another type than the system's.
        """
        version = self.version(request.version)
        self._check(request)
        if request.at is not None and version.release.as_of is not None and request.at < version.release.as_of:
            return self._as_it_was(request, version)
        with self._known.one_answer():
            asker = self._askers.asker(request, version)
            return self._answered(self._asked(request, version, asker), asker)

    def together(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers to requests that are quick, each as it is alone, searched together; raises where one would."""
        version = self.version()
        askers, asked, published = [], [], self._askers.published(requests, version)
        for request in requests:
            self._check(request)
            askers.append(self._askers.asker(request, version, published))
            asked.append(self._asked(request, version, askers[-1]))
        wanted = [Wanted(one.vector, self._finder.num_candidates(one, one.request.k), one.excluded) for one in asked]
        found = self._vectors.search_all(version.name, ITEMS, wanted)
        given = zip(asked, found, askers, strict=True)
        return [self._answered(replace(one, found=own), asker) for one, own, asker in given]

    def _asked(self, request: Request, version: Version, asker: Asker) -> Asked:
        """The request as the pipeline sees it."""
        ranked = asker.level != "popular" and version.ranks_at(asker.past.seen_at, request.at)
        numbers = self._known.numbers(request.bounds)
        risen = self._risen(version, request) if asker.level == "popular" else {}
        excluded = asker.past.excluded(request, self._known.barred(request.at), self.system.words.did)
        return Asked(request, version, asker.vector, excluded, asker if ranked else None, numbers, risen)

    def _answered(self, asked: Asked, asker: Asker) -> Answer:
        request, version = asked.request, asked.version
        selection = self._finder.selection(asked, asker.level, request.k)
        ids = [candidate.item_id for candidate in selection.chosen]
        has_reasons = request.reasons and bool(ids)
        titles = self._known.titles([*ids, *asker.seen] if has_reasons else ids)
        reasons = self._reasons(version, asker, ids, titles) if has_reasons else {}
        trained = version.model.items
        sources = {item: source if item in trained else "new" for item, source in selection.sources.items()}
        found = _recommendations(selection.chosen, titles, reasons, sources)
        notes = [
            version.time_note(request.at),
            "" if found else self._nothing_left(request, asker, version),
            self._left_aside(request, version, sources),
        ]
        note = "; ".join(filter(None, notes))
        return self._answer(asker.user_id, found, asker.level, version, selection.removed, note)

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """The k items that suit best someone of whom only that they liked this item is known.

        Raises:
            RecordError: the published version does not know the item, or nothing that says what it is like.
        """
        version = self.version()
        vectors = version.similarity_vectors([item_id], self._vectors)
        if not vectors or item_id in self._known.barred(None):
            word = self.system.words.item
            raise RecordError(f"{word} {item_id!r} is not in version {version.name}", "ingest it, train and publish")
        if not vectors[item_id].any():
            told = f"nothing tells what is similar to {self.system.words.item} {item_id!r}"
            raise RecordError(told, "give it a text, a category or events, and publish")
        request = Request(k=k, exclude=frozenset([item_id]), reasons=False)
        excluded = dict.fromkeys(self._known.barred(None), "no longer there") | {item_id: "asked about"}
        asked = Asked(request, version, vectors[item_id], excluded)
        selection = self._finder.selection(asked, "similar", k)
        titles = self._known.titles([item_id, *(candidate.item_id for candidate in selection.chosen)])
        found = _recommendations(selection.chosen, titles, {}, selection.sources)
        answer = self._answer(None, found, "similar", version, {}, "")
        return replace(answer, item_id=item_id, title=titles.get(item_id))

    def why(self, user_id: str, item_id: str, at: int | None = None) -> Explanation:
        """Why this item for this user, as evidence that they can check.

        Raises:
            ArtifactError: nothing is published.
            RecordError: the published version does not know the item.
        """
        from kindred.recommenders.answering.why import Question, evidence_paths

        version, word = self.version(), self.system.words.item
        vector = self._vectors.fetch(version.name, ITEMS, [item_id]).vectors
        if not len(vector) or item_id in self._known.barred(at):
            raise RecordError(f"{word} {item_id!r} is not in version {version.name}", "ingest it, train and publish")
        title = self._known.titles([item_id]).get(item_id)
        told = Explanation(
            self.system.name, user_id, item_id, title, None, (), None, "popular", version.name, version.release.as_of
        )
        if at is not None and version.release.as_of is not None and at < version.release.as_of:
            return replace(told, note=LATER)
        request = Request(user_id=user_id, k=RANKS, at=at, reasons=False, removed=False)
        asker = self._askers.asker(request, version)
        excluded = asker.past.excluded(request, self._known.barred(request.at), self.system.words.did)

        def standing(row: Vectors) -> Standing:
            check_deadline()
            asked = Asked(request, version, row, excluded)
            order = [candidate.item_id for candidate in self._finder.nearest(asked, RANKS)]
            rank = order.index(item_id) + 1 if item_id in order else None
            return Standing(float(vector[0] @ row), rank)

        told = replace(told, level=asker.level, standing=standing(asker.vector))
        if note := self._no_evidence(version, asker, item_id):
            return replace(told, note=note)
        titles = self._known.titles({*asker.seen, item_id})
        question = Question(
            self.system, version, self._known, user_id, asker.history(), titles, item_id, vector[0], at, standing
        )
        paths, without_all = evidence_paths(question)
        notes = [
            version.time_note(at),
            "" if paths else f"no path leads from what this user liked to this {word}: the score alone speaks for it",
        ]
        return replace(told, paths=paths, without_all=without_all, note="; ".join(filter(None, notes)))

    def _no_evidence(self, version: Version, asker: Asker, item_id: str) -> str:
        """Why there can be no evidence, in words; empty where there can be some."""
        words = self.system.words
        if item_id in asker.seen:
            return f"this user has {words.did} this {words.item} already: it is not recommended to them"
        if not asker.seen:
            return f"nothing is known of this user: they get what is popular, no {words.event} of theirs speaks for it"
        if not version.model.knows_histories:
            return f"version {version.name} goes by popularity: it does not look at what a user did"
        return ""

    def example_users(self, count: int) -> list[str]:
        """Ids of users with many events, to show something with; those who had every item only where all users did."""
        return self._known.busy_users(count, len(self.version().model.items)) or self._known.busy_users(count)

    def refresh(self) -> str:
        """Takes the published version, whole, before the next answer, and keeps it until called again; its name.

        Raises:
            ArtifactError: nothing is published, or what is is damaged; what answered before still answers.
        """
        version = self._versions.of(self._versions.published())
        if version is not self._versions.held:
            self._known.judge(version.release, version.model.items)
            self._vectors.search(version.name, ITEMS, version.model.ranking.items[0], 1)  # opened and warm
        return self._versions.hold(version)

    def is_quick(self, request: Request) -> bool:
        """Whether an answer takes about a millisecond: nothing is to be encoded, loaded or read from the graph."""
        version = self._versions.held
        if version is None or request.version not in (None, version.name):
            return False
        early = request.at is not None and version.release.as_of is not None and request.at < version.release.as_of
        if early or not self._askers.is_quick(request, version):
            return False
        if version.ranker is None or request.user_id is None:
            return True
        return not version.ranks_at(self._pasts.of(request.user_id, request.at).seen_at, request.at)

    def listed(self) -> tuple[Collection[str], Collection[str]]:
        """The items of the version in force, and the users whom its reasons may name."""
        version = self.version()
        return version.model.items.ids, version.evidence.users.ids

    def row_of(self, user_id: str) -> Vectors | None:
        """The row of a user that says all that they did, `[width]`; None unless an answer had it encoded."""
        row = self._rows.get(self.version().name, user_id)
        return None if row is None else row.vector

    def forget_user(self, user_id: str) -> None:
        """Drops what is kept of a user."""
        self._rows.forget(user_id)
        self._pasts.forget(user_id)

    def in_memory(self) -> Recommender:
        """The same without the vector engine: every vector of the version in force is compared, in memory."""
        other = copy.copy(self)
        for made in ("_askers", "_finder"):  # from the vectors that it has until here
            other.__dict__.pop(made, None)
        version = self.version()
        other._versions = replace(self._versions, held=version)
        other._vectors = VersionVectors(version)
        return other

    def version(self, name: str | None = None) -> Version:
        """The version of that name, else the one that answers. Raises: ArtifactError where it can't be read."""
        return self._versions.of(name)

    def _answer(
        self,
        user_id: str | None,
        found: tuple[Recommendation, ...],
        level: str,
        version: Version,
        removed: dict[str, str],
        note: str,
    ) -> Answer:
        return Answer(user_id, found, level, version.name, removed, self.system.name, version.release.as_of, note)

    def _check(self, request: Request) -> None:
        wrong = next((event for event in request.events if not isinstance(event, self.system.target)), None)
        if wrong is not None:
            raise RecordError(f"system {self.system.name} goes by {self.system.words.events}, got a {wrong.edge_type}")
        check_parts(self.system, request, OF_EVENTS)

    def _risen(self, version: Version, request: Request) -> Mapping[str, float]:
        """What events that the version does not know add to the scores of items for somebody unknown."""
        as_of = version.release.as_of
        return {} if as_of is None else version.risen(self._known.counts(request.at, as_of))

    def _reasons(
        self, version: Version, asker: Asker, recommended: Sequence[str], titles: Mapping[str, str]
    ) -> dict[str, Reason]:
        model = version.model
        if not model.knows_histories or not asker.seen:
            return {}
        histories = asker.history()
        if not len(histories.events):
            return {}
        liked = are_liked(self.system, histories.events.user_index, histories.columns, model.scale)
        shares = model.contributions(histories, recommended)
        told = Told(asker.user_id, histories.item_ids, liked, shares, model.scale is not None, self._known.still_there)
        return explain(self.system, version.evidence, told, recommended, titles)

    def _as_it_was(self, request: Request, version: Version) -> Answer:
        """What was most popular up to a time before the published version: that version knows too much for it."""
        counts = self._known.counts(request.at)
        nodes_of, there = partial(self._finder.nodes, version), version.model.items
        found = most_popular(self._known, request, counts, nodes_of, there.__contains__)
        note = "; ".join(filter(None, [POPULAR_THEN if found else NOTHING_THEN, not_looked_at(request)]))
        return self._answer(request.user_id, found, "popular", version, {}, note)

    def _nothing_left(self, request: Request, asker: Asker, version: Version) -> str:
        words = self.system.words
        if unmet := self._finder.met_by_none(version, request):
            return unmet
        if request.among is not None:
            return f"none of the given {words.items} can be put in order"
        if request.where or request.bounds:
            return f"no {words.item} is left that fits what was asked for"
        why = {words.did: asker.seen, "skipped": asker.past.skipped, "excluded": request.exclude}
        told = " or ".join(word for word, items in why.items() if items)
        return f"nothing is left to recommend: every {words.item} is {told or 'taken out'} already"

    def _left_aside(self, request: Request, version: Version, found: Collection[str]) -> str:
        """Which items the request names that the version does not know, in words; empty where there are none."""
        items = version.model.items
        named = [*request.viewed, *(item for item in request.pinned if item not in found)]
        others = [item for item in dict.fromkeys([*named, *named_items(request)]) if item not in items]
        placed = set(self._vectors.fetch(version.name, ITEMS, others).ids) if others else set()  # since it was trained
        return left_aside([item for item in others if item not in placed], items, version.name)

    @cached_property
    def _askers(self) -> Askers:
        return Askers(self.system, self._known, self._vectors, lambda: self._encoder, self._rows, self._pasts)

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self.system, self._known, self._vectors)

    @cached_property
    def _encoder(self) -> TextEncoder:
        return self._opened.encoder()


def _known(system: System, opened: Opened) -> Known:
    if opened.known is not None:
        return opened.known
    if opened.store is None:
        raise SettingsError(f"the recommender of {system.name} was given neither a graph nor what is known")
    return StoreKnown(system, opened.store)


def _recommendations(
    chosen: Sequence[Candidate], titles: Mapping[str, str], reasons: Mapping[str, Reason], sources: Mapping[str, str]
) -> tuple[Recommendation, ...]:
    return tuple(
        Recommendation(c.item_id, c.score, titles.get(c.item_id), reasons.get(c.item_id), sources[c.item_id])
        for c in chosen
    )
