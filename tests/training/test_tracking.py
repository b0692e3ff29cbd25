from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError, StoreError
from kindred.training.tracking import mlflow_tracking

pytestmark = pytest.mark.long


def test_a_missing_mlflow_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SettingsError, match=r"'\.\[mlflow\]'"), mlflow_tracking("x", "e", "r", {}):
        pass


def test_runs_are_kept_in_a_local_store(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra mlflow is not installed")
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    ends: dict[str, type[BaseException] | None] = {"FINISHED": None, "KILLED": KeyboardInterrupt, "FAILED": ValueError}
    for name, error in ends.items():
        with (
            contextlib.nullcontext() if error is None else pytest.raises(error),
            mlflow_tracking(uri, "products", name, {"epochs": 2, "long": "x" * 900}) as track,
        ):
            track({"loss": 1.5, "ndcg@10": 0.1}, 1)
            track({"loss": 1.25, "ndcg@10": 0.2}, 2)
            if error is not None:
                raise error
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("products").experiment_id])
    assert sorted(run.info.run_name for run in runs) == sorted(ends)
    for run in runs:
        assert run.info.status == run.info.run_name
        assert run.data.params["epochs"] == "2"
        history = client.get_metric_history(run.info.run_id, "ndcg_at_10")
        assert [(entry.step, entry.value) for entry in history] == [(1, 0.1), (2, 0.2)]


def test_a_server_that_is_not_there_is_noticed_before_the_training() -> None:
    """MLflow's own client tries for minutes."""
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(StoreError, match=f"MLflow at {address} can't be used"), mlflow_tracking(address, "e", "r", {}):
        raise AssertionError("it began")


def test_a_store_that_fails_in_the_midst_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra mlflow is not installed")

    def fails(*_: object, **__: object) -> None:
        raise mlflow.exceptions.MlflowException("the disk is full\nand more")

    with (
        pytest.raises(StoreError, match="can't be used: the disk is full —"),
        mlflow_tracking(f"sqlite:///{tmp_path / 'runs.db'}", "products", "r", {}) as track,
    ):
        for name in ("log_batch", "set_terminated"):
            monkeypatch.setattr(mlflow.MlflowClient, name, fails)
        track({"loss": 1.5}, 1)
