"""A network that two processes of a Ray cluster train together, one of them lost on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kindred.cluster import ray_together

pytestmark = pytest.mark.long


def train_and_lose_one(folder: str) -> None:
    """Trains a network; the process that first comes as the second is killed after it began.

    What takes long to import is imported here: each process of the group imports this file first.
    """
    from kindred.training.together import rank

    been = Path(folder) / "been"
    if rank() == 1 and not been.exists():
        been.touch()
        os.kill(os.getpid(), 9)
    from tests.training.test_together import train_share

    train_share(Path(folder) / "run")


def test_a_network_is_trained_by_two_though_one_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from kindred.gnn.trained import load_gnn
    from tests.training.test_together import SAMPLED

    waited = []
    ray_together("ray:local")(train_and_lose_one, str(tmp_path), lambda: waited.append(1))
    assert waited and (tmp_path / "been").exists()
    assert load_gnn(tmp_path / "run").manifest["epochs"] == SAMPLED.epochs
