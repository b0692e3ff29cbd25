"""Graph to HeteroData: the tensors of a graph as of a time, and the IdMaps that name their rows.

They are the arrays of `graph_arrays.py`. Every edge type has its reverse `rev_<TYPE>`, which shares all tensors but
`edge_index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from kindred.domain.ids import IdMap
from kindred.domain.schema import GraphSchema
from kindred.gnn.graph_arrays import EDGE_INDEX, Triple, read_graph_arrays
from kindred.graph.store import GraphStore

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

REVERSE_PREFIX = "rev_"


def reverse_of(triple: Triple) -> Triple:
    """The type of the same edges walked the other way."""
    source, relation, target = triple
    return (target, f"{REVERSE_PREFIX}{relation}", source)


def read_hetero_data(
    store: GraphStore,
    schema: GraphSchema,
    triples: Sequence[Triple] | None = None,
    until: int | None = None,
    *,
    vectors: bool = True,
) -> tuple[HeteroData, dict[str, IdMap]]:
    """The graph as tensors, validated, and an IdMap for each label.

    Nodes have no time: every node is there whatever `until` says, so that positions of two times agree.

    Args:
        store: where the graph is.
        schema: what it may hold.
        triples: edge types to read, with the labels at their ends; all edge types and all labels where None.
        until: events up to this timestamp and those of unknown time only, seconds UTC.
        vectors: whether those of texts are read too, which take most of the memory.

    Raises:
        SchemaError: an edge ends at a node that is not there, or a type is not in the schema.
        StoreError: the graph changed while it was read.
    """
    of_nodes, of_edges, ids = read_graph_arrays(store, schema, triples, until, vectors=vectors)
    from torch_geometric.data import HeteroData  # its import takes seconds, which an answer must not cost

    data = HeteroData()
    for label, columns in of_nodes.items():
        data[label].num_nodes = len(ids[label])
        for name, values in columns.items():
            data[label][name] = torch.from_numpy(values)
    for triple, columns in of_edges.items():
        forward, backward = data[triple], data[reverse_of(triple)]
        for name, values in columns.items():
            forward[name] = torch.from_numpy(values)
            backward[name] = forward[name].flip(0) if name == EDGE_INDEX else forward[name]
    return data, ids
