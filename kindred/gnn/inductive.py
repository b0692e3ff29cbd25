"""Encoding of nodes that the graph does not hold, without training: a user from events, an item from text.

What is kept of a graph are the states of its nodes before and after each layer (`TrainedGnn.states`). A new node
walks through the layers beside them: in each layer it reads its neighbours' kept states, and no kept state reads the
new node. Hence

* a node's vectors depend on its own edges and on the kept states alone, never on who else is encoded with it or in
  which order;
* for a node of the graph, encoded again from the edges it has there, they are the vectors that the whole graph gives;
* a new node's edges don't change its neighbours; in a graph that holds them they would, by a little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kindred.domain.errors import SchemaError
from kindred.domain.interactions import FloatArray, IntArray
from kindred.gnn.adjacency import EdgeOrder
from kindred.gnn.encoder import Incoming, Relation, both_ways
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.model import EndVectors
from kindred.gnn.trained import NodeStates, TrainedGnn
from kindred.training.checkpoint import read_checkpoint, write_checkpoint

STATES = "states"
NodeColumns = Mapping[str, Tensor]
"""Attributes of nodes or edges by name, as `read_hetero_data` makes them; those left out count as missing."""


@dataclass(frozen=True)
class NewEdges:
    """Edges of one type from new nodes to nodes whose states are kept.

    Attributes:
        triple: the edge type, in the direction of the schema.
        new_index: the new node of each edge, counted from 0, `[num_edges]`.
        neighbour_index: position of its neighbour among the kept states, `[num_edges]`.
        columns: attributes of the edges, in the same order.
    """

    triple: Triple
    new_index: IntArray
    neighbour_index: IntArray
    columns: NodeColumns


@dataclass(frozen=True)
class NewVectors:
    """Vectors of new nodes, float32.

    Attributes:
        ranking: `[num_nodes, dim]`, to rank by dot product.
        rating: of length 1, `[num_nodes, dim]`.
        bias: added to the rating, `[num_nodes]`.
    """

    ranking: FloatArray
    rating: FloatArray
    bias: FloatArray


def encode_new_sources(trained: TrainedGnn, kept: NodeStates, edges: NewEdges, num_nodes: int) -> NewVectors:
    """Vectors of new sources of the target edge type (users) from their edges (events).

    One without edges gets those of the anonymous one.

    Args:
        trained: the network.
        kept: states of the graph; for items it does not hold, see `with_new_nodes`.
        edges: of the target type.
        num_nodes: how many new sources there are.
    """
    states = new_states(trained, kept, trained.target[0], ({}, num_nodes), [edges])
    with torch.no_grad():
        vectors: EndVectors = trained.network("source", states)
    return NewVectors(*(part.cpu().numpy() for part in (vectors.ranking, vectors.rating, vectors.bias)))


def with_new_nodes(
    trained: TrainedGnn, kept: NodeStates, label: str, columns: NodeColumns, num_nodes: int
) -> NodeStates:
    """The kept states and, after those of this label, the states of new nodes known by their attributes alone.

    So an event of an item that is not in the graph still counts: its item has a position now.
    """
    added = new_states(trained, kept, label, (columns, num_nodes), ())
    return [{**layer, label: torch.cat([layer[label], new])} for layer, new in zip(kept, added, strict=True)]


def new_states(
    trained: TrainedGnn, kept: NodeStates, label: str, nodes: tuple[NodeColumns, int], edges: Iterable[NewEdges]
) -> list[Tensor]:
    """States of new nodes before the first layer and after each, `[num_nodes, hidden_dim]`.

    Args:
        trained: the network.
        kept: states of the graph.
        label: of the new nodes.
        nodes: their attributes, and how many they are.
        edges: theirs.

    Raises:
        SchemaError: an edge ends at a node that is not there.
    """
    columns, num_nodes = nodes
    encoder = trained.network.encoder
    if trained.network.training:
        trained.network.eval()
    with torch.no_grad():
        device = kept[0][label].device
        incoming = [_incoming(trained, kept, new, num_nodes) for new in edges]
        features = encoder.features.of_nodes(label, columns, num_nodes).to(device)
        states = [encoder.first_state(label, features, incoming)]
        for layer in range(trained.config.layers):
            states.append(encoder.next_state(layer, label, states[-1], incoming, kept[layer]))
    return states


def save_states(states: NodeStates, folder: Path) -> None:
    """Writes kept states beside a trained network."""
    tensors = {f"{layer}.{label}": rows for layer, by_label in enumerate(states) for label, rows in by_label.items()}
    write_checkpoint(folder, STATES, tensors, {"layers": len(states)})


def load_states(folder: Path) -> NodeStates:
    """What `save_states` wrote. Raises: ArtifactError where there is nothing whole."""
    tensors, manifest = read_checkpoint(folder, STATES)
    states: NodeStates = [{} for _ in range(manifest["layers"])]
    for key in sorted(tensors):
        layer, label = key.split(".", 1)
        states[int(layer)][label] = tensors[key]
    return states


def _incoming(trained: TrainedGnn, kept: NodeStates, new: NewEdges, num_nodes: int) -> Incoming:
    """The edges as they arrive at the new nodes, in the order given for each node."""
    encoder = trained.network.encoder
    source, _, target = new.triple
    num_neighbours = len(kept[0][target])
    _check_positions(new, num_nodes, num_neighbours)
    ends = np.stack((new.new_index, new.neighbour_index)).astype(np.int64)
    edge_index = torch.from_numpy(ends).to(kept[0][source].device)
    adjacency, rows = EdgeOrder.of(edge_index, num_nodes, num_neighbours).select()
    features = encoder.features.of_edges(new.triple, new.columns, len(new.new_index)).to(edge_index.device)[rows]
    relation = Relation(new.triple, adjacency, features)
    return both_ways(relation, encoder.project_edges(new.triple, features))[1]


def _check_positions(new: NewEdges, num_nodes: int, num_neighbours: int) -> None:
    for name, index, size in (("new", new.new_index, num_nodes), ("neighbour", new.neighbour_index, num_neighbours)):
        if len(index) and (index.min() < 0 or index.max() >= size):
            raise SchemaError(
                f"{name} positions of {new.triple[1]} reach from {index.min()} to {index.max()} in {size} nodes",
                "drop edges to unknown nodes, or add those with `with_new_nodes`",
            )
