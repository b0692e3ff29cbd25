"""Training of the graph network from a HeteroData, a split and a config."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kindred.devices import choose_device
from kindred.domain.errors import SchemaError, SettingsError, StoreError
from kindred.domain.interactions import IntArray
from kindred.domain.rating_scale import STARS, RatingScale
from kindred.gnn.edge_learner import EdgeLearner
from kindred.gnn.graph_arrays import Triple
from kindred.gnn.graph_features import fit_graph_features, forward_types
from kindred.gnn.hetero_data import REVERSE_PREFIX
from kindred.gnn.hetero_files import read_tensors, write_tensors
from kindred.gnn.model import Gnn, GnnConfig, GnnEmbeddings
from kindred.gnn.sampled_learner import SampledLearner
from kindred.gnn.trained import TrainedGnn
from kindred.training.fit import METRICS, Objective, RunOptions, fit
from kindred.training.schedule import Metrics
from kindred.training.together import rank

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

GRAPH = "graph.safetensors"
"""Of a run that several processes train: what they read, there as long as they train."""

Measure = Callable[[GnnEmbeddings], Metrics]
"""Validation: vectors of a graph of training edges → metrics, `ndcg@10` among them, over the full catalogue."""


@dataclass(frozen=True)
class EdgeSplit:
    """Rows of the target edge type.

    Attributes:
        train: edges to learn from, as messages and as answers.
        validation: edges held back; empty trains for the full number of epochs.
        measure: judges the vectors after an epoch, on the validation edges that its maker gave it.
    """

    train: IntArray
    validation: IntArray
    measure: Measure | None = None


def train_gnn(
    data: HeteroData,
    target: Triple,
    split: EdgeSplit,
    config: GnnConfig,
    run: RunOptions,
    scale: RatingScale = STARS,
) -> TrainedGnn:
    """A network trained on the `split.train` rows of the target edge type; it never sees another row of it.

    Args:
        data: the graph, from `read_hetero_data`.
        target: the edge type to predict, with `rating` on its edges where ratings are to be learnt.
        split: which of its edges serve for what.
        config: the settings.
        run: folder, seed and device.
        scale: of the ratings, where there are any.

    Raises:
        SchemaError: the graph has no such edge type, or no training edges.
        SettingsError: validation edges without a measure.
    """
    _check(data, target, split)
    device = choose_device(run.device)
    if run.together is not None and not _fits(len(split.train), config, device):
        run = _train_together(_SharedTraining.of(data, target, split, config, run, scale), run)
    rows = torch.from_numpy(np.sort(split.train))
    features = fit_graph_features(data, {target: rows}, config.text_dim)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = Gnn(features, data.node_types, forward_types(data), config, scale).to(device)
    learner = EdgeLearner.of(data, target, rows, network, config)
    made_of = _made_of(data, target, split, config)
    measure = split.measure if len(split.validation) else None
    validate = (lambda: measure(learner.embeddings())) if measure is not None else None
    objective = Objective(network, learner.step_losses, made_of, validate)
    if not _fits(len(rows), config, device):
        steps = SampledLearner.of(learner).step_losses
        objective = replace(objective, step_losses=steps, validate_every=config.sampled_validation)
    result = fit(objective, config, run)
    network.eval()
    manifest: dict[str, Any] = {
        **made_of,
        "seed": run.seed,
        "best_epoch": result.best_epoch,
        "best_score": result.best_score,
        "epochs": len(result.metrics),
    }
    trained = TrainedGnn(network, config, target, manifest)
    if rank() == 0:
        trained.save(run.folder)
    return trained


def _made_of(data: HeteroData, target: Triple, split: EdgeSplit, config: GnnConfig) -> dict[str, Any]:
    """What a training is made of, for its manifest; one that is resumed must be made of the same."""
    import torch_geometric  # its import takes seconds, which a training without a graph network must not cost

    versions = {"python": platform.python_version(), "torch": torch.__version__, "pyg": torch_geometric.__version__}
    data_hash = content_hash(data, target, split)
    return {"config": config.model_dump(), "target": list(target), "data": data_hash, "versions": versions}


@dataclass(frozen=True)
class _SharedTraining:
    """A training by several processes: the arguments of `train_gnn`, the graph being in a file of the run."""

    num_nodes: Mapping[str, int]
    edge_types: Sequence[Triple]
    target: Triple
    split: EdgeSplit
    config: GnnConfig
    run: RunOptions
    scale: RatingScale

    @classmethod
    def of(
        cls,
        data: HeteroData,
        target: Triple,
        split: EdgeSplit,
        config: GnnConfig,
        run: RunOptions,
        scale: RatingScale,
    ) -> _SharedTraining:
        """The training, its graph written."""
        run.folder.mkdir(parents=True, exist_ok=True)
        write_tensors(data, run.folder / GRAPH)
        num_nodes = {label: int(data[label].num_nodes) for label in data.node_types}
        quiet = RunOptions(run.folder.resolve(), run.seed, "cpu", resume=True, save_seconds=run.save_seconds)
        return cls(num_nodes, data.edge_types, target, split, config, quiet, scale)


def _train_together(shared: _SharedTraining, run: RunOptions) -> RunOptions:
    """Has several processes train; the options with which this one goes on from their last checkpoint."""
    assert run.together is not None
    metrics = run.folder / METRICS
    done = 0

    def tell() -> None:
        nonlocal done
        if metrics.exists() and (now := metrics.read_bytes().count(b"\n")) != done:
            done = now
            run.progress("train", done, shared.config.epochs)

    try:
        run.together(_train_share, shared, tell)
    finally:
        (run.folder / GRAPH).unlink(missing_ok=True)
    return replace(run, resume=True)


def _train_share(shared: _SharedTraining) -> None:
    """What each of the processes does; after one was lost, all go on from the last checkpoint."""
    path = shared.run.folder / GRAPH
    if not path.exists():
        raise StoreError(
            f"{path} is not there on a worker of the cluster",
            "put the data folder (KINDRED_DATA_DIR) on a disk that every machine mounts alike",
        )
    data = read_tensors(path, shared.num_nodes, shared.edge_types)
    train_gnn(data, shared.target, shared.split, shared.config, shared.run, shared.scale)


def _fits(num_edges: int, config: GnnConfig, device: torch.device) -> bool:
    """Whether a step can hold the messages of the whole graph; on a GPU, whose memory is its own matter, it must."""
    return num_edges < config.sampled_from or device.type != "cpu"


def content_hash(data: HeteroData, target: Triple, split: EdgeSplit) -> str:
    """A digest of everything training reads: the graph, and which edges serve for what; 32 hex digits."""
    digest = blake2b(digest_size=16)
    for key in [*data.node_types, *(t for t in data.edge_types if not t[1].startswith(REVERSE_PREFIX))]:
        digest.update(repr((key, data[key].num_nodes if isinstance(key, str) else None)).encode())
        for name, value in sorted(data[key].items()):
            if isinstance(value, Tensor):
                digest.update(repr((name, tuple(value.shape), value.dtype)).encode())
                digest.update(value.contiguous().numpy().data)
    for rows in (split.train, split.validation):
        digest.update(np.sort(rows).tobytes())
    digest.update(repr(target).encode())
    return digest.hexdigest()


def _check(data: HeteroData, target: Triple, split: EdgeSplit) -> None:
    if target not in data.edge_types:
        raise SchemaError(f"the graph has no edges {target}", "ingest them first")
    if not len(split.train):
        raise SchemaError(f"there are no training edges {target}", "ingest some, or choose a later --until")
    num_edges = data[target].edge_index.shape[1]
    rows = np.concatenate([split.train, split.validation])
    if rows.min() < 0 or rows.max() >= num_edges or len(np.unique(rows)) != len(rows):
        raise SchemaError(f"split rows must be distinct and below {num_edges}", "make the split of this very graph")
    if len(split.validation) and split.measure is None:
        raise SettingsError("validation edges were given, but nothing to measure them with", "set EdgeSplit.measure")
