"""What someone searched for: as they say it or as the graph holds it, where it led, and the form that a model reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kindred.domain.errors import RecordError
from kindred.domain.interactions import FloatArray
from kindred.domain.queries import has_words, query_id
from kindred.domain.records import Bought, LedTo, Searched
from kindred.models.two_tower import HISTORY
from kindred.recommenders.searching.edges import Edges
from kindred.recommenders.searching.histories import DAY
from kindred.recommenders.searching.model import QueryModel
from kindred.recommenders.searching.product_index import AskedQueries

_MOST_QUERIES = 1_000


@dataclass(frozen=True)
class Searches:
    """What the asker searched for: different queries, the latest first, and how old each is, in days."""

    texts: tuple[str, ...]
    ages: tuple[float, ...]
    num_filtered: int = 0


def searches_sent(queries: Sequence[str]) -> Searches:
    """The latest different queries of those sent, the latest last.

    Raises:
        RecordError: there are too many.
    """
    if len(queries) > _MOST_QUERIES:
        raise RecordError(f"{len(queries):,} queries in one request", f"send the latest {HISTORY}")
    forms = [query_id(text) for text in reversed(queries)]
    useful = list(dict.fromkeys(form for form in forms if has_words(form)))
    return Searches(tuple(useful[:HISTORY]), (0.0,) * HISTORY, len(forms) - sum(map(has_words, forms)))


def searches_of(edges: Edges, user_id: str, at: int | None) -> Searches:
    """The latest different queries of a user up to a time, how old they were then or at the latest of them."""
    latest: dict[str, int] = {}
    for searched_at, query in sorted(edges.targets(Searched, user_id, at), key=_by_time, reverse=True):
        latest.setdefault(query, searched_at or 0)
    texts = tuple(latest)[:HISTORY]
    now = at if at is not None else max(latest.values(), default=0)
    return Searches(texts, tuple(max(0.0, (now - latest[text]) / DAY) for text in texts))


def bought_by(edges: Edges, user_id: str, at: int | None) -> set[str]:
    """Products that a user ordered up to a time."""
    return {product for _, product in edges.targets(Bought, user_id, at)}


def times_led(
    edges: Edges, queries: Sequence[str], products: Collection[str], at: int | None
) -> Mapping[tuple[str, str], int]:
    """How often each of the queries led to each of the products, up to a time.

    What left each query is read: one question that names queries and products takes the engine several times longer.
    """
    found = ((query, edges.times(LedTo, query, products, at)) for query in queries)
    return {(query, product): times for query, led in found for product, times in led.items()}


def asked_of(searches: Searches, vectors: FloatArray, graph: FloatArray, model: QueryModel) -> AskedQueries:
    """One history of these queries, its vector made by the query tower."""
    num = len(searches.texts)
    text = np.zeros((1, HISTORY, vectors.shape[1]), dtype=np.float32)
    text[0, :num] = vectors
    if model.query_tower is None:
        return AskedQueries([searches.texts], text)
    ages = np.array(searches.ages[:num], np.float32)
    return AskedQueries([searches.texts], text, model.query_tower.encode(vectors, graph, ages)[None])


def _by_time(row: tuple[int | None, str]) -> tuple[int, str]:
    return (row[0] or 0, row[1])
