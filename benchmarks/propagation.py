"""Message passing beside PyTorch Geometric's: `python -m benchmarks.propagation [--data DIR] [--json]`.

Gowalla's published training events where they are at hand, else made-up ones of the same size and skew; one thread,
each part in a process of its own. First one propagation over both directions of the graph, whose results must be
equal; then an epoch of LightGCN on either; then the fit of Kindred's linear ensemble beside the whole fit of LightGCN.
`import kindred` sets how the process keeps memory, which makes PyTorch Geometric quicker too; "plain memory" is
without that. What was not run to its end is extrapolated and said to be.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_geometric.nn import LGConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models import LightGCN

from benchmarks.datasets import DEFAULT_DATA, read_gowalla
from kindred.domain.interactions import Interactions
from kindred.linear.algebra.propagation import SparseMatrix, interaction_matrix
from kindred.linear.baselines.lightgcn import LightGCNConfig, lightgcn_factors
from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble

ANCHOR_RATIO = 20.0
ANCHOR_EPOCH = "1,370 → 42 CPU-s"
ROUNDS = 5
PYG_BATCHES = 2
LIGHTGCN_EPOCHS = 40
"""As `benchmarks.ranking` fits it to as many events."""

PLAIN_MEMORY = {"MALLOC_ARENA_MAX": "8", "THP_MEM_ALLOC_ENABLE": "0"}
"""Keeps `import kindred` from setting how the process keeps memory."""

Figures = dict[str, float]


def training_events(data: Path) -> Interactions:
    """Gowalla's training events; made-up ones of its size and skew where the file is missing."""
    try:
        return read_gowalla(data).train
    except FileNotFoundError as missing:
        print(f"propagation: a made-up graph stands in: {missing}", file=sys.stderr)
    rng, num_users, num_items = np.random.default_rng(0), 29_858, 40_981
    ends = [_skewed(rng, size, 830_000) for size in (num_users, num_items)]
    pairs = np.unique(ends[0] * num_items + ends[1])
    return Interactions(pairs // num_items, pairs % num_items, num_users, num_items)


def _skewed(rng: np.random.Generator, num_nodes: int, num_events: int) -> np.ndarray:
    """A node for each event, degrees spread like gowalla's, `[num_events]`."""
    weights = rng.lognormal(0, 0.9, num_nodes)
    return rng.choice(num_nodes, num_events, p=weights / weights.sum())


def joint_edges(train: Interactions) -> Tensor:
    """Both directions of every event, items numbered after users, `[2, 2 * num_events]`."""
    users, items = torch.from_numpy(train.user_index), torch.from_numpy(train.item_index) + train.num_users
    return torch.stack([torch.cat([users, items]), torch.cat([items, users])])


def propagate_both_ways(graph: SparseMatrix, x: Tensor) -> Tensor:
    """What users and items get from each other, `[num_users + num_items, dim]`."""
    users, items = torch.split(x, list(graph.shape))
    return torch.cat([graph @ items, graph.transpose @ users])


def best_of(rounds: int, work: Callable[[], object]) -> tuple[float, float]:
    """The least seconds and CPU-seconds that `work` took, once warm."""
    work()
    wall, cpu = [], []
    for _ in range(rounds):
        began, cpu_began = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - cpu_began)
    return min(wall), min(cpu)


def measure_propagation(train: Interactions) -> Figures:
    """Time of one propagation, forward alone and with its gradient, on both; how far their results differ at most."""
    graph, edge_index = interaction_matrix(train, 0.5, 0.5), joint_edges(train)
    conv, bare_conv = LGConv(), LGConv(normalize=False)
    torch.manual_seed(0)
    x = torch.randn(train.num_users + train.num_items, LightGCNConfig().embedding_dim, requires_grad=True)
    to_output = torch.randn_like(x)
    _, weights = gcn_norm(edge_index, None, len(x), add_self_loops=False)
    ways: dict[str, Callable[[], Tensor]] = {
        "kindred": lambda: propagate_both_ways(graph, x),
        "LGConv": lambda: conv(x, edge_index),
        "LGConv, normalised beforehand": lambda: bare_conv(x, edge_index, weights),
    }
    results = {name: _with_gradient(way, x, to_output) for name, way in ways.items()}
    figures = {
        "difference": max(
            float((ours - theirs).abs().max())
            for ours, theirs in zip(results["kindred"], results["LGConv"], strict=True)
        )
    }
    del results
    for name, way in ways.items():
        with torch.no_grad():
            figures[f"{name} forward s"], figures[f"{name} forward CPU-s"] = best_of(ROUNDS, way)
        wall, cpu = best_of(ROUNDS, functools.partial(_with_gradient, way, x, to_output))
        figures[f"{name} both s"], figures[f"{name} both CPU-s"] = wall, cpu
    return figures


def _with_gradient(way: Callable[[], Tensor], x: Tensor, to_output: Tensor) -> tuple[Tensor, Tensor]:
    """What a propagation returns, and the gradient of `x`."""
    output = way()
    return output.detach(), torch.autograd.grad(output, x, to_output)[0]


def measure_epoch(train: Interactions) -> Figures:
    """CPU-seconds of a whole epoch of LightGCN on Kindred's propagation."""
    began = time.process_time()
    lightgcn_factors(train, LightGCNConfig(epochs=1), seed=0)
    return {"CPU-s": time.process_time() - began}


def measure_pyg_epoch(train: Interactions) -> Figures:
    """The same on PyTorch Geometric's LightGCN, extrapolated from a few batches."""
    config = LightGCNConfig()
    torch.manual_seed(0)
    model = LightGCN(train.num_users + train.num_items, config.embedding_dim, config.layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    edge_index, num_events = joint_edges(train), len(train)

    def step() -> None:
        batch = torch.randperm(num_events)[: config.batch_size]
        users, positives = edge_index[:, batch]
        negatives = torch.randint(train.num_users, model.num_nodes, (len(batch),))
        pairs = torch.stack([users.repeat(2), torch.cat([positives, negatives])])
        better, worse = model(edge_index, pairs).chunk(2)
        nodes = torch.cat([users, positives, negatives])
        loss = model.recommendation_loss(better, worse, node_id=nodes, lambda_reg=config.weight_decay)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return {"CPU-s": best_of(PYG_BATCHES, step)[1] * -(-num_events // config.batch_size)}


def measure_ensemble(train: Interactions) -> Figures:
    """CPU-seconds of the linear ensemble with its defaults: its validation, its fit and the vectors of all users."""
    began = time.process_time()
    fit_linear_ensemble(train, RankingConfig(temporal=False), seed=0).encode_users(train)
    return {"CPU-s": time.process_time() - began}


PARTS: dict[str, Callable[[Interactions], Figures]] = {
    "propagation": measure_propagation,
    "epoch": measure_epoch,
    "pyg epoch": measure_pyg_epoch,
    "ensemble": measure_ensemble,
}


def run_part(part: str, data: Path, memory: dict[str, str] | None = None) -> Figures:
    """The figures of one part, from a process of its own with one thread; `memory` is added to its environment."""
    command = [sys.executable, "-m", "benchmarks.propagation", "--part", part, "--data", str(data)]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    result = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | one_thread | (memory or {})
    )
    figures: Figures = json.loads(result.stdout)
    return figures


def print_report(found: dict[str, Figures]) -> None:
    """Every figure beside its anchor."""
    for part in ("propagation", "propagation, plain memory"):
        _print_propagation(part, found[part])
    epoch, pyg_epoch, ensemble = (found[part]["CPU-s"] for part in ("epoch", "pyg epoch", "ensemble"))
    plain_epoch = found["pyg epoch, plain memory"]["CPU-s"]
    batches = f"extrapolated from {PYG_BATCHES} batches"
    print(
        f"LightGCN epoch: {epoch:.0f} CPU-s, PyTorch Geometric's {pyg_epoch:,.0f} ({batches}): {pyg_epoch / epoch:.0f} "
        f"× less; with plain memory {plain_epoch:,.0f} (anchor: {ANCHOR_EPOCH})"
    )
    print(f"LightGCN epoch: peak {found['epoch']['GiB']:.2f} GiB and {found['pyg epoch']['GiB']:.2f} GiB")
    print(
        f"linear ensemble: whole fit {ensemble:.0f} CPU-s, peak {found['ensemble']['GiB']:.2f} GiB; "
        f"{LIGHTGCN_EPOCHS} epochs of LightGCN {LIGHTGCN_EPOCHS * epoch:,.0f} CPU-s (extrapolated from one epoch), "
        f"on PyTorch Geometric "
        f"{LIGHTGCN_EPOCHS * pyg_epoch:,.0f} ({batches})"
    )


def _print_propagation(part: str, one: Figures) -> None:
    for step, title in (("forward", "forward"), ("both", "forward and backward")):
        print(f"{part}, {title}: {one[f'kindred {step} s'] * 1e3:.1f} ms")
        for name in ("LGConv", "LGConv, normalised beforehand"):
            wall, cpu = (one[f"{name} {step} {unit}"] / one[f"kindred {step} {unit}"] for unit in ("s", "CPU-s"))
            anchor = f" (anchor: at least {ANCHOR_RATIO:.0f} ×)" if name == "LGConv" else ""
            print(
                f"  {name}: {one[f'{name} {step} s'] * 1e3:.0f} ms, {wall:.0f} × the time, {cpu:.0f} × the CPU{anchor}"
            )
    print(f"{part}: results and gradients differ from LGConv's by at most {one['difference']:.1e}")


def main() -> None:
    """Runs every part and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--part", choices=PARTS, help="measure one part in this process and print JSON")
    given = parser.parse_args()
    if given.part:
        torch.set_num_threads(1)
        figures = PARTS[given.part](training_events(given.data))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({**figures, "GiB": peak}))
        return
    found = {part: run_part(part, given.data) for part in PARTS}
    for part in ("propagation", "pyg epoch"):
        found[f"{part}, plain memory"] = run_part(part, given.data, PLAIN_MEMORY)
    if given.json:
        print(json.dumps(found))
    else:
        print_report(found)


if __name__ == "__main__":
    main()
