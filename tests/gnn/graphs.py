"""Small graphs whose right answers are known, and a graph store that keeps its tables in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch_geometric.data import HeteroData

from kindred.domain.schema import EdgeType, NodeType
from kindred.gnn.hetero_data import reverse_of

REVIEWED = ("User", "REVIEWED", "Product")
TEXT_DIM = 16


@dataclass(frozen=True)
class TableStore:
    """The reading half of a graph store over Arrow tables, in batches of `batch_rows`."""

    tables: dict[str, pa.Table]
    batch_rows: int = 3

    def count(self, table: NodeType | EdgeType) -> int:
        return len(self.tables[table.name]) if self._holds(table) else 0

    def read_nodes(self, node: NodeType, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        yield from self._read(node, columns, None)

    def read_edges(
        self, edge: EdgeType, columns: Sequence[str] | None = None, until: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        yield from self._read(edge, columns, until if edge.is_event else None)

    def _holds(self, kind: NodeType | EdgeType) -> bool:
        """Whether there is such a table; several edge types of one name are told apart by where they start."""
        return kind.name in self.tables and (isinstance(kind, NodeType) or kind.source in self.tables)

    def _read(
        self, kind: NodeType | EdgeType, columns: Sequence[str] | None, until: int | None
    ) -> Iterator[pa.RecordBatch]:
        if self._holds(kind):
            table = self.tables[kind.name]
            if until is not None:
                table = table.filter(pc.fill_null(pc.less_equal(table["at"], until), True))
            names = [name for name in (columns or table.column_names) if name in table.column_names]
            yield from table.select(names).to_batches(self.batch_rows)


def vectors_column(vectors: NDArray[np.float16], known: Sequence[bool] | None = None) -> pa.Array:
    """Vectors as a store hands them out, null where `known` is false."""
    mask = None if known is None else pa.array([not k for k in known])
    flat = pa.array(vectors.astype(np.float16).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=mask)


def checkerboard(num_users: int = 40, num_products: int = 24, seed: int = 0, blocks: int = 2) -> HeteroData:
    """Users like the products of their own block (5 stars) and review a few others (1 star).

    The text of a review tells the block of its product. About two thirds of the pairs within a block are there.
    """
    rng = np.random.default_rng(seed)
    user, product = np.meshgrid(np.arange(num_users), np.arange(num_products), indexing="ij")
    inside = user % blocks == product % blocks
    there = rng.random(inside.shape) < np.where(inside, 0.66, 0.08)
    users, products, liked = user[there], product[there], inside[there]
    texts = rng.normal(size=(blocks, TEXT_DIM))[products % blocks] + 0.3 * rng.normal(size=(len(users), TEXT_DIM))
    columns = {
        "rating": torch.from_numpy(np.where(liked, 5.0, 1.0).astype(np.float32)),
        "at": torch.from_numpy(rng.integers(1_000_000_000, 1_100_000_000, len(users))),
        "text_embedding": torch.from_numpy(texts.astype(np.float16)),
        "has_text_embedding": torch.ones(len(users), dtype=torch.bool),
    }
    return review_graph(num_users, num_products, np.stack([users, products]), columns)


def review_graph(
    num_users: int, num_products: int, edge_index: NDArray[np.int64], columns: dict[str, torch.Tensor]
) -> HeteroData:
    """A graph of reviews as `read_hetero_data` makes it."""
    data = HeteroData()
    data["User"].num_nodes, data["Product"].num_nodes = num_users, num_products
    for triple, index in ((REVIEWED, edge_index), (reverse_of(REVIEWED), edge_index[::-1].copy())):
        data[triple].edge_index = torch.from_numpy(index)
        for name, value in columns.items():
            data[triple][name] = value
    return data
