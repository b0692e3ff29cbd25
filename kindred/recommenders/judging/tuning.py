"""Searches settings of a system on validation events, and on no other.

The events are split as the temporal protocol splits them, and where none has a time as the random one does first. A
trial fits a model on the train part and is judged on each user's last event before the test, or on the validation part;
a test event is neither learnt from nor ranked, nor does it take an item out of the ranking. So settings found here may
be judged on the test events of that protocol and seed afterwards, but not on others, among which validation events may
be.

The study is a journal of JSON lines in the folder: kill it, and the trials that had ended are there.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kindred.domain.errors import ArtifactError, SettingsError, install_hint
from kindred.domain.interactions import Interactions
from kindred.domain.progress import told_on_interrupt
from kindred.domain.records import content_id
from kindred.domain.shown import counted
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import Split, split_by
from kindred.files import locked_or
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.fitting import fit_model
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.judging.search_space import SPACE, Params, config_of, params_of, suggest
from kindred.recommenders.runs import LOCK, write_json
from kindred.recommenders.system import System
from kindred.training.fit import RunOptions
from kindred.training.schedule import Metrics

if TYPE_CHECKING:
    from optuna import Study

STUDY, BEST = "study.journal", "best.json"
DECIDES = "ndcg@10"
_STARTUP_TRIALS = 10


@dataclass(frozen=True)
class TuningOptions:
    """How long to search.

    Attributes:
        trials: settings to try in all, those of earlier calls included.
        timeout: seconds after which no trial begins, None for no end.
        base: the settings that are tried first and that the others are compared with; what is not searched is theirs.
    """

    trials: int
    timeout: float | None = None
    base: ModelConfig = field(default_factory=ModelConfig)


@dataclass(frozen=True)
class Tried:
    """A trial that ended: its settings, and NDCG@10 on validation."""

    number: int
    params: Params
    value: float


@dataclass(frozen=True)
class TuningResult:
    """What a search found.

    Attributes:
        trials: all that ended, in order.
        defaults: NDCG@10 on validation of the settings tried first.
        best: the trial with the highest value; the settings tried first where none is above them.
        config_file: the best settings, as `kindred train-gnn --config` reads them.
    """

    trials: tuple[Tried, ...]
    defaults: float
    best: Tried
    config_file: Path

    @property
    def gain(self) -> float:
        """How far the best is above the defaults, on validation."""
        return self.best.value - self.defaults

    def as_json(self) -> dict[str, Any]:
        """JSON types."""
        return {
            **asdict(self),
            "config_file": str(self.config_file),
            "gain": self.gain,
            "figure": f"validation {DECIDES}",
        }


def tune(graph: InteractionGraph, options: TuningOptions, run: RunOptions) -> TuningResult:
    """The best settings of a search on the graph's validation events; the study and the settings are in `run.folder`.

    An interrupted search keeps every trial that ended, and the best settings among them.

    Raises:
        SettingsError: optuna is missing, there is a study already and `run.resume` is off or it searched
            other settings, another process goes on with it, or there is nothing to validate on.
        ArtifactError: time was up before the first trial had ended.
    """
    events = graph.interactions
    split = tuning_split(events)
    if not len(split.validation):
        raise SettingsError("there are too few events to validate on: three of a user are needed", "use more data")
    run.folder.mkdir(parents=True, exist_ok=True)
    taken = SettingsError(f"another process goes on with the study in {run.folder}", "let that end, or stop it")
    with locked_or(taken, run.folder / LOCK):
        return _search(graph, split, options, run)


def tuning_split(events: Interactions) -> Split:
    """The events as an evaluation of one seed splits them, so that what it tests is unknown to the search."""
    return split_by("random" if events.at is None else "temporal", events, seed=0)


def _search(graph: InteractionGraph, split: Split, options: TuningOptions, run: RunOptions) -> TuningResult:
    study = open_study(graph.system, run, options.base)
    tracked = _Trials(graph, split, options, run)
    left = options.trials - len(_ended(study))
    try:
        if left > 0:
            run.progress("trials", options.trials - left, options.trials)
            with told_on_interrupt(lambda: _what_is_kept(study)):
                study.optimize(tracked, n_trials=left, timeout=options.timeout, callbacks=[tracked.report])
    finally:
        if _ended(study):
            _write_best(study, options.base, run.folder)
    return _result(study, options.base, run.folder)


def _what_is_kept(study: Study) -> str:
    return f"{counted(len(_ended(study)), 'trial is', 'trials are')} kept; the same command with --resume goes on"


class _Trials:
    """One trial: fit on train, measure on validation."""

    def __init__(self, graph: InteractionGraph, split: Split, options: TuningOptions, run: RunOptions) -> None:
        self._graph, self._split, self._options, self._run = graph, split, options, run

    def __call__(self, trial: Any) -> float:
        config = config_of(suggest(trial), self._options.base)
        with TemporaryDirectory(prefix="trial-", dir=self._run.folder) as folder:
            options = RunOptions(Path(folder), self._run.seed, self._run.device)
            metrics = validate(self._graph, self._split, config, options)
        trial.set_user_attr("metrics", dict(metrics))
        return float(metrics[DECIDES])

    def report(self, study: Study, trial: Any) -> None:
        """Tells how many trials have ended."""
        self._run.progress("trials", len(_ended(study)), self._options.trials)


def validate(graph: InteractionGraph, split: Split, config: ModelConfig, options: RunOptions) -> Metrics:
    """Recall and NDCG at 10 on the validation events of a model fitted on the train events alone."""
    model = fit_model(graph, split.train, config, options)
    return evaluate_ranking(model.score_users, split.validation_events, split.train_events, ks=(10,)).means


def open_study(system: System, run: RunOptions, base: ModelConfig) -> Study:
    """The study in the folder, its next trial the base where that has not been tried."""
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as missing:
        raise SettingsError("tuning needs the package optuna", install_hint("tune")) from missing
    optuna.logging.set_verbosity(logging.WARNING)
    path = run.folder / STUDY
    if path.exists() and not run.resume:
        raise SettingsError(
            f"there is a study of this graph in {run.folder}", "go on with --resume, or delete the folder"
        )
    run.folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(path)))
    study = optuna.create_study(storage=storage, study_name=system.name, direction="maximize", load_if_exists=True)
    made_of = content_id(repr(SPACE), base.model_dump_json())
    if study.user_attrs.setdefault("made_of", made_of) != made_of:
        raise SettingsError(f"the study in {run.folder} searched other settings", "delete the folder, then tune anew")
    study.set_user_attr("made_of", made_of)
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # what ran when the process was killed
    study.sampler = optuna.samplers.TPESampler(seed=run.seed + len(study.trials), n_startup_trials=_STARTUP_TRIALS)
    first = params_of(base)
    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if not waiting and not any(trial.params == first for trial in _ended(study)):
        study.enqueue_trial(dict(first))
    return study


def _ended(study: Study) -> list[Any]:
    return [trial for trial in study.get_trials(deepcopy=False) if trial.value is not None]


def _best(study: Study) -> Any:
    """The trial with the highest value, the earliest of several."""
    return max(_ended(study), key=lambda trial: (trial.value, -trial.number))


def _write_best(study: Study, base: ModelConfig, folder: Path) -> None:
    write_json(folder / BEST, config_of(_best(study).params, base).model_dump(mode="json"))


def _result(study: Study, base: ModelConfig, folder: Path) -> TuningResult:
    ended = [Tried(trial.number, trial.params, trial.value) for trial in _ended(study)]
    defaults = [trial.value for trial in ended if trial.params == params_of(base)]
    if not defaults:
        raise ArtifactError("no trial ended in time", "give a longer --timeout, then --resume")
    best = _best(study)
    return TuningResult(tuple(ended), defaults[0], Tried(best.number, best.params, best.value), folder / BEST)
