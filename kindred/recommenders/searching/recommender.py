"""The recommender of search history: queries in, products out, and which of words and vectors found each."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import Embeddings, TextEncoder
from kindred.domain.errors import RecordError, StoreError
from kindred.domain.explanation import Explanation, Standing
from kindred.domain.ids import rows_at
from kindred.domain.interactions import FloatArray
from kindred.domain.recommendation import Answer, Reason, Recommendation, Request
from kindred.domain.records import Bought
from kindred.domain.schema import edge_type_of
from kindred.domain.shown import shortened
from kindred.graph.store import QueryLimits
from kindred.linear.words.bm25 import words_of
from kindred.recommenders.answering.gone import gone_from_graph
from kindred.recommenders.answering.held_versions import HeldVersions
from kindred.recommenders.answering.known import left_out
from kindred.recommenders.answering.opened import NOTHING_THEN, POPULAR_THEN, Opened
from kindred.recommenders.answering.request_parts import OF_SEARCHES, check_parts, left_aside, named_items
from kindred.recommenders.releases import run_of
from kindred.recommenders.runs import find_run
from kindred.recommenders.searching.asked_searches import (
    Searches,
    asked_of,
    bought_by,
    searches_of,
    searches_sent,
    times_led,
)
from kindred.recommenders.searching.best_products import BestProducts, best_products, prepare
from kindred.recommenders.searching.edges import Edges, EdgesOfGraph, HeldEdges
from kindred.recommenders.searching.histories import NOW, histories_before, renumbered
from kindred.recommenders.searching.notes import LONGEST_QUERY, note_of, nothing_left, told_stale
from kindred.recommenders.searching.product_index import AskedQueries, rows_of_best
from kindred.recommenders.searching.run import Release, load_release
from kindred.recommenders.searching.search_log import read_search_log
from kindred.recommenders.system import System
from kindred.recommenders.training import recipe_of

WORDS, VECTORS, BOTH, POPULAR = "words", "vectors", "words and vectors", "popular"
"""What found a product: it is among the first by its words, by vectors, by both; or it is what most people order."""
_RANKS = 100
"""Ranks that are looked at to tell where a product stands."""


class QueryRecommender:
    """Answers requests: a callable from `Request` to `Answer`."""

    def __init__(self, system: System, opened: Opened) -> None:
        self.system = system
        self._opened = opened
        self._versions = HeldVersions(system, opened.vectors.of(system.name), self._load)
        self._held: HeldEdges | None = None
        self._state: Hashable | None = None
        self._gone_of: dict[str, frozenset[str]] = {}

    def __call__(self, request: Request) -> Answer:
        """The k best products for these queries; who has none gets what is popular.

        Raises:
            ArtifactError: nothing is published.
            RecordError: too many queries.
            SettingsError: the request has a part that searches do not go by, or names what products do not have.
        """
        check_parts(self.system, request, OF_SEARCHES)
        release = self._versions.of(request.version)
        as_it_was = request.at is not None and release.as_of is not None and request.at < release.as_of
        searches, bought, stale = self._asker(request)
        allowed = self._allowed(request, release, bought)
        if as_it_was or not searches.texts:
            return told_stale(self._popular(request, release, allowed, searches, as_it_was), stale)
        model = release.model
        found = best_products(model.index, self._asked(searches, release), model.weights, allowed, request.k)
        best = found.rows.tolist()
        reasons = self._reasons(best, searches, release, request.at) if request.reasons else {}
        scores = dict(zip(best, found.scores.tolist(), strict=True))
        chosen = _recommendations(release, best, scores, _sources(found), reasons)
        level = "inductive" if request.queries or request.text else "model"
        note = note_of(searches, len(chosen), request, release)
        return told_stale(self._answer(request, chosen, level, release, note), stale)

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """The products nearest to one, by their texts and by who ordered them.

        Raises:
            ArtifactError: nothing is published.
            RecordError: there is no such product in the published version.
        """
        release = self._versions.of()
        position = _position(release, item_id)
        gone = self._gone(release)
        if item_id in gone:
            raise _unknown(item_id)
        rows = release.model.item_rows()
        scores = rows @ rows[position]
        scores[[position, *release.products.ids.known_positions(gone)]] = -np.inf
        best = _best_of(scores, k)
        chosen = _recommendations(release, list(best), best, dict.fromkeys(best, "similar"))
        answer = self._answer(Request(k=k), chosen, "similar", release, "")
        return replace(answer, item_id=item_id, title=release.products.titles[position] or None)

    def why(self, user_id: str, item_id: str, at: int | None = None) -> Explanation:
        """Where a product stands for a user and the reason in words; searches make no path over what the user liked.

        Raises:
            ArtifactError: nothing is published.
            RecordError: there is no such product in the published version.
        """
        release = self._versions.of()
        position = _position(release, item_id)
        answer = self(Request(user_id=user_id, k=_RANKS, at=at))
        found = next((item for item in enumerate(answer.recommendations, 1) if item[1].item_id == item_id), None)
        standing = None if found is None else Standing(found[1].score, found[0])
        absent = f"it is not among the first {_RANKS} for what this user searched" if found is None else ""
        note = found[1].reason.text if found is not None and found[1].reason is not None else answer.note or absent
        title = release.products.titles[position] or None
        return Explanation(
            self.system.name,
            user_id,
            item_id,
            title,
            standing,
            (),
            None,
            answer.level,
            answer.version,
            answer.as_of,
            note,
        )

    def example_users(self, count: int) -> list[str]:
        """Ids of users who searched."""
        question = f"MATCH (u:User)-[:SEARCHED]->(:Query) RETURN DISTINCT u.id AS id ORDER BY id LIMIT {int(count)}"
        with self._opened.graph() as store:
            found = store.query(question, {}, QueryLimits(rows=count))
        return [str(user) for user in found["id"].to_pylist()]

    def searched(self, user_id: str) -> tuple[str, ...]:
        """The latest different searches of a user, the latest first, as the graph holds them."""
        with self._edges() as (edges, _):
            return searches_of(edges, user_id, None).texts

    def refresh(self) -> str:
        """Takes the published version, whole, before the next answer, and keeps it until called again; its name.

        Raises:
            ArtifactError: nothing is published, or what is is damaged; what answered before still answers.
        """
        release = self._versions.of(self._versions.published())
        prepare(release.model.index, release.model.weights)
        name = self._versions.hold(release)
        with suppress(StoreError):  # each answer reads what it needs then
            self.read_again()
        return name

    def read_again(self) -> None:
        """Holds searches, orders and where they led as the graph has them now; nothing where it may change any time."""
        with self._opened.graph() as store:
            if store.state is None:
                self._held = None
            elif self._held is None or self._held.state != store.state:
                self._held = HeldEdges.read(store)
            self._state = store.state

    def is_behind(self) -> bool:
        """Whether the graph has changed since they were read, as the latest answer found."""
        return self._state is not None and (self._held is None or self._held.state != self._state)

    @contextmanager
    def _edges(self) -> Iterator[tuple[Edges, bool]]:
        """Searches, orders and where they led as the graph has them now, and whether they may be older than that.

        A graph that can't be read is as it was when it was read last. Raises: StoreError where it never was.
        """
        with ExitStack() as opened:
            try:
                store = opened.enter_context(self._opened.graph())
            except StoreError:
                if self._held is None:
                    raise
                yield self._held, True
                return
            self._state, held = store.state, self._held
            yield held if held is not None and held.state == store.state else EdgesOfGraph(store), False

    def is_quick(self, request: Request) -> bool:
        """Never: searches are read from the graph, and queries may have to be encoded."""
        return False

    def in_memory(self) -> QueryRecommender:
        """The same: every product is scored in memory anyway."""
        return self

    def item_rows(self) -> Embeddings:
        """The products by their titles and by what the towers learned."""
        release = self._versions.of()
        return Embeddings(release.products.ids, release.model.item_rows())

    def everyone(self, k: int) -> Iterator[tuple[str, list[str], list[float]]]:
        """The k best products of every user of the graph who searched, those they bought left out."""
        release = self._versions.of()
        with self._opened.graph() as store:
            log = read_search_log(store)
        users = np.unique(log.searched.source)
        histories = histories_before(log.searched, users, np.full(len(users), NOW), len(log.users))
        bought = log.bought
        starts = np.searchsorted(bought.source[by_user := np.argsort(bought.source, kind="stable")], [users, users + 1])
        mapped = release.products.ids.positions(log.products.ids.ids)
        gone = release.products.ids.known_positions(self._gone(release))
        known = renumbered(histories, release.queries.positions(log.queries.ids))
        for rows, scores in release.model.in_batches(known, release.queries):
            for number in range(rows.start, rows.stop):
                mine = scores[number - rows.start]
                owned = mapped[bought.target[by_user[starts[0, number] : starts[1, number]]]]
                mine[owned[owned >= 0]] = -np.inf
                mine[gone] = -np.inf
                best = _best_of(mine, k)
                ids = [release.products.ids.external(row) for row in best]
                yield log.users.external(int(users[number])), ids, list(best.values())

    def _load(self, name: str) -> Release:
        run = find_run(self._opened.runs_folder, run_of(name))
        return load_release(run.folder, name, recipe_of(run).tower)

    def _asker(self, request: Request) -> tuple[Searches, set[str], bool]:
        """What the asker searched for, as the request says it or else as the graph holds it, and what they bought.

        The last says whether the graph may know more, which can't be read.
        """
        sent = (*request.queries, request.text) if request.text else request.queries
        said = searches_sent(sent) if sent else Searches((), ())
        if request.user_id is None:
            return said, set(), False
        with self._edges() as (edges, is_stale):
            searches = said if sent else searches_of(edges, request.user_id, request.at)
            bought = bought_by(edges, request.user_id, request.at) if request.exclude_seen else set()
        return searches, bought, is_stale

    def _allowed(self, request: Request, release: Release, bought: set[str]) -> NDArray[np.bool_]:
        """Which products may be in the answer, `[num_products]`."""
        products = release.products
        allowed = np.ones(len(products), dtype=np.bool_)
        if request.among is not None:
            allowed[:] = False
            allowed[products.ids.known_positions(request.among)] = True
        known = self._opened.known  # also of what is on its way into the graph
        out = {*request.exclude, *self._gone(release)} if known is None else left_out(known, request)
        allowed[products.ids.known_positions([*out, *bought])] = False
        for number, bounds in request.bounds.items():
            values = products.numbers.get(number)  # a version may have been published without them
            allowed &= values is not None and bounds.admit_each(values)
        for label, name in request.where.items():
            group = f"{label} {name}"
            inside = np.zeros(len(products), dtype=np.bool_)
            if group in products.group_names:
                inside[release.model.index.members[products.group_names.index(group)].indices] = True
            allowed &= inside
        return allowed

    def listed(self) -> tuple[Collection[str], Collection[str]]:
        """The products of the version in force; users are in the graph alone."""
        return self._versions.of().products.ids.ids, ()

    def _gone(self, release: Release) -> Collection[str]:
        """Products of a version that are there no more."""
        if self._opened.known is not None:
            return self._opened.known.barred(None)
        if release.name not in self._gone_of:
            listed = release.products.ids.ids
            self._gone_of[release.name] = gone_from_graph(self._opened, self.system.item, listed)
        return self._gone_of[release.name]

    def _asked(self, searches: Searches, release: Release) -> AskedQueries:
        """The queries with their vectors; those that the version does not know are read as meant, and encoded now."""
        meant = list(map(release.model.index.meant, searches.texts))
        positions = release.queries.positions(searches.texts)
        positions = np.where(positions < 0, release.queries.positions(meant), positions)
        inputs = release.model.inputs
        vectors = rows_at(inputs.query_text, positions).astype(np.float32)
        unknown = np.flatnonzero(positions < 0)
        if len(unknown):
            vectors[unknown] = self._encoder.encode([meant[row] for row in unknown])
        graph = rows_at(inputs.query_graph, positions).astype(np.float32)
        return asked_of(searches, vectors, graph, release.model)

    def _popular(
        self, request: Request, release: Release, allowed: NDArray[np.bool_], searches: Searches, as_it_was: bool
    ) -> Answer:
        """What most people ordered, up to the time asked about."""
        counts = release.model.index.popularity
        note = "nothing was searched for: what is popular" if not searches.num_filtered else _FILTERED
        if as_it_was:
            counts = np.zeros(len(release.products), dtype=np.float32)
            with self._opened.graph() as store:
                for batch in store.read_edges(edge_type_of(Bought), ["target_id"], request.at):
                    np.add.at(counts, release.products.ids.known_positions(batch["target_id"].to_pylist()), 1)
            allowed = allowed & (counts > 0)
            note = POPULAR_THEN if allowed.any() else NOTHING_THEN
        elif not allowed.any():
            note = nothing_left(request, release)
        scores = np.where(allowed, counts, -np.inf)
        best = _best_of(scores, request.k)
        chosen = _recommendations(release, list(best), best, dict.fromkeys(best, POPULAR))
        return self._answer(request, chosen, "popular", release, note)

    def _reasons(self, best: Sequence[int], searches: Searches, release: Release, at: int | None) -> dict[int, Reason]:
        """Why each product: people who searched for the same ordered it, or it has the words of the search."""
        ids = {release.products.ids.external(row): row for row in best}
        leads: Mapping[tuple[str, str], int] = {}
        with suppress(StoreError), self._edges() as (edges, _):  # without it the words of titles give the reasons
            leads = times_led(edges, searches.texts, ids, at)
        index = release.model.index
        meant = list(map(index.meant, searches.texts))
        asked = list(dict.fromkeys(word for query in meant for word in words_of(query)))
        reasons: dict[int, Reason] = {}
        for row in best:
            product = release.products.ids.external(row)
            led = [(leads[query, product], query) for query in searches.texts if (query, product) in leads]
            if led:
                count, query = max(led, key=lambda pair: pair[0])
                people = f"{count:,} times" if count > 1 else "once"
                text = f"who searched for “{query}” chose it {people}"
                reasons[row] = Reason(text, (query, "LED_TO", product))
                continue
            title = set(words_of(release.products.titles[row]))
            matched = [word for word in asked if word in title]
            if matched:
                reasons[row] = Reason(f"its title has your words: {', '.join(matched)}")
            elif index.title_vectors[row].any() or index.text_vectors[row].any():
                reasons[row] = Reason(f"close in meaning to “{shortened(meant[0], LONGEST_QUERY)}”")
        return reasons

    def _answer(
        self, request: Request, chosen: tuple[Recommendation, ...], level: str, release: Release, note: str
    ) -> Answer:
        aside = left_aside(named_items(request), release.products.ids, release.name)
        return Answer(
            request.user_id,
            chosen,
            level,
            release.name,
            system=self.system.name,
            as_of=release.as_of,
            note="; ".join(filter(None, [note, aside])),
        )

    @cached_property
    def _encoder(self) -> TextEncoder:
        return self._opened.encoder()


_FILTERED = "no query says anything in words (digits, article numbers and links do not): what is popular"


def _position(release: Release, product: str) -> int:
    """Position of a product. Raises: RecordError where the version does not have it."""
    position = release.products.ids.position(product)
    if position is None:
        raise _unknown(product)
    return position


def _unknown(product: str) -> RecordError:
    return RecordError(f"there is no product {product!r} in the published version", "see `kindred publish`")


def _recommendations(
    release: Release,
    best: Sequence[int],
    scores: Mapping[int, float],
    sources: Mapping[int, str],
    reasons: Mapping[int, Reason] | None = None,
) -> tuple[Recommendation, ...]:
    """The products in these rows, best first, as an answer has them."""
    ids, titles, told = release.products.ids, release.products.titles, reasons or {}
    return tuple(
        Recommendation(ids.external(row), scores[row], titles[row] or None, told.get(row), sources[row]) for row in best
    )


def _best_of(scores: FloatArray, k: int) -> dict[int, float]:
    """Position → score of the k best that may be in the answer, ties by position, which is the order of ids."""
    best = rows_of_best(scores, k)
    return {int(row): float(scores[row]) for row in best if np.isfinite(scores[row])}


def _sources(found: BestProducts) -> dict[int, str]:
    """What found each of the best: whichever of the two alone would have listed it, or both together."""
    told = zip(found.rows.tolist(), found.by_words.tolist(), found.by_vectors.tolist(), strict=True)
    return {row: BOTH if words == vectors else WORDS if words else VECTORS for row, words, vectors in told}
