"""Runs in MLflow, for those who keep theirs there; nothing else needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

from kindred.domain.errors import SettingsError, StoreError, install_hint
from kindred.training.fit import Track
from kindred.training.schedule import Metrics

if TYPE_CHECKING:
    from types import ModuleType

_LONGEST_PARAMETER = 500  # characters, a limit of MLflow's
_LONGEST_ERROR = 300
_REACH_SECONDS = 5.0


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
    with _errors_of(mlflow, uri):
        _reach(uri)
        client = mlflow.MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else client.create_experiment(experiment)
        run_id = client.create_run(experiment_id, run_name=run_name).info.run_id
        for name, value in parameters.items():
            client.log_param(run_id, name, str(value)[:_LONGEST_PARAMETER])

    def track(metrics: Metrics, step: int) -> None:
        entries = [mlflow.entities.Metric(_name(name), float(value), 0, step) for name, value in metrics.items()]
        with _errors_of(mlflow, uri):
            client.log_batch(run_id, metrics=entries)

    try:
        yield track
    except BaseException as error:
        with suppress(mlflow.exceptions.MlflowException):  # what ended the training is said, not this
            client.set_terminated(run_id, "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    with _errors_of(mlflow, uri):
        client.set_terminated(run_id, "FINISHED")


@contextmanager
def _errors_of(mlflow: ModuleType, uri: str) -> Iterator[None]:
    """Turns what MLflow raises inside into errors of Kindred's tree."""
    try:
        yield
    except (mlflow.exceptions.MlflowException, OSError) as error:
        said = str(error).partition("\n")[0][:_LONGEST_ERROR]
        raise StoreError(f"MLflow at {uri} can't be used: {said}", "check KINDRED_MLFLOW_URI, or unset it") from error


def _reach(uri: str) -> None:
    """Asks a server once, because MLflow's client would try for minutes. Raises OSError where none answers."""
    if uri.startswith(("http://", "https://")):
        with suppress(HTTPError):  # whatever it says, it is there
            urlopen(uri, timeout=_REACH_SECONDS).close()


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
