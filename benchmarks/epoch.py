"""A full-batch epoch beside naive PyTorch Geometric convolutions: `python -m benchmarks.epoch`.

Options are `--edges N` and `--conv transformer|gat`. One made-up graph, two processes in turn. Both train the same
network shape (2 layers, both directions, 64 dimensions, 8 heads) with the same losses and the same masked edges; the
naive one hands all 384 dimensions of each review's text, in float32, to PyTorch Geometric's layers, one layer a
direction. Printed: seconds a step, the loss after the last step, peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.nn import GATv2Conv, TransformerConv

from kindred.gnn.edge_learner import EdgeLearner
from kindred.gnn.encoder import ConvName, EncoderShape, HeteroEncoder, Relation, both_ways
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.graph_features import GraphFeatures, fit_graph_features, forward_types
from kindred.gnn.hetero_data import reverse_of
from kindred.gnn.model import Gnn, GnnConfig

TARGET: Triple = ("User", "REVIEWED", "Product")
TEXT_DIM = 384
ANCHOR_RATIO, ANCHOR_GIB = 2.0, 3.0
HUB_SHARE = 0.2  # of all edges, at one product


class NaiveEncoder(HeteroEncoder):
    """The same network with PyTorch Geometric's layers, each fed the edges' features as they are."""

    def __init__(
        self, features: GraphFeatures, labels: Iterable[str], triples: Iterable[Triple], shape: EncoderShape
    ) -> None:
        super().__init__(features, labels, triples, shape)
        self.edge_inputs = nn.ModuleDict()
        dim = shape.hidden_dim
        self.attentions = nn.ModuleList(
            nn.ModuleDict(
                {
                    "__".join(direction): _pyg_layer(shape, dim, features.edge_dim(triple))
                    for triple in self.triples
                    for direction in (triple, reverse_of(triple))
                }
            )
            for _ in range(shape.layers)
        )

    def forward(self, node_features: Mapping[str, Tensor], relations: Iterable[Relation]) -> list[dict[str, Tensor]]:
        """States of every label before the first layer and after each."""
        incoming = [arriving for relation in relations for arriving in both_ways(relation, relation.features)]
        ending_at = {label: [arriving for arriving in incoming if arriving.triple[2] == label] for label in self.labels}
        states = [{label: self.first_state(label, node_features[label], ending_at[label]) for label in self.labels}]
        for layer in range(self.shape.layers):
            last, now = states[-1], {}
            for label in self.labels:
                update = self.skips[layer][label](last[label])  # type: ignore[index]
                for arriving in ending_at[label]:
                    conv = self.attentions[layer]["__".join(arriving.triple)]  # type: ignore[index]
                    edge_index = torch.stack([arriving.adjacency.source, arriving.adjacency.target])
                    update = update + conv((last[arriving.neighbour_label], last[label]), edge_index, arriving.edge)
                update = functional.dropout(functional.gelu(update), self.shape.dropout, self.training)
                now[label] = self.norms[layer + 1][label](last[label] + update)  # type: ignore[index]
            states.append(now)
        return states


def _pyg_layer(shape: EncoderShape, dim: int, edge_dim: int) -> nn.Module:
    if shape.conv == "transformer":
        layer: nn.Module = TransformerConv(dim, dim // shape.heads, shape.heads, edge_dim=edge_dim, root_weight=False)
    else:
        layer = GATv2Conv(dim, dim // shape.heads, shape.heads, edge_dim=edge_dim, add_self_loops=False, bias=False)
    return layer


def made_up_graph(num_edges: int, seed: int = 0) -> HeteroData:
    """Reviews with a hub and a heavy tail; rating and text follow the communities of user and product."""
    rng = np.random.default_rng(seed)
    num_users, num_products, num_communities = max(num_edges // 8, 10), max(num_edges // 21, 10), 20
    users = rng.integers(0, num_users, num_edges)
    products = (num_products * rng.random(num_edges) ** 2).astype(np.int64)
    products[: int(HUB_SHARE * num_edges)] = 0
    same = users % num_communities == products % num_communities
    centres = rng.normal(size=(num_communities, TEXT_DIM)).astype(np.float16)
    text = (centres[products % num_communities] + rng.normal(size=(num_edges, TEXT_DIM)).astype(np.float16)) / 28
    data = HeteroData()
    data["User"].num_nodes, data["Product"].num_nodes = num_users, num_products
    for triple, ends in ((TARGET, (users, products)), (reverse_of(TARGET), (products, users))):
        data[triple].edge_index = torch.from_numpy(np.stack(ends))
        data[triple].rating = torch.from_numpy(np.where(same, 5, rng.integers(1, 6, num_edges)).astype(np.float32))
        data[triple]["at"] = torch.from_numpy(rng.integers(1_000_000_000, 1_400_000_000, num_edges))
        data[triple].text_embedding = torch.from_numpy(text)
    return data


def measure(way: str, conv: ConvName, num_edges: int, num_steps: int) -> dict[str, float]:
    """Least seconds and CPU-seconds of a step, the last loss, and the peak memory of this process in GiB."""
    config = GnnConfig(conv=conv, supervision_share=0.2, steps_per_epoch=1)
    data = made_up_graph(num_edges)
    rows = torch.arange(num_edges)
    features = fit_graph_features(data, {TARGET: rows}, TEXT_DIM if way == "naive" else config.text_dim)
    torch.manual_seed(0)
    network = Gnn(features, data.node_types, forward_types(data), config)
    if way == "naive":
        network.encoder = NaiveEncoder(features, data.node_types, forward_types(data), config.shape)
    learner = EdgeLearner.of(data, TARGET, rows, network, config)
    if way == "naive":
        learner = replace(learner, messages=learner.tensors)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, fused=True)
    rng = np.random.default_rng(0)
    wall, cpu, loss = [], [], float("nan")
    for _ in range(num_steps):
        began, cpu_began = time.perf_counter(), time.process_time()
        for losses in learner.step_losses(rng):
            optimizer.zero_grad()
            losses["loss"].backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss = float(losses["loss"])
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"wall": min(wall), "cpu": min(cpu), "loss": loss, "gib": peak}


def main() -> None:
    """Prints both ways and their ratio beside the anchors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, default=231_000)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--conv", choices=("transformer", "gat"), default="transformer")
    parser.add_argument("--way", choices=("lean", "naive"), help="measure one way in this process and print JSON")
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measure(given.way, given.conv, given.edges, given.steps)))
        return
    figures = {}
    for way in ("naive", "lean"):
        command = [sys.executable, "-m", "benchmarks.epoch", "--way", way]
        command += ["--conv", given.conv, "--edges", str(given.edges), "--steps", str(given.steps)]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        figures[way] = json.loads(result.stdout)
        print(
            f"epoch, {way:5} {given.conv}: {figures[way]['wall']:.2f} s ({figures[way]['cpu']:.2f} CPU-s), "
            f"loss {figures[way]['loss']:.3f} after {given.steps} steps, peak {figures[way]['gib']:.2f} GiB"
        )
    ratio = {unit: figures["naive"][unit] / figures["lean"][unit] for unit in ("wall", "cpu")}
    print(f"epoch: {ratio['wall']:.1f} × faster, {ratio['cpu']:.1f} × less CPU (anchor: at least {ANCHOR_RATIO:.0f} ×)")
    print(f"epoch: peak memory {figures['lean']['gib']:.2f} GiB (anchor: at most {ANCHOR_GIB:.0f} GiB)")


if __name__ == "__main__":
    main()
