"""The one training loop: steps, validation, early stopping, the best weights kept, checkpoints that resume bit by bit.

Every random choice of an epoch is a function of the seed and the number of the epoch, so a run that was interrupted
and resumed takes the same steps as one that was not. Where several processes train together, all take every step, and
the first of them validates and writes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kindred.domain.errors import ArtifactError, KindredError
from kindred.domain.parts import Together
from kindred.domain.progress import Progress, silent
from kindred.training.checkpoint import has_checkpoint, read_checkpoint, write_checkpoint
from kindred.training.schedule import FitConfig, Metrics, OptimizerOf, Schedule, adamw, warm_cosine
from kindred.training.together import average_gradients, of_first, rank

CHECKPOINT, METRICS = "training", "metrics.jsonl"

Track = Callable[[Metrics, int], None]


def untracked(metrics: Metrics, step: int) -> None:
    """Tracks nothing."""


def nothing() -> None:
    """Does nothing."""


@dataclass(frozen=True)
class RunOptions:
    """Where and how a run runs.

    Attributes:
        folder: of its checkpoints and metrics.
        seed: of every random choice.
        device: `auto`, `cpu` or `cuda`.
        resume: go on from the folder's checkpoint, if there is one.
        progress: told of every epoch.
        track: given the metrics of every epoch.
        save_seconds: least time between two checkpoints; a kill loses no more than that.
        together: who trains a network of which a step sees a sample only; this process alone where None.
        has_read: called when the graph was read and nothing more is asked of its store.
    """

    folder: Path
    seed: int = 7
    device: str = "auto"
    resume: bool = False
    progress: Progress = silent
    track: Track = untracked
    save_seconds: float = 20.0
    together: Together | None = None
    has_read: Callable[[], None] = nothing


@dataclass(frozen=True)
class Objective:
    """What a network learns, as the loop sees it.

    Attributes:
        model: the network, on its device.
        step_losses: the losses of each step of an epoch, one after the other; `loss` is minimised, the others are
            reported.
        made_of: what the run is made of (config, data hash, versions); a checkpoint made of something else is not
            resumed.
        validate: metrics of the network as it is, or None to train for the full number of epochs.
        watch: the validation metric that decides, the higher the better.
        validate_every: epochs from one validation to the next; the last epoch is always validated.
    """

    model: nn.Module
    step_losses: Callable[[np.random.Generator], Iterator[Mapping[str, Tensor]]]
    made_of: Mapping[str, Any]
    validate: Callable[[], Metrics] | None = None
    watch: str = "ndcg@10"
    validate_every: int = 1

    def validation_after(self, epoch: int, config: FitConfig) -> Callable[[], Metrics] | None:
        """What validates this epoch, counted from 1; None where it is not validated."""
        return self.validate if epoch % self.validate_every == 0 or epoch == config.epochs else None


@dataclass
class _State:
    """All that changes from epoch to epoch."""

    epoch: int = 0
    best_epoch: int = 0
    best_score: float = -math.inf
    tensors: dict[str, Tensor] = field(default_factory=dict)
    metrics: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class FitResult:
    """How training went; the model holds the weights of `best_epoch`.

    Attributes:
        best_epoch: counted from 1; the last one where nothing was validated.
        best_score: of the watched metric, None where nothing was validated.
        metrics: of every epoch.
    """

    best_epoch: int
    best_score: float | None
    metrics: tuple[Metrics, ...]


def fit(
    objective: Objective,
    config: FitConfig,
    run: RunOptions,
    optimizer_of: OptimizerOf = adamw,
    schedule: Schedule = warm_cosine,
) -> FitResult:
    """Trains the model, leaves it with its best weights, and says how it went.

    Ctrl-C saves a checkpoint of the last whole epoch and goes on up.

    Args:
        objective: what is learned.
        config: how long and how fast.
        run: where and how.
        optimizer_of: the optimizer of the network's parameters.
        schedule: the learning rate of the next epoch.

    Raises:
        ArtifactError: the checkpoint to resume is of another run.
        KindredError: the loss became NaN or infinite.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    optimizer = optimizer_of(objective.model.parameters(), config)
    state = _resume(objective, optimizer, run) if run.resume else _State()
    _rewrite_metrics(run.folder, state)
    with torch.random.fork_rng(devices=[]):
        try:
            _run_epochs(objective, optimizer, schedule, state, config, run)
        except KeyboardInterrupt:
            if state.epoch:
                _save(state, objective, run)
            raise
    _save(state, objective, run)
    _load_model(objective.model, state.tensors, "best")
    score = state.best_score if objective.validate else None
    return FitResult(state.best_epoch, score, tuple(state.metrics))


def _run_epochs(
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    schedule: Schedule,
    state: _State,
    config: FitConfig,
    run: RunOptions,
) -> None:
    saved = time.monotonic()
    while state.epoch < config.epochs and not _out_of_patience(state, objective, config):
        run.progress("train", state.epoch, config.epochs)
        learning_rate = schedule(state.metrics, config)
        metrics = _train_epoch(objective, optimizer, state.epoch, learning_rate, config, run)
        if validate := objective.validation_after(state.epoch + 1, config):
            objective.model.eval()
            with torch.no_grad():
                metrics |= of_first(validate)
        _finish_epoch(state, objective, optimizer, metrics, run)
        if time.monotonic() - saved > run.save_seconds:
            _save(state, objective, run)
            saved = time.monotonic()
    run.progress("train", state.epoch, state.epoch)


def _train_epoch(
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    learning_rate: float,
    config: FitConfig,
    run: RunOptions,
) -> dict[str, float]:
    """Mean of every loss over the steps of one epoch."""
    rng = np.random.default_rng([run.seed, epoch])
    torch.manual_seed(int(rng.integers(2**62)) + rank())
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    objective.model.train()
    sums: dict[str, float] = {}
    steps, began = 0, time.perf_counter()
    for losses in objective.step_losses(rng):
        optimizer.zero_grad(set_to_none=True)
        losses["loss"].backward()  # type: ignore[no-untyped-call]
        average_gradients(objective.model)
        nn.utils.clip_grad_norm_(objective.model.parameters(), config.gradient_norm)
        optimizer.step()
        steps += 1
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if not math.isfinite(sums["loss"]):
            raise KindredError(f"the loss became {sums['loss']} in epoch {epoch + 1}", "lower the learning rate")
    means = {name: total / steps for name, total in sums.items()}
    return means | {"learning_rate": learning_rate, "seconds": time.perf_counter() - began}


def _out_of_patience(state: _State, objective: Objective, config: FitConfig) -> bool:
    is_validated = objective.validation_after(state.epoch, config) is not None
    return is_validated and state.epoch - state.best_epoch >= config.patience


def _finish_epoch(
    state: _State, objective: Objective, optimizer: torch.optim.Optimizer, metrics: dict[str, float], run: RunOptions
) -> None:
    """Moves the state to the end of the epoch in one go: an interrupt finds the last one whole, or the new one."""
    epoch = state.epoch + 1
    weights = {name: value.detach().clone() for name, value in objective.model.state_dict().items()}
    tensors = {f"last.{name}": value for name, value in weights.items()} | _optimizer_tensors(optimizer)
    score = metrics.get(objective.watch, -math.inf) if objective.validate is not None else math.inf
    best = score > state.best_score or objective.validate is None
    kept = weights if best else {n.removeprefix("best."): v for n, v in state.tensors.items() if n.startswith("best.")}
    tensors |= {f"best.{name}": value for name, value in kept.items()}
    line = {"epoch": epoch, **metrics}
    state.tensors, state.metrics, state.epoch = tensors, [*state.metrics, line], epoch
    if best:
        state.best_epoch, state.best_score = epoch, score
    if rank() == 0:
        with (run.folder / METRICS).open("a") as file:
            file.write(json.dumps(line) + "\n")
    run.track(metrics, epoch)


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    slots = optimizer.state_dict()["state"]
    return {f"optimizer.{row}.{name}": value.clone() for row, slot in slots.items() for name, value in slot.items()}


def _save(state: _State, objective: Objective, run: RunOptions) -> None:
    if rank():
        return
    manifest = {
        "epoch": state.epoch,
        "best_epoch": state.best_epoch,
        "best_score": state.best_score if math.isfinite(state.best_score) else None,
        "seed": run.seed,
        "made_of": dict(objective.made_of),
        "metrics": state.metrics,
    }
    write_checkpoint(run.folder, CHECKPOINT, state.tensors, manifest)


def _resume(objective: Objective, optimizer: torch.optim.Optimizer, run: RunOptions) -> _State:
    """The checkpoint's state, loaded into model and optimizer; a fresh one where there is no checkpoint."""
    if not has_checkpoint(run.folder, CHECKPOINT):
        return _State()
    tensors, manifest = read_checkpoint(run.folder, CHECKPOINT)
    made_of = json.loads(json.dumps(dict(objective.made_of)))
    differing = sorted(k for k in {*made_of, *manifest["made_of"]} if made_of.get(k) != manifest["made_of"].get(k))
    if differing or manifest["seed"] != run.seed:
        raise ArtifactError(
            f"the run in {run.folder} was started with another {', '.join(differing) or 'seed'}",
            "resume with the same data and settings, or start a new run",
        )
    device = next(objective.model.parameters()).device
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    _load_model(objective.model, tensors, "last")
    slots: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, row, name = key.split(".", 2)
            slots.setdefault(int(row), {})[name] = tensor.cpu() if name == "step" else tensor
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    score = manifest["best_score"]
    return _State(
        manifest["epoch"], manifest["best_epoch"], -math.inf if score is None else score, tensors, manifest["metrics"]
    )


def _load_model(model: nn.Module, tensors: Mapping[str, Tensor], which: str) -> None:
    prefix = f"{which}."
    model.load_state_dict({n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)})


def _rewrite_metrics(folder: Path, state: _State) -> None:
    """Brings the metrics file back to the epoch the run goes on from."""
    if rank() == 0:
        (folder / METRICS).write_text("".join(json.dumps(line) + "\n" for line in state.metrics))
