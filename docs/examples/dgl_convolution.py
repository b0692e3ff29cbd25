"""One layer of messages in PyTorch Geometric and, with the same weights, in DGL: the answers are equal.

kindred graph export --format hetero-data -o export
python docs/examples/dgl_convolution.py export
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch_geometric.data import HeteroData
from torch_geometric.nn import HeteroConv, SAGEConv

from kindred.gnn.dgl_graph import to_dgl
from kindred.gnn.hetero_files import read_back

DIM = 16


def pyg_layer(data: HeteroData) -> HeteroConv:
    """A layer that averages neighbours, of every edge type that has edges."""
    there = [triple for triple in data.edge_types if data[triple].num_edges]
    return HeteroConv({triple: SAGEConv((DIM, DIM), DIM, aggr="mean") for triple in there}, aggr="sum")


def dgl_layer(layer: HeteroConv) -> torch.nn.Module:
    """The same layer in DGL, with the same weights."""
    from dgl.nn.pytorch import HeteroGraphConv
    from dgl.nn.pytorch import SAGEConv as DglSage

    convolutions = {}
    for triple, given in layer.convs.items():
        made = convolutions[triple] = DglSage(DIM, DIM, "mean")
        made.fc_neigh.weight, made.fc_self.weight = given.lin_l.weight, given.lin_r.weight
        made.fc_self.bias = given.lin_l.bias
    return HeteroGraphConv(convolutions, aggregate="sum")


@torch.no_grad()
def largest_difference(data: HeteroData) -> float:
    """Between the two answers, over all nodes."""
    torch.manual_seed(0)
    features = {label: torch.randn(data[label].num_nodes, DIM) for label in data.node_types}
    layer = pyg_layer(data)
    triples = list(layer.convs.keys())
    expected = layer(features, {triple: data[triple].edge_index for triple in triples})
    graph = to_dgl(data).edge_type_subgraph(triples)
    found = dgl_layer(layer)(graph, {label: features[label] for label in graph.ntypes})
    return max(float((found[label] - expected[label]).abs().max()) for label in expected)


if __name__ == "__main__":
    exported, _ = read_back(Path(sys.argv[1]))
    print(f"largest difference: {largest_difference(exported):.1e}")
