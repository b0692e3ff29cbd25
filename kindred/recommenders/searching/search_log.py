"""The part of a graph that search history is learnt from: products with their texts, queries, searches and orders.

Everything is read as of a time. Vectors were encoded when the texts were loaded, so nothing is encoded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kindred.domain.distinct import distinct
from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray
from kindred.domain.records import Bought, Edge, InCategory, Judged, LedTo, MadeBy, Product, Query, Searched, User
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.graph.store import GraphStore
from kindred.graph.tables import edge_table, ids_of_nodes, node_table, numbers_of_nodes
from kindred.recommenders.queries import QUERIES

EXACT = 100.0
"""Gain of a product that is just what the query asks for."""


@dataclass(frozen=True)
class Products:
    """The catalogue.

    Attributes:
        ids: of the products, sorted.
        titles: of each, empty where it has none.
        documents: all words of each: title, description, brand and categories.
        title_vectors, text_vectors: of title and description, zeros where there is none, `[num_products, text_dim]`.
        groups: which of the categories and brands each belongs to, `[num_products, num_groups]`.
        group_names: label and name of each group, e.g. `category Tents`.
        numbers: the properties that are numbers, or true or false, NaN where unknown, `[num_products]` each.
    """

    ids: IdMap
    titles: list[str]
    documents: list[str]
    title_vectors: FloatArray
    text_vectors: FloatArray
    groups: csr_matrix
    group_names: tuple[str, ...]
    numbers: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Links:
    """Edges of one type as positions, oldest first, `[num_edges]` each.

    Attributes:
        source, target: positions of both ends.
        at: seconds UTC, 0 where unknown.
        value: the gain of a judgement, the count of a lead, else 1.
    """

    source: IntArray
    target: IntArray
    at: IntArray
    value: FloatArray

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: IntArray | NDArray[np.bool_]) -> Links:
        """The edges at these rows."""
        return Links(self.source[rows], self.target[rows], self.at[rows], self.value[rows])


@dataclass(frozen=True)
class SearchLog:
    """What was searched and what it led to.

    Attributes:
        products: the catalogue.
        queries: ids of the queries, which are their texts; `query_vectors` of each, `[num_queries, text_dim]`.
        users: ids of users, sorted.
        searched: user → query.
        bought: user → product.
        led_to: query → product.
        judged: query → product, with the gain.
    """

    products: Products
    queries: IdMap
    query_vectors: FloatArray
    users: IdMap
    searched: Links
    bought: Links
    led_to: Links
    judged: Links

    @property
    def as_of(self) -> int | None:
        """The time of the latest event, None where none has a time."""
        latest = max(
            (int(links.at.max()) for links in (self.searched, self.bought, self.led_to) if len(links)), default=0
        )
        return latest or None

    @property
    def known_queries(self) -> list[str]:
        """Texts of the queries that were searched for or judged, each once."""
        positions = distinct(self.searched.target, self.led_to.source, self.judged.source)
        return [self.queries.external(position) for position in positions.tolist()]

    def before(self, at: int) -> SearchLog:
        """The log without what happened at this time or later."""
        kept = {name: getattr(self, name) for name in ("searched", "bought", "led_to")}
        return replace(self, **{name: links.take(links.at < at) for name, links in kept.items()})


def read_search_log(store: GraphStore, until: int | None = None) -> SearchLog:
    """The search log of a graph as of a time.

    Raises:
        RecordError: the graph holds no product.
    """
    table = node_table(store, graph_schema().node(Query.label), ["id", "text_embedding"])
    products = _read_products(store, _dimension(table, ["text_embedding"]))
    queries = IdMap.sorted(table.column("id").to_pylist())
    users = ids_of_nodes(store, graph_schema().node(User.label))
    vectors = _vectors(table, "text_embedding", queries, products.title_vectors.shape[1])
    return SearchLog(
        products,
        queries,
        vectors,
        users,
        _links(store, Searched, users, queries, until),
        _links(store, Bought, users, products.ids, until),
        _links(store, LedTo, queries, products.ids, until, "count"),
        _links(store, Judged, queries, products.ids, until, "gain"),
    )


def _read_products(store: GraphStore, dimension: int) -> Products:
    """The products; without any text their vectors are zeros, as wide as those of the queries."""
    columns = ["id", "title", "description", "title_embedding", "description_embedding"]
    table = node_table(store, graph_schema().node(Product.label), columns)
    if not len(table):
        raise RecordError("the graph holds no product", "load some with `kindred ingest queries --products FILE`")
    ids = IdMap.sorted(table.column("id").to_pylist())
    order = ids.positions(table.column("id").to_pylist())
    titles, descriptions = ([""] * len(ids), [""] * len(ids))
    for name, texts in (("title", titles), ("description", descriptions)):
        for position, text in zip(order.tolist(), table.column(name).to_pylist(), strict=True):
            texts[position] = text or ""
    groups, names, words = _groups(store, ids)
    dimension = _dimension(table, ("title_embedding", "description_embedding")) or dimension
    documents = [" ".join(parts) for parts in zip(titles, descriptions, words, strict=True)]
    title_vectors = _vectors(table, "title_embedding", ids, dimension)
    text_vectors = _vectors(table, "description_embedding", ids, dimension)
    return Products(ids, titles, documents, title_vectors, text_vectors, groups, names, _numbers(store, ids))


def _numbers(store: GraphStore, ids: IdMap) -> dict[str, FloatArray]:
    found: dict[str, FloatArray] = {}
    for name, values in numbers_of_nodes(store, QUERIES.item, QUERIES.numbers).items():
        found[name] = np.full(len(ids), np.nan, dtype=np.float32)
        found[name][ids.positions(list(values))] = list(values.values())
    return found


def _groups(store: GraphStore, ids: IdMap) -> tuple[csr_matrix, tuple[str, ...], list[str]]:
    """Categories and brands of each product as a matrix, what its columns are called, and the same as words."""
    pairs: list[tuple[int, str]] = []
    for record in (MadeBy, InCategory):
        for batch in store.read_edges(edge_type_of(record), ["source_id", "target_id"]):
            rows = ids.positions(batch["source_id"].to_pylist()).tolist()
            pairs += zip(
                rows, (f"{record.target.label.lower()} {name}" for name in batch["target_id"].to_pylist()), strict=True
            )
    columns = IdMap.sorted(name for _, name in pairs)
    words: list[list[str]] = [[] for _ in ids]
    for row, name in sorted(pairs):
        words[row].append(name.partition(" ")[2])
    where = ([row for row, _ in pairs], columns.positions([name for _, name in pairs]))
    matrix = csr_matrix((np.ones(len(pairs), np.float32), where), shape=(len(ids), len(columns)))
    return matrix, columns.ids, [" ".join(own) for own in words]


def _dimension(table: pa.Table, names: Iterable[str]) -> int:
    known = [table.schema.field(name).type for name in names if name in table.column_names]
    sizes = [kind.list_size for kind in known if pa.types.is_fixed_size_list(kind)]
    return int(sizes[0]) if sizes else 0


def _vectors(table: pa.Table, name: str, ids: IdMap, dimension: int) -> FloatArray:
    """The vector of each id, zeros where it has none, `[num_ids, dimension]`."""
    vectors = np.zeros((len(ids), dimension), dtype=np.float32)
    if name not in table.column_names or not pa.types.is_fixed_size_list(table.schema.field(name).type):
        return vectors
    column = table.column(name).combine_chunks()
    column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    known = column.is_valid().to_numpy(zero_copy_only=False)
    rows = ids.positions_of_column(table.column("id"))
    vectors[rows[known]] = column.drop_null().flatten().to_numpy().reshape(-1, dimension)
    return vectors


def _links(
    store: GraphStore, record: type[Edge], sources: IdMap, targets: IdMap, until: int | None, value: str | None = None
) -> Links:
    edge = edge_type_of(record)
    names = [p.name for p in edge.properties]
    columns = ["source_id", "target_id", *(["at"] if "at" in names else []), *([value] if value else [])]
    table = edge_table(store, edge, columns, until)
    if table is None:
        none = np.zeros(0, np.int64)
        return Links(none, none, none, none.astype(np.float32))
    at = table["at"].fill_null(0).to_numpy() if "at" in names else np.zeros(len(table), np.int64)
    values = table[value].to_numpy().astype(np.float32) if value else np.ones(len(table), np.float32)
    ends = (sources.positions_of_column(table["source_id"]), targets.positions_of_column(table["target_id"]))
    order = np.lexsort((ends[1], ends[0], at))
    return Links(ends[0], ends[1], at, values).take(order)
