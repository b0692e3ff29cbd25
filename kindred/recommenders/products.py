"""The product system as its users meet it: publish a run, recommend, find similar products, say why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from kindred.domain.embeddings import Embeddings, TextEncoder, Vectors
from kindred.domain.errors import ArtifactError, RecordError
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Answer, Candidate, Reason, Recommendation
from kindred.domain.records import Reviewed
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.graph.store import GraphStore, Neighbour, QueryLimits
from kindred.recommenders.diversity import CANDIDATES_PER_PLACE, diversify
from kindred.recommenders.pipeline import Pipeline, best_first
from kindred.recommenders.product_model import ProductModel, Review, load_product_model
from kindred.recommenders.product_reasons import explain
from kindred.recommenders.runs import Run, find_run
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.store import VectorStore

SYSTEM = "products"
USERS, PRODUCTS, ANYONE = "users", "products", "anyone"
"""Collections of a published version; `anyone` holds one vector, of a user of whom nothing is known."""
MAX_HISTORY = 1_000_000
_REVIEWED = edge_type_of(Reviewed)
_BUSY_USERS = """
MATCH (user:User)-[review:REVIEWED]->(:Product)
RETURN user.id AS id, count(review) AS reviews ORDER BY reviews DESC, id LIMIT $count
"""


@dataclass(frozen=True)
class Request:
    """One question: the vector to search with, what to leave out, how many to answer, how varied."""

    version: str
    vector: Vectors
    seen: frozenset[str]
    k: int
    diversity: float = 0.0


def publish_products(run: Run, store: GraphStore, vectors: VectorStore) -> dict[str, int]:
    """Publishes the run's users and products as one version, named like the run; the vectors in each collection."""
    fitted = load_product_model(run.folder)
    titles = product_titles(store)
    collections = {
        USERS: Embeddings(fitted.users, fitted.vectors),
        PRODUCTS: Embeddings(fitted.products, fitted.ranking.items),
        ANYONE: Embeddings(IdMap([ANYONE]), fitted.anyone),
    }
    payloads = {PRODUCTS: [{"title": titles.get(product, "")} for product in fitted.products]}
    publish_collections(vectors.of(SYSTEM), run.name, collections, payloads, PublishOptions(searched=(PRODUCTS,)))
    return {name: len(embeddings.ids) for name, embeddings in collections.items()}


def product_titles(store: GraphStore) -> dict[str, str]:
    """Title of every product that has one."""
    titles: dict[str, str] = {}
    for batch in store.read_nodes(graph_schema().node("Product"), ["id", "title"]):
        rows = zip(batch.column("id").to_pylist(), batch.column("title").to_pylist(), strict=True)
        titles.update((product, title) for product, title in rows if title)
    return titles


class ProductRecommender:
    """Answers from the published version, with the graph for history and reasons.

    Args:
        store: the graph.
        vectors: where versions are published.
        runs_folder: where the runs are that unseen users are encoded with.
        encoder: opens the text encoder; called only when a text must be encoded.
    """

    def __init__(
        self, store: GraphStore, vectors: VectorStore, runs_folder: Path, encoder: Callable[[], TextEncoder]
    ) -> None:
        self._store = store
        self._vectors = vectors.of(SYSTEM)
        self._runs_folder = runs_folder
        self._open_encoder = encoder
        self._loaded: dict[str, ProductModel] = {}

    def recommend(self, user_id: str, k: int = 10, *, reasons: bool = True, diversity: float = 0.0) -> Answer:
        """The k best products that the user has not reviewed; an unknown user gets what suits anyone.

        Args:
            user_id: who asks.
            k: how many products.
            reasons: whether to look for reasons.
            diversity: from 0, the best first, to 1, the least alike next (`diversity.py`).
        """
        version = self._version()
        known = self._vectors.fetch(version, USERS, [user_id])
        if len(known.ids) and not reasons:
            seen = frozenset(self._store.target_ids(_REVIEWED, user_id))
            return self._answer(Request(version, known.vectors[0], seen, k, diversity), user_id, "model", [])
        history = self._history(user_id)
        if len(known.ids):
            level, vector = "model", known.vectors[0]
        elif history:
            level, vector = "inductive", self._encode(version, history)
        else:
            level, vector = "popular", self._vectors.fetch(version, ANYONE, [ANYONE]).vectors[0]
        request = Request(version, vector, _products(history), k, diversity)
        return self._answer(request, user_id, level, history if reasons else [])

    def recommend_for_reviews(
        self, reviews: Sequence[Reviewed], k: int = 10, *, reasons: bool = True, diversity: float = 0.0
    ) -> Answer:
        """The k best products for someone who wrote these reviews and need not be in the graph."""
        if not reviews:
            raise RecordError("there is no review to go by", "give at least one")
        version = self._version()
        history = [Review(r.target_id, r.rating, r.at, r.text, r.verified) for r in reviews]
        request = Request(version, self._encode(version, history), _products(history), k, diversity)
        return self._answer(request, reviews[0].source_id, "inductive", history if reasons else [])

    def similar(self, product_id: str, k: int = 10) -> Answer:
        """The k products that suit best someone of whom only a good review of this product is known.

        Raises:
            RecordError: the published version does not know the product.
        """
        version = self._version()
        run = self._run(version)
        if product_id not in run.products:
            raise RecordError(f"product {product_id!r} is not in version {version}", "ingest it, train and publish")
        request = Request(version, run.similarity_vector(product_id), frozenset([product_id]), k)
        answer = self._answer(request, None, "model", [])
        return replace(answer, item_id=product_id, title=self._titles.get(product_id))

    def _answer(self, request: Request, user_id: str | None, level: str, history: Sequence[Review]) -> Answer:
        selection = self._pipeline.run(request)
        chosen = selection.chosen
        reasons = self._reasons(request, user_id, history, chosen) if history else {}
        found = tuple(
            Recommendation(c.item_id, round(c.score, 6), self._titles.get(c.item_id), reasons.get(c.item_id))
            for c in chosen
        )
        return Answer(user_id, found, level, request.version, selection.removed)

    def _reasons(
        self, request: Request, user_id: str | None, history: Sequence[Review], chosen: Sequence[Candidate]
    ) -> dict[str, Reason]:
        spoke_for = self._run(request.version).strongest_reviews(history, [c.item_id for c in chosen])
        return explain(self._store, user_id, chosen, spoke_for, self._titles)

    @cached_property
    def _pipeline(self) -> Pipeline[Request]:
        return Pipeline(
            sources=(self._nearest,),
            filters=(lambda request, candidate: "already reviewed" if candidate.item_id in request.seen else None,),
            scorers=(),
            select=self._select,
        )

    def _nearest(self, request: Request) -> Sequence[Candidate]:
        count = request.k * CANDIDATES_PER_PLACE if request.diversity else request.k
        return self._vectors.search(request.version, PRODUCTS, request.vector, count, exclude=request.seen)

    def _select(self, request: Request, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        if not request.diversity:
            return best_first(candidates, request.k)
        return diversify(candidates, self._run(request.version).likeness, request.k, request.diversity)

    def example_users(self, count: int) -> list[str]:
        """Ids of users with a long history, to show something with."""
        found = self._store.query(_BUSY_USERS, {"count": count}, QueryLimits(rows=count))
        ids: list[str] = found.column("id").to_pylist()
        return ids

    def _version(self) -> str:
        version = self._vectors.published()
        if version is None:
            raise ArtifactError("nothing is published yet", "train with `kindred train-gnn`, then `kindred publish`")
        return version

    def _run(self, version: str) -> ProductModel:
        if version not in self._loaded:
            self._loaded = {version: load_product_model(find_run(self._runs_folder, version).folder)}
        return self._loaded[version]

    def _encode(self, version: str, history: Sequence[Review]) -> Vectors:
        """Vector of a user with this history, `[width]`."""
        run = self._run(version)
        vector: Vectors = run.encode_users([history], self._encoder if run.config.text else None)[0]
        return vector

    def _history(self, user_id: str) -> list[Review]:
        user = graph_schema().node("User")
        return [_review(n) for n in self._store.neighbourhood(user, user_id, MAX_HISTORY, edges=(_REVIEWED,))]

    @cached_property
    def _titles(self) -> dict[str, str]:
        return product_titles(self._store)

    @cached_property
    def _encoder(self) -> TextEncoder:
        return self._open_encoder()


def _review(neighbour: Neighbour) -> Review:
    """The review that an edge at a user holds."""
    properties = neighbour.properties
    return Review(
        product_id=neighbour.node_id,
        rating=None if (rating := properties.get("rating")) is None else float(rating),
        at=None if (at := properties.get("at")) is None else int(at),
        text=str(properties.get("text") or ""),
        verified=None if (verified := properties.get("verified")) is None else bool(verified),
    )


def _products(history: Sequence[Review]) -> frozenset[str]:
    return frozenset(review.product_id for review in history)
