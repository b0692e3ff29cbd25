from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kindred.gnn.model import GnnConfig
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.gnn.trained import TrainedGnn, load_gnn
from kindred.training.fit import METRICS, RunOptions
from kindred.training.together import average_gradients, group_size, of_first, rank
from tests.gnn.graphs import REVIEWED, checkerboard

pytestmark = pytest.mark.long

SAMPLED = GnnConfig(
    hidden_dim=16, heads=4, text_dim=8, epochs=6, warmup_epochs=0, sampled_from=1, sampled_batch=64, sampled_steps=4
)


def note_means(folder: Path) -> None:
    """What this process of a group has for a mean of gradients, and for what the first of it makes."""
    model = torch.nn.Linear(1, 1)
    model.weight.grad = torch.full((1, 1), float(rank()))
    average_gradients(model)
    assert model.weight.grad is not None and model.bias.grad is not None
    made = (group_size(), float(model.weight.grad), float(model.bias.grad), of_first(lambda: f"of {rank()}"))
    (folder / f"{rank()}.txt").write_text(repr(made))


def train_share(folder: Path) -> TrainedGnn:
    """A small network, by this process or by its group."""
    data = checkerboard()
    rows = np.arange(int(data[REVIEWED].edge_index.shape[1]))
    return train_gnn(data, REVIEWED, EdgeSplit(rows, np.zeros(0, dtype=np.int64)), SAMPLED, RunOptions(folder))


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of two processes that trained together."""
    folder = tmp_path_factory.mktemp("group")
    command = [sys.executable, "-m", "tests.training.group", str(folder)]
    subprocess.run(command, check=True)
    return folder


def test_a_group_averages_gradients_and_takes_what_the_first_makes(group: Path) -> None:
    assert [(group / f"{n}.txt").read_text() for n in range(2)] == ["(2, 0.5, 0.0, 'of 0')"] * 2


def test_a_group_learns_what_one_process_learns_and_writes_once(group: Path, tmp_path: Path) -> None:
    alone, together = train_share(tmp_path), load_gnn(group / "run")
    assert len((group / "run" / METRICS).read_text().splitlines()) == SAMPLED.epochs
    data = checkerboard()
    users, products = data[REVIEWED].edge_index.numpy()
    ratings = data[REVIEWED].rating.numpy()
    errors = [float(np.abs(gnn.encode(data).rate(users, products) - ratings).mean()) for gnn in (alone, together)]
    untrained = float(np.abs(ratings - ratings.mean()).mean())
    assert max(errors) < 0.8 * untrained and abs(errors[0] - errors[1]) < 0.2 * untrained
