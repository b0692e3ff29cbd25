"""Runs in MLflow, for those who keep theirs there; nothing else needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kindred.domain.errors import SettingsError, StoreError, install_hint
from kindred.training.fit import Track
from kindred.training.schedule import Metrics

if TYPE_CHECKING:
    from types import ModuleType

_LONGEST_PARAMETER = 500  # characters, a limit of MLflow's


@contextmanager
def mlflow_tracking(uri: str, experiment: str, run_name: str, parameters: Mapping[str, object]) -> Iterator[Track]:
    """A `track` for `RunOptions` that logs to one MLflow run, which ends with the `with`: finished, failed or killed.

    Args:
        uri: of the tracking store, e.g. `sqlite:///runs.db`, a folder, or a server's address.
        experiment: made if it is not there.
        run_name: of the run.
        parameters: settings to note.

    Raises:
        SettingsError: MLflow is not installed.
        StoreError: the store can't be used.
    """
    mlflow = _import_mlflow()
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else client.create_experiment(experiment)
        run_id = client.create_run(experiment_id, run_name=run_name).info.run_id
        for name, value in parameters.items():
            client.log_param(run_id, name, str(value)[:_LONGEST_PARAMETER])
    except mlflow.exceptions.MlflowException as error:
        raise StoreError(f"MLflow at {uri} can't be used: {error}", "check KINDRED_MLFLOW_URI") from error

    def track(metrics: Metrics, step: int) -> None:
        entries = [mlflow.entities.Metric(_name(name), float(value), 0, step) for name, value in metrics.items()]
        client.log_batch(run_id, metrics=entries)

    try:
        yield track
    except KeyboardInterrupt:
        client.set_terminated(run_id, "KILLED")
        raise
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _name(metric: str) -> str:
    """MLflow takes no @ in a name: `ndcg@10` becomes `ndcg_at_10`."""
    return metric.replace("@", "_at_")


def _import_mlflow() -> ModuleType:
    try:
        import mlflow
        import mlflow.entities
        import mlflow.exceptions
    except ImportError as error:
        raise SettingsError(
            "MLflow is not installed", f"{install_hint('mlflow')}, or unset KINDRED_MLFLOW_URI"
        ) from error
    module: ModuleType = mlflow
    return module
