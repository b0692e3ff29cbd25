"""The recommender of a system: answers from its published version, with what the asker did until now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.errors import ArtifactError, RecordError, SettingsError
from kindred.domain.recommendation import Answer, Candidate, Reason, Recommendation, Request, best_first
from kindred.domain.records import Event
from kindred.domain.schema import graph_schema
from kindred.graph.store import GraphStore, QueryLimits
from kindred.recommenders.diversity import CANDIDATES_PER_RANK, diversify
from kindred.recommenders.evidence import Evidence, are_liked, load_evidence
from kindred.recommenders.histories import Histories, histories_of_records, no_histories, read_histories
from kindred.recommenders.model import ANONYMOUS, Model, load_model
from kindred.recommenders.pipeline import Pipeline, Source
from kindred.recommenders.publishing import ITEMS, USERS
from kindred.recommenders.reasons import Told, explain
from kindred.recommenders.releases import Release, load_release, run_of
from kindred.recommenders.runs import find_run
from kindred.recommenders.system import System
from kindred.vectorstore.store import VectorStore

_WIDER = 4
"""Factor by which a search grows that found too few items of the kind asked for."""


@dataclass(frozen=True)
class Opened:
    """What a recommender reads.

    Attributes:
        store: the graph.
        vectors: where versions are published.
        runs_folder: where the runs of the system are.
        encoder: opens the text encoder; called only when a text must be encoded.
    """

    store: GraphStore
    vectors: VectorStore
    runs_folder: Path
    encoder: Callable[[], TextEncoder]


@dataclass(frozen=True)
class Version:
    """A published version, ready to answer from."""

    name: str
    release: Release
    model: Model
    evidence: Evidence


@dataclass(frozen=True)
class Asked:
    """A request as the pipeline sees it.

    Attributes:
        request: what was asked.
        version: what answers.
        vector: the row to search with, `[width]`.
        excluded: items that may not be in the answer, with the reason.
    """

    request: Request
    version: Version
    vector: Vectors
    excluded: Mapping[str, str]


class Recommender:
    """Answers requests: a callable from `Request` to `Answer`."""

    def __init__(self, system: System, opened: Opened) -> None:
        self.system = system
        self._store = opened.store
        self._vectors = opened.vectors.of(system.name)
        self._runs_folder = opened.runs_folder
        self._open_encoder = opened.encoder
        self._versions: dict[str, Version] = {}

    def __call__(self, request: Request) -> Answer:
        """The k best items for the asker; somebody unknown gets what is popular.

        Raises:
            ArtifactError: nothing is published.
            SettingsError: the system's items have nothing that `where` names.
            RecordError: events of another type than the system's.
        """
        version = self._version()
        self._check(request)
        if request.at is not None and version.release.as_of is not None and request.at < version.release.as_of:
            return self._as_it_was(request, version)
        histories, user_id = self._histories(request, version)
        level, vector = self._row(request, user_id, histories, version)
        excluded = dict.fromkeys(request.exclude, "excluded by the request")
        if request.exclude_seen:
            excluded |= dict.fromkeys(histories.skipped_ids, "skipped before")
            excluded |= dict.fromkeys(histories.item_ids, f"already {self.system.words.did}")
        asked = Asked(request, version, vector, excluded)
        selection = self._pipeline(level).run(asked, request.k)
        ids = [candidate.item_id for candidate in selection.chosen]
        titles = self._titles([*ids, *(histories.item_ids if request.reasons else ())])
        reasons = self._reasons(version, user_id, histories, ids, titles) if request.reasons and ids else {}
        new = set(version.release.new_items)
        sources = {item: "new" if item in new else source for item, source in selection.sources.items()}
        found = _recommendations(selection.chosen, titles, reasons, sources)
        note = "" if found else self._nothing_left(request, histories)
        return self._answer(user_id, found, level, version, selection.removed, note)

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """The k items that suit best someone of whom only that they liked this item is known.

        Raises:
            RecordError: the published version does not know the item.
        """
        version = self._version()
        if item_id not in version.model.items:
            word = self.system.words.item
            raise RecordError(f"{word} {item_id!r} is not in version {version.name}", "ingest it, train and publish")
        request = Request(k=k, exclude=frozenset([item_id]), reasons=False)
        asked = Asked(request, version, version.model.similarity_vector(item_id), {item_id: "asked about"})
        selection = self._pipeline("similar").run(asked, k)
        titles = self._titles([item_id, *(candidate.item_id for candidate in selection.chosen)])
        found = _recommendations(selection.chosen, titles, {}, selection.sources)
        answer = self._answer(None, found, "similar", version, {}, "")
        return replace(answer, item_id=item_id, title=titles.get(item_id))

    def example_users(self, count: int) -> list[str]:
        """Ids of users with many events, to show something with."""
        source, event, target = self.system.triple
        busy = (
            f"MATCH (user:{source})-[event:{event}]->(:{target}) "
            "RETURN user.id AS id, count(event) AS events ORDER BY events DESC, id LIMIT $count"
        )
        found = self._store.query(busy, {"count": count}, QueryLimits(rows=count))
        ids: list[str] = found.column("id").to_pylist()
        return ids

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
        labels = [target.lower() for _, _, target in self.system.triples[1:]]
        unknown = next((name for name in request.where if name not in labels), None)
        if unknown is not None:
            raise SettingsError(f"{self.system.words.items} have no {unknown}", f"they have {', '.join(labels)}")

    def _version(self) -> Version:
        name = self._vectors.published()
        if name is None:
            hint = f"`kindred train {self.system.name}`, then `kindred publish --system {self.system.name}`"
            raise ArtifactError(f"nothing is published yet of system {self.system.name}", f"train with {hint}")
        if name not in self._versions:
            folder = find_run(self._runs_folder, run_of(name)).folder
            model = load_model(self.system, folder)
            evidence = load_evidence(folder, model.users, model.items)
            self._versions = {name: Version(name, load_release(folder, name), model, evidence)}
        return self._versions[name]

    def _histories(self, request: Request, version: Version) -> tuple[Histories, str | None]:
        """What the asker did up to the asked time, and who they are."""
        items = version.model.items
        if request.events:
            events = [event for event in request.events if _is_before(event, request.at)]
            encoder = (lambda: self._encoder) if version.model.reads_text else None
            histories, users = histories_of_records(self.system, items, events, encoder)
            if len(users) > 1:
                raise RecordError(f"events of {len(users)} users in one request", "ask for one user at a time")
            return histories, request.user_id or request.events[0].source_id
        if request.user_id is None:
            return no_histories(1, len(items)), None
        return read_histories(self.system, self._store, items, [request.user_id], request.at), request.user_id

    def _row(
        self, request: Request, user_id: str | None, histories: Histories, version: Version
    ) -> tuple[str, Vectors]:
        """What the asker is known by, and their row, `[width]`."""
        if not len(histories.events):
            return "popular", self._vectors.fetch(version.name, ANONYMOUS, [ANONYMOUS]).vectors[0]
        published = None if user_id is None else version.release.key(user_id)
        if published is not None and not request.events:
            if published == int(histories.keys(self.system)[0]):
                known = self._vectors.fetch(version.name, USERS, [str(user_id)])
                if len(known.ids):
                    return "model", known.vectors[0]
            return "folded-in", version.model.encode(histories)[0]
        return "inductive", version.model.encode(histories)[0]

    def _pipeline(self, level: str) -> Pipeline[Asked]:
        name = level if level in ("popular", "similar") else "model"
        return Pipeline(
            sources=(Source(name, self._nearest),),
            filters=(lambda asked, candidate: asked.excluded.get(candidate.item_id), self._not_asked_for),
            select=_select,
        )

    def _nearest(self, asked: Asked, k: int) -> Sequence[Candidate]:
        """Candidates by vector search, and those excluded that would be among them."""
        count = k * CANDIDATES_PER_RANK if asked.request.diversity else k
        wanted, excluded = count, list(asked.excluded)
        while True:
            found = self._vectors.search(asked.version.name, ITEMS, asked.vector, count, exclude=excluded)
            suited = sum(self._not_asked_for(asked, candidate) is None for candidate in found)
            if suited >= wanted or len(found) < count:
                break
            count *= _WIDER
        lowest = found[-1].score if len(found) >= k else -np.inf
        left_out = self._vectors.fetch(asked.version.name, ITEMS, excluded)
        scores = left_out.vectors @ asked.vector
        return [*found, *(Candidate(i, float(s)) for i, s in zip(left_out.ids, scores, strict=True) if s >= lowest)]

    def _not_asked_for(self, asked: Asked, candidate: Candidate) -> str | None:
        for label, node in asked.request.where.items():
            edges = [edge for edge in self.system.triples[1:] if edge[2].lower() == label]
            if not any(node in self._members(asked.version, candidate.item_id, edge) for edge in edges):
                return f"not of {label} {node}"
        return None

    def _members(self, version: Version, item_id: str, triple: tuple[str, str, str]) -> Sequence[str]:
        if item_id in version.model.items:
            return version.evidence.members(item_id, triple[1])
        return self._store.target_ids(graph_schema().edge(triple), item_id)

    def _reasons(
        self,
        version: Version,
        user_id: str | None,
        histories: Histories,
        recommended: Sequence[str],
        titles: Mapping[str, str],
    ) -> dict[str, Reason]:
        model = version.model
        if not len(histories.events) or not model.knows_histories:
            return {}
        liked = are_liked(self.system, histories.events.user_index, histories.columns, model.scale)
        shares = model.contributions(histories, recommended)
        told = Told(user_id, histories.item_ids, liked, shares, rated=model.scale is not None)
        return explain(self.system, version.evidence, told, recommended, titles)

    def _titles(self, item_ids: Sequence[str]) -> dict[str, str]:
        """Titles of these items, where they have one."""
        if self.system.title is None or not item_ids:
            return {}
        question = (
            f"MATCH (item:{self.system.item_label}) WHERE item.id IN $ids "
            f"RETURN item.id AS id, item.{self.system.title} AS title"
        )
        ids = sorted(set(item_ids))
        found = self._store.query(question, {"ids": ids}, QueryLimits(rows=len(ids)))
        pairs = zip(found["id"].to_pylist(), found["title"].to_pylist(), strict=True)
        return {item: title for item, title in pairs if title}

    def _as_it_was(self, request: Request, version: Version) -> Answer:
        """What was most popular up to a time before the published version: that version knows too much for it."""
        counts: dict[str, int] = {}
        for batch in self._store.read_edges(self.system.edge, ["target_id"], request.at):
            for item in batch.column("target_id").to_pylist():
                counts[item] = counts.get(item, 0) + 1
        barred = set(request.exclude)
        if request.user_id is not None and request.exclude_seen:
            own = self._store.edges_of(self.system.edge, request.user_id, ["target_id"], request.at)
            barred |= set(own["target_id"].to_pylist())
        best = best_first((Candidate(i, float(n)) for i, n in counts.items() if i not in barred), request.k)
        titles = self._titles([candidate.item_id for candidate in best])
        found = _recommendations(best, titles, {}, dict.fromkeys(counts, "popular"))
        note = "the published version knows later events than the time asked for: popular up to that time"
        return self._answer(request.user_id, found, "popular", version, {}, note)

    def _nothing_left(self, request: Request, histories: Histories) -> str:
        words = self.system.words
        if request.where:
            return f"no {words.item} is left that fits what was asked for"
        num_seen = len(set(histories.item_ids))
        return f"nothing is left to recommend: all {num_seen} {words.items} are {words.did} already"

    @cached_property
    def _encoder(self) -> TextEncoder:
        return self._open_encoder()


def _select(asked: Asked, candidates: Sequence[Candidate], k: int) -> Sequence[Candidate]:
    if not asked.request.diversity:
        return best_first(candidates, k)
    return diversify(candidates, asked.version.model.similarity, k, asked.request.diversity)


def _is_before(event: Event, at: int | None) -> bool:
    return at is None or event.at is None or event.at <= at


def _recommendations(
    chosen: Sequence[Candidate], titles: Mapping[str, str], reasons: Mapping[str, Reason], sources: Mapping[str, str]
) -> tuple[Recommendation, ...]:
    return tuple(
        Recommendation(c.item_id, c.score, titles.get(c.item_id), reasons.get(c.item_id), sources[c.item_id])
        for c in chosen
    )
