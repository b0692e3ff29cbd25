from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError
from kindred.training.tracking import mlflow_tracking


def test_a_missing_mlflow_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(SettingsError, match=r"kindred\[mlflow\]"), mlflow_tracking("x", "e", "r", {}):
        pass


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_a_run_is_kept_in_a_local_store(error: type[BaseException] | None, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra mlflow is not installed")
    uri = f"sqlite:///{tmp_path / 'runs.db'}"

    def work() -> None:
        with mlflow_tracking(uri, "products", "first", {"epochs": 2, "long": "x" * 900}) as track:
            track({"loss": 1.5, "ndcg@10": 0.1}, 1)
            track({"loss": 1.25, "ndcg@10": 0.2}, 2)
            if error is not None:
                raise error

    if error is None:
        work()
    else:
        with pytest.raises(error):
            work()
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("products").experiment_id])
    assert len(runs) == 1 and runs[0].info.run_name == "first"
    status = {None: "FINISHED", KeyboardInterrupt: "KILLED", ValueError: "FAILED"}[error]
    assert runs[0].info.status == status
    assert runs[0].data.params["epochs"] == "2"
    history = client.get_metric_history(runs[0].info.run_id, "ndcg_at_10")
    assert [(entry.step, entry.value) for entry in history] == [(1, 0.1), (2, 0.2)]
