from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kindred.domain.errors import ArtifactError, KindredError
from kindred.training.fit import METRICS, Objective, RunOptions, fit
from kindred.training.schedule import FitConfig, Metrics, ReduceOnPlateau, warm_cosine

CONFIG = FitConfig(epochs=8, patience=3, learning_rate=0.05, warmup_epochs=0, weight_decay=0.0)


def line_objective(validate: Callable[[nn.Module], Metrics] | None = None, noise: float = 0.0) -> Objective:
    """A linear network that learns y = 2x from random points, with dropout to use the global random state."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.2), nn.Linear(8, 1))

    def step_losses(rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        for _ in range(5):
            x = torch.from_numpy(rng.normal(size=(16, 1)).astype(np.float32))
            yield {"loss": (model(x) - 2 * x).square().mean() + noise}

    judge = None if validate is None else (lambda: validate(model))
    return Objective(model, step_losses, {"data": "line"}, judge, watch="score")


def weights(objective: Objective) -> list[Tensor]:
    return [value.clone() for value in objective.model.state_dict().values()]


def scores(*values: float) -> Callable[[nn.Module], Metrics]:
    remaining = iter(values)
    return lambda model: {"score": next(remaining)}


def test_it_learns(tmp_path: Path) -> None:
    objective = line_objective()
    result = fit(objective, CONFIG.model_copy(update={"epochs": 40}), RunOptions(tmp_path))
    losses = [metrics["loss"] for metrics in result.metrics]
    assert losses[-1] < 0.2 * losses[0]
    assert result.best_epoch == 40 and result.best_score is None


def test_gradients_are_cleared_between_steps(tmp_path: Path) -> None:
    """One step of a gradient of one moves AdamW's first moment by a tenth; a second, without clearing, by more."""
    model = nn.Linear(1, 1, bias=False)
    seen: list[float] = []

    def step_losses(rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        for _ in range(3):
            yield {"loss": 0.5 * model.weight.sum()}
            assert model.weight.grad is not None
            seen.append(float(model.weight.grad))

    fit(Objective(model, step_losses, {}), CONFIG.model_copy(update={"epochs": 1}), RunOptions(tmp_path))
    assert seen == [0.5, 0.5, 0.5]


def test_it_stops_early_and_keeps_the_best(tmp_path: Path) -> None:
    kept: list[list[Tensor]] = []

    def validate(model: nn.Module) -> Metrics:
        assert not model.training
        kept.append([value.clone() for value in model.state_dict().values()])
        return {"score": [0.1, 0.5, 0.3, 0.5, 0.2, 0.9][len(kept) - 1]}

    objective = line_objective(validate)
    result = fit(objective, CONFIG, RunOptions(tmp_path))
    assert result.best_epoch == 2 and result.best_score == 0.5 and len(result.metrics) == 5
    assert all(torch.equal(a, b) for a, b in zip(weights(objective), kept[1], strict=True))


def test_it_validates_every_few_epochs_and_the_last_one(tmp_path: Path) -> None:
    objective = replace(line_objective(scores(0.1, 0.5, 0.4)), validate_every=3)
    result = fit(objective, CONFIG.model_copy(update={"epochs": 8}), RunOptions(tmp_path / "whole"))
    assert [epoch + 1 for epoch, told in enumerate(result.metrics) if "score" in told] == [3, 6, 8]
    assert (result.best_epoch, result.best_score) == (6, 0.5)
    falling = replace(line_objective(scores(0.5, 0.4)), validate_every=3)
    stopped = fit(falling, CONFIG.model_copy(update={"epochs": 20}), RunOptions(tmp_path / "stopped"))
    assert stopped.best_epoch == 3 and len(stopped.metrics) == 6


@pytest.mark.parametrize("stop_after", [1, 4])
def test_resumed_equals_straight(tmp_path: Path, stop_after: int) -> None:
    values = (0.1, 0.2, 0.9, 0.4, 0.5, 0.3)
    straight = line_objective(scores(*values))
    expected = fit(straight, CONFIG, RunOptions(tmp_path / "straight"))

    def stop(metrics: Metrics, epoch: int) -> None:
        if epoch == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(line_objective(scores(*values)), CONFIG, RunOptions(tmp_path / "resumed", track=stop))
    resumed = line_objective(scores(*values[stop_after:]))
    result = fit(resumed, CONFIG, RunOptions(tmp_path / "resumed", resume=True))
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(resumed), strict=True))
    assert result.best_epoch == expected.best_epoch == 3
    lines = [json.loads(line) for line in (tmp_path / "resumed" / METRICS).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, 7))
    assert [line["loss"] for line in lines] == [metrics["loss"] for metrics in expected.metrics]


def test_an_interrupt_within_an_epoch_loses_that_epoch_only(tmp_path: Path) -> None:
    straight = line_objective()
    fit(straight, CONFIG, RunOptions(tmp_path / "straight"))
    objective = line_objective()
    steps = 0

    def interrupted(rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        nonlocal steps
        for losses in objective.step_losses(rng):
            steps += 1
            if steps == 13:  # in the third of five steps an epoch
                raise KeyboardInterrupt
            yield losses

    with pytest.raises(KeyboardInterrupt):
        fit(Objective(objective.model, interrupted, objective.made_of), CONFIG, RunOptions(tmp_path / "cut"))
    resumed = line_objective()
    fit(resumed, CONFIG, RunOptions(tmp_path / "cut", resume=True))
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(resumed), strict=True))


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path) -> None:
    objective = line_objective()
    fit(objective, CONFIG, RunOptions(tmp_path))
    again = line_objective()
    result = fit(again, CONFIG, RunOptions(tmp_path, resume=True))
    assert len(result.metrics) == CONFIG.epochs
    assert all(torch.equal(a, b) for a, b in zip(weights(objective), weights(again), strict=True))


def test_the_callers_random_state_is_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    objective = line_objective()
    torch.manual_seed(3)
    fit(objective, CONFIG, RunOptions(tmp_path))
    assert torch.equal(torch.rand(2), expected)


def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    fit(line_objective(), CONFIG, RunOptions(tmp_path, seed=1))
    with pytest.raises(ArtifactError, match="another seed"):
        fit(line_objective(), CONFIG, RunOptions(tmp_path, seed=2, resume=True))


def test_a_diverged_loss_stops_training(tmp_path: Path) -> None:
    with pytest.raises(KindredError, match="the loss became nan in epoch 1"):
        fit(line_objective(noise=float("nan")), CONFIG, RunOptions(tmp_path))


def test_progress_and_tracking_hear_of_every_epoch(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    tracked: list[int] = []
    run = RunOptions(
        tmp_path,
        progress=lambda stage, done, total: told.append((stage, done, total)),
        track=lambda metrics, epoch: tracked.append(epoch),
    )
    fit(line_objective(scores(*[0.5] * 9)), CONFIG, run)
    assert tracked == [1, 2, 3, 4]
    assert told[0] == ("train", 0, 8) and told[-1] == ("train", 4, 4)


def test_the_learning_rate_falls_on_a_plateau_and_is_a_function_of_the_epochs_so_far() -> None:
    schedule = ReduceOnPlateau("score", factor=0.1, patience=2)
    lines = [{"score": score} for score in (1.0, 2.0, 1.5, 1.9, 2.0, 1.0, 3.0)]
    rates = [schedule(lines[:epoch], CONFIG) / CONFIG.learning_rate for epoch in range(len(lines) + 1)]
    assert np.allclose(rates, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])
    assert warm_cosine([], CONFIG) == CONFIG.learning_rate


def test_a_run_with_another_optimizer_and_schedule_resumes_bit_by_bit(tmp_path: Path) -> None:
    def momentum(parameters: Iterable[nn.Parameter], config: FitConfig) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=config.learning_rate, momentum=0.9)

    schedule, found = ReduceOnPlateau("score", patience=1), []
    given = (0.1, 0.2, 0.15, 0.12, 0.3)
    for folder, stops in ((tmp_path / "whole", (5,)), (tmp_path / "parts", (2, 5))):
        for part, epochs in enumerate(stops):
            begun = stops[part - 1] if part else 0
            objective = line_objective(scores(*given[begun:]))
            config = CONFIG.model_copy(update={"epochs": epochs, "learning_rate": 0.01})
            fit(objective, config, RunOptions(folder, resume=True), momentum, schedule)
        found.append(weights(objective))
        rates = [json.loads(line)["learning_rate"] for line in (folder / METRICS).read_text().splitlines()]
        assert np.allclose(rates, [0.01, 0.01, 0.01, 0.005, 0.0025])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
