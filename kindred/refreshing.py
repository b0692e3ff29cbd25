"""Keeps what answers fresh: trains on the graph as it is now, judges, and publishes only what is no worse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kindred.domain.errors import ArtifactError, StoreError
from kindred.domain.progress import Progress, silent
from kindred.files import locked_or, write_whole
from kindred.steps import evaluate_run, publish_run, resume_training, train_system
from kindred.stores import graph_to_read, runs_folder_of, vectors_of

if TYPE_CHECKING:
    from kindred.evaluation.splits import ProtocolName
    from kindred.recommenders.config import ModelConfig
    from kindred.recommenders.runs import Run
    from kindred.settings import Settings

JUDGED_BY = "ndcg@10"
_RUN = ".refresh.run"
"""File beside the runs of a system that names the one which the last refresh trained."""


@dataclass(frozen=True)
class RefreshOptions:
    """How a refresh goes.

    Attributes:
        worse_by: share by which the new run's NDCG@10 may be below that of the run that answers.
        keep: finished runs that stay, beside those that answer or that a rollback would bring back.
        config: settings of the training; None for those of the run that answers.
    """

    worse_by: float = 0.05
    keep: int = 3
    config: ModelConfig | None = None


@dataclass(frozen=True)
class Refreshed:
    """What a refresh came to.

    Attributes:
        system: what was refreshed.
        run: name of the new run; None where the data are those that the run which answers was trained on.
        version: what answers now; that before where the new run is not good enough.
        is_published: whether the new run answers.
        figure: NDCG@10 of the new run's settings on the events of now, or the first figure of the system's own report;
            None where nothing was trained.
        before: the same of the run that answered before, as it was judged then; None where there was none.
        removed: runs that were deleted.
        events: how many the new run has, and how many the one before had.
        judged_by: what the figure is called.
    """

    system: str
    run: str | None
    version: str | None
    is_published: bool
    figure: float | None = None
    before: float | None = None
    removed: list[str] = field(default_factory=list)
    events: tuple[int, int] = (0, 0)
    judged_by: str = JUDGED_BY

    @property
    def missed(self) -> bool:
        """Whether a run was trained and is too bad to answer."""
        return self.run is not None and not self.is_published


def refresh(
    settings: Settings, system: str, options: RefreshOptions = RefreshOptions(), progress: Progress = silent
) -> Refreshed:
    """Trains, judges, publishes where the gate holds, deletes old runs; whatever fails, what answered still does.

    Raises:
        StoreError: another refresh of this data folder is at work, or a store can't be used.
    """
    from kindred.recommenders.config import ModelConfig
    from kindred.recommenders.training import recipe_of

    with _alone(settings, system):
        serving, version = _serving(settings, system)
        data = _data_hash(settings, system)
        if serving is not None and data == _trained_on(serving) and _has_config(serving, options.config):
            return Refreshed(system, None, version, False)
        config = options.config or (ModelConfig() if serving is None else recipe_of(serving))
        run = _trained(settings, system, config, data, progress)
        name, figure = _judged_once(settings, run, progress)
        before = None if serving is None else _judged_once(settings, serving, progress)[1]
        holds = before is None or figure >= before * (1 - options.worse_by)
        if holds:
            version = publish_run(settings, run).version
        removed = _prune(settings, system, options.keep)
        events = (run.manifest["events"], 0 if serving is None else serving.manifest["events"])
        return Refreshed(system, run.name, version, holds, figure, before, removed, events, name)


@contextmanager
def _alone(settings: Settings, system: str) -> Iterator[None]:
    folder = runs_folder_of(settings, system)
    folder.mkdir(parents=True, exist_ok=True)
    taken = StoreError(f"another refresh of {system} is at work", "let it end, or stop it")
    with locked_or(taken, folder / ".refresh.lock"):
        yield


def _serving(settings: Settings, system: str) -> tuple[Run | None, str | None]:
    """The run that answers, and its version; None where nothing is published or its run is gone."""
    from kindred.recommenders.releases import run_of
    from kindred.recommenders.runs import finished_runs

    with vectors_of(settings) as vectors:
        version = vectors.of(system).published()
    runs = {run.name: run for run in finished_runs(runs_folder_of(settings, system))}
    return (None if version is None else runs.get(run_of(version))), version


def _data_hash(settings: Settings, system: str) -> str:
    from kindred.recommenders.data_hash import data_hash
    from kindred.recommenders.systems import find_system

    with graph_to_read(settings) as store:
        return data_hash(find_system(system).system, store)


def _trained_on(run: Run) -> str | None:
    """The hash of what the run learned from; None where that was the graph as of a time, or is not noted."""
    graph = run.manifest["graph"]
    return None if graph["until"] is not None else graph.get("data_hash")


def _has_config(run: Run, config: ModelConfig | None) -> bool:
    """Whether a run is of these settings; None are those that it has."""
    return config is None or run.manifest["config"] == config.model_dump(mode="json")


def _trained(settings: Settings, system: str, config: ModelConfig, data: str, progress: Progress) -> Run:
    """The run of the refresh before, where that was of the same data and settings and is to be gone on with; else new.

    One that did not finish, and can't be gone on with, is deleted.
    """
    from kindred.recommenders.runs import MANIFEST, find_run, new_run_name, remove_run
    from kindred.recommenders.training import BegunRun, read_begun_run, recipe_of

    runs, wanted = runs_folder_of(settings, system), BegunRun(config, settings.seed, None, data)
    note = runs / _RUN
    name = note.read_text() if note.exists() else ""
    if (runs / name / MANIFEST).exists():
        with suppress(ArtifactError):  # one that is damaged, or of another version, does not answer
            run = find_run(runs, name)
            if BegunRun(recipe_of(run), run.manifest["seed"], None, _trained_on(run)) == wanted:
                return run
    elif name and (runs / name).is_dir():
        with suppress(ArtifactError):
            if read_begun_run(runs / name) == wanted:
                return resume_training(settings, system, name, progress)
        remove_run(runs, name)
    name = new_run_name(settings.seed)
    write_whole(note, name.encode())  # first: whatever ends the training, the next refresh finds what it left
    return train_system(settings, system, config, None, progress, name)


def _judged(settings: Settings, run: Run, progress: Progress) -> tuple[str, float]:
    from kindred.recommenders.judging.evaluating import EvaluationOptions

    options = EvaluationOptions(_protocol(run), range(1), all_baselines=False)
    report, _ = evaluate_run(settings, run, options, progress)
    return _deciding(report["ranking"]["model"] if "ranking" in report else report["figures"])


def _judged_once(settings: Settings, run: Run, progress: Progress) -> tuple[str, float]:
    """The figure that a run was judged with; where it was not yet, it is now."""
    from kindred.recommenders.runs import figures_of

    figures = figures_of(run, _protocol(run))
    return _deciding(figures) if figures else _judged(settings, run, progress)


def _protocol(run: Run) -> ProtocolName:
    """Each user's last event is held out where the events have times."""
    return "temporal" if run.manifest.get("timed", True) else "random"


def _deciding(figures: Mapping[str, float]) -> tuple[str, float]:
    """The figure that decides, and its name: the usual one, of a system that has another way to be judged the first."""
    name = JUDGED_BY if JUDGED_BY in figures else next(iter(figures))
    return name, float(figures[name])


def _prune(settings: Settings, system: str, keep: int) -> list[str]:
    """Deletes finished runs beyond the newest `keep`, never one that answers or that a rollback would bring back."""
    from kindred.recommenders.releases import run_of
    from kindred.recommenders.runs import finished_runs, remove_run, tags_of

    folder = runs_folder_of(settings, system)
    with vectors_of(settings) as vectors:
        here = vectors.of(system)
        needed = {run_of(version) for version in here.versions()}
    spare = [run for run in finished_runs(folder) if run.name not in needed and not tags_of(run)]
    old = spare[: max(0, len(spare) - keep)]
    for run in old:
        remove_run(folder, run.name)
    return [run.name for run in old]
