"""A trained graph network: encodes graphs, is saved to a folder and comes back the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kindred.domain.errors import ArtifactError, SchemaError
from kindred.domain.interactions import IntArray
from kindred.domain.rating_scale import RatingScale
from kindred.gnn.adjacency import EdgeOrder
from kindred.gnn.encoder import Relation
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.graph_features import GraphFeatures
from kindred.gnn.model import Gnn, GnnConfig, GnnEmbeddings, embed_states
from kindred.training.checkpoint import read_checkpoint, write_checkpoint

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

MODEL = "gnn"
_FEATURES, _NETWORK = "features.", "network."

NodeStates = list[dict[str, Tensor]]
"""States of every label before the first layer and after each, `[num_nodes, hidden_dim]`."""
StatesOfRows = Callable[[IntArray | None], NodeStates]
"""Edges of the target type that messages run along, all where None → the states of one graph."""


@dataclass(frozen=True)
class GraphTensors:
    """A graph as the network wants it.

    Attributes:
        node_features: `[num_nodes, node_dim]` of every label of the network.
        edge_features: `[num_edges, edge_dim]` of every edge type of the network, in the order of the graph.
        orders: sorted orders of the same edges.
    """

    node_features: dict[str, Tensor]
    edge_features: dict[Triple, Tensor]
    orders: dict[Triple, EdgeOrder]

    @classmethod
    def of(cls, data: HeteroData, network: Gnn) -> GraphTensors:
        """The tensors of a graph, on the network's device.

        Raises:
            SchemaError: the graph lacks a label or an edge type that the network was trained with.
        """
        device = next(network.parameters()).device
        encoder = network.encoder
        missing = [t for t in encoder.triples if t not in data.edge_types]
        missing_labels = [label for label in encoder.labels if label not in data.node_types]
        if missing or missing_labels:
            raise SchemaError(
                f"the graph lacks {missing or missing_labels}, which the network was trained with", "train again"
            )
        sizes = {label: int(data[label].num_nodes) for label in encoder.labels}
        nodes = {
            label: encoder.features.of_nodes(label, dict(data[label].items()), size).to(device)
            for label, size in sizes.items()
        }
        edges, orders = {}, {}
        for triple in encoder.triples:
            store = data[triple]
            edges[triple] = encoder.features.of_edges(triple, dict(store.items()), store.edge_index.shape[1]).to(device)
            orders[triple] = EdgeOrder.of(store.edge_index.to(device), sizes[triple[0]], sizes[triple[2]])
        return cls(nodes, edges, orders)

    def with_edges_in(self, dtype: torch.dtype) -> GraphTensors:
        """The same graph with edge features of this type, which is what fills the memory."""
        return replace(self, edge_features={triple: edges.to(dtype) for triple, edges in self.edge_features.items()})

    def relations(self, kept: Mapping[Triple, Tensor]) -> list[Relation]:
        """The edges messages run along: of each type the rows where `kept` is true, all where it has no entry."""
        relations = []
        for triple, order in self.orders.items():
            adjacency, rows = order.select(kept.get(triple))
            relations.append(Relation(triple, adjacency, self.edge_features[triple].index_select(0, rows)))
        return relations


@dataclass(frozen=True)
class TrainedGnn:
    """A network and what it was trained for.

    Attributes:
        network: its weights.
        config: the settings it was trained with.
        target: the edge type it predicts.
        manifest: how it was trained: data hash, seed, epochs, best score, versions.
    """

    network: Gnn
    config: GnnConfig
    target: Triple
    manifest: Mapping[str, Any]

    def states(self, data: HeteroData, message_rows: IntArray | None = None) -> NodeStates:
        """States of every node, in float32.

        Args:
            data: the graph.
            message_rows: edges of the target type that messages run along; all of them where None.
        """
        return self.state_reader(data)(message_rows)

    def state_reader(self, data: HeteroData) -> StatesOfRows:
        """`states` of one graph as a function of the message rows, its features computed once.

        The states of the most rows so far are kept, for who asks for them again: to encode the graph is most of what a
        trained network costs, and a fit needs it whole for its scorers, for new items and for what is saved.
        """
        tensors = GraphTensors.of(data, self.network)
        most: list[tuple[IntArray, NodeStates]] = []

        def states(message_rows: IntArray | None) -> NodeStates:
            if message_rows is not None and most:
                rows, there = most[0]
                if np.array_equal(message_rows, rows):
                    return there
                if len(message_rows) > len(rows):
                    del there
                    most.clear()  # not held beside what takes its place
            kept = {} if message_rows is None else {self.target: row_mask(message_rows, tensors.orders[self.target])}
            self.network.eval()
            with torch.no_grad():
                read: NodeStates = self.network.encoder(tensors.node_features, tensors.relations(kept))
            if message_rows is not None and not most:
                most.append((message_rows, read))
            return read

        return states

    def embed(self, states: NodeStates) -> GnnEmbeddings:
        """Vectors of both ends of the target edge type from their states."""
        return embed_states(self.network, self.target, states)

    def encode(self, data: HeteroData, message_rows: IntArray | None = None) -> GnnEmbeddings:
        """Vectors of both ends of the target edge type; see `states` for the arguments."""
        return self.embed(self.states(data, message_rows))

    def save(self, folder: Path) -> None:
        """Writes the network into the folder; `load_gnn` brings it back."""
        encoder = self.network.encoder
        tensors = {f"{_NETWORK}{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"{_FEATURES}{name}": value for name, value in encoder.features.tensors().items()}
        manifest = {
            "config": self.config.model_dump(),
            "scale": [self.network.scale.low, self.network.scale.high],
            "target": self.target,
            "labels": encoder.labels,
            "triples": encoder.triples,
            "features": encoder.features.layout(),
            "trained": dict(self.manifest),
        }
        write_checkpoint(folder, MODEL, tensors, manifest)


def load_gnn(folder: Path) -> TrainedGnn:
    """The network that was saved into the folder, on the CPU.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    tensors, manifest = read_checkpoint(folder, MODEL)
    try:
        config = GnnConfig(**manifest["config"])
        parts = {name.removeprefix(_FEATURES): t for name, t in tensors.items() if name.startswith(_FEATURES)}
        features = GraphFeatures.from_tensors(manifest["features"], parts)
        scale = RatingScale(*manifest["scale"])
        network = Gnn(features, manifest["labels"], [_triple(parts) for parts in manifest["triples"]], config, scale)
        network.load_state_dict({n.removeprefix(_NETWORK): t for n, t in tensors.items() if n.startswith(_NETWORK)})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(f"the network in {folder} does not fit this version: {error}", "train again") from error
    network.eval()
    return TrainedGnn(network, config, _triple(manifest["target"]), manifest["trained"])


def row_mask(rows: IntArray, order: EdgeOrder) -> Tensor:
    """True at these rows of the edge table, `[num_edges]`, on the device of the order."""
    mask = torch.zeros(len(order.rows), dtype=torch.bool)
    mask[torch.from_numpy(rows)] = True
    return mask.to(order.rows.device)


def _triple(parts: Sequence[str]) -> Triple:
    source, relation, target = parts
    return (source, relation, target)
