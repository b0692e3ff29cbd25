"""Tracking of runs in MLflow: an extra, off unless a tracking URI is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kindred.domain.errors import SettingsError
from kindred.training.fit import Metrics, Track, untracked

EXPERIMENT = "kindred"


@contextmanager
def open_tracker(uri: str, run_name: str, parameters: Mapping[str, object]) -> Iterator[Track]:
    """What takes the metrics of every epoch; nothing is tracked where `uri` is empty.

    Args:
        uri: of the tracking server or store, e.g. `sqlite:///mlflow.db`.
        run_name: name of the run there.
        parameters: the settings of the run, nested names joined by dots.

    Raises:
        SettingsError: MLflow is not installed.
    """
    if not uri:
        yield untracked
        return
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise SettingsError("MLflow is not installed", "pip install 'kindred[mlflow]', or unset mlflow_uri") from error
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=run_name):
        mlflow.log_params(dict(_flat(parameters)))

        def track(metrics: Metrics, step: int) -> None:
            mlflow.log_metrics({name.replace("@", "_at_"): value for name, value in metrics.items()}, step=step)

        yield track


def _flat(parameters: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
