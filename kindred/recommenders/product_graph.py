"""The graph of users, products and reviews as the arrays that models of the product system read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, Interactions, ratings_of, times_of
from kindred.domain.schema import graph_schema
from kindred.gnn.hetero_data import read_hetero_data
from kindred.graph.store import GraphStore

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

TARGET = ("User", "REVIEWED", "Product")
PART_OF_GRAPH = (TARGET, ("Product", "IN_CATEGORY", "Category"), ("Product", "MADE_BY", "Brand"))


@dataclass(frozen=True)
class ProductGraph:
    """What a model of the product system may look at.

    Attributes:
        data: the graph for message passing; edge `i` of `TARGET` is row `i` of `interactions`.
        users: user ids by position.
        products: product ids by position.
        interactions: every review.
        review_text: vector of each review's text, zeros where it has none, `[num_reviews, text_dim]`, or None.
        product_text: vector of each product's title and description, `[num_products, text_dim]`, or None.
    """

    data: HeteroData
    users: IdMap
    products: IdMap
    interactions: Interactions
    review_text: FloatArray | None
    product_text: FloatArray | None


def read_product_graph(store: GraphStore, until: int | None = None) -> ProductGraph:
    """The product part of a graph, as of a moment.

    Raises:
        RecordError: there is not a single review.
    """
    data, ids = read_hetero_data(store, graph_schema(), triples=PART_OF_GRAPH, until=until)
    edges = data[TARGET]
    if edges.edge_index.shape[1] == 0:
        raise RecordError("the graph holds no review", "load some with `kindred ingest products --reviews FILE`")
    interactions = Interactions(
        user_index=edges.edge_index[0].numpy(),
        item_index=edges.edge_index[1].numpy(),
        num_users=len(ids["User"]),
        num_items=len(ids["Product"]),
        rating=ratings_of(edges.rating.float().numpy(), edges.has_rating.numpy()),
        at=times_of(edges.at.numpy(), edges.has_at.numpy()),
        edge_index=np.arange(edges.edge_index.shape[1]),
    )
    return ProductGraph(
        data, ids["User"], ids["Product"], interactions, _vectors(edges.get("text_embedding")), _product_text(data)
    )


def without_text(graph: ProductGraph) -> ProductGraph:
    """The same graph for a model that must do without any text: the ablation of every report."""
    data = graph.data.clone()
    for store in data.stores:
        for name in [key for key in store.keys() if key.endswith("_embedding")]:  # noqa: SIM118 - no mapping
            del store[name]
    return ProductGraph(data, graph.users, graph.products, graph.interactions, None, None)


def _vectors(stored: torch.Tensor | None) -> FloatArray | None:
    return None if stored is None or not stored.any() else stored.float().numpy()


def _product_text(data: HeteroData) -> FloatArray | None:
    """Title and description of each product, averaged where both are there."""
    stored = [data["Product"].get(name) for name in ("title_embedding", "description_embedding")]
    found = [vectors for column in stored if (vectors := _vectors(column)) is not None]
    if not found:
        return None
    return np.asarray(np.stack(found).mean(axis=0), dtype=np.float32)
