"""Runs: the folders that training leaves behind, `<data folder>/artifacts/<system>/<run>/`, and their manifests.

A run is deletable and rebuildable. Its `manifest.json` says what it was made of; it is written last, so a folder
without one is a run that did not finish.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import rmtree
from typing import Any, Final

from kindred.domain.errors import ArtifactError
from kindred.domain.progress import told_on_interrupt
from kindred.domain.records import content_id
from kindred.files import (
    damage_of,
    is_locked,
    locked_or,
    read_with_hash,
    remedy,
    remove_parts,
    seals_of,
    write_whole,
    write_with_hash,
)

CONFIG, MANIFEST, TAGS, LOCK = "config.json", "manifest.json", "tags.json", ".lock"
FILES = "files"
"""Key of the manifest: size and hash of each file of the run."""
RANKER = "ranker"
"""Arrays of a run whose answers a network ranks."""
OWN_MODEL: Final = "gnn"
"""What runs call a system's own model, which is no baseline."""
_RANKING = ("recall@10", "ndcg@10")


@dataclass(frozen=True)
class Run:
    """A finished run."""

    name: str
    folder: Path
    manifest: Mapping[str, Any]


def new_run_folder(runs_folder: Path, *made_of: str | int) -> Path:
    """An empty folder for a new run."""
    folder = runs_folder / new_run_name(*made_of)
    folder.mkdir(parents=True)
    return folder


def new_run_name(*made_of: str | int) -> str:
    """This second and, since a baseline takes less than one, a hash of the time."""
    now = time.time_ns()
    stamp = datetime.fromtimestamp(now // 1_000_000_000, UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{content_id(now, os.getpid(), *made_of)[:6]}"


@contextmanager
def resumable_or_gone(folder: Path) -> Iterator[None]:
    """Training in a run's folder: where it ends early, the folder stays if `--resume` can go on from it, else it goes.

    Ctrl-C says which of the two.

    Raises:
        ArtifactError: another process trains in it.
    """
    with _alone_in(folder):
        remove_parts(folder)
        try:
            with told_on_interrupt(lambda: _what_is_kept(folder)):
                yield
        finally:
            if not (folder / MANIFEST).exists() and not _has_epochs(folder):
                rmtree(folder, ignore_errors=True)


def _alone_in(folder: Path) -> AbstractContextManager[None]:
    taken = ArtifactError(f"run {folder.name} is being trained by another process", "let that end, or stop it")
    return locked_or(taken, folder / LOCK)


def _has_epochs(folder: Path) -> bool:
    """Whether one of the trainings that make the run, each in a folder of its own but the first, has a checkpoint."""
    from kindred.training.checkpoint import has_checkpoint  # only here: listing runs must stay quick
    from kindred.training.fit import CHECKPOINT

    return any(has_checkpoint(part, CHECKPOINT) for part in (folder, *folder.glob("*/")))


def _what_is_kept(folder: Path) -> str:
    system = folder.parent.name
    if not _has_epochs(folder):
        return "no epoch had ended, so nothing is kept of this training; run the same command again"
    return f"run {folder.name} is kept up to its last epoch; go on with `kindred train {system} --resume {folder.name}`"


def finish_run(folder: Path, manifest: Mapping[str, Any]) -> Run:
    """Writes the manifest, which makes the run a finished one and tells its files from damaged ones.

    Checkpoints to go on from, which are half of its bytes, are needed no more and go.
    """
    from kindred.training.checkpoint import files_of  # only here: listing runs must stay quick
    from kindred.training.fit import CHECKPOINT

    needless = {path for part in (folder, *folder.glob("*/")) for path in files_of(part, CHECKPOINT)}
    paths = {path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, TAGS, LOCK)}
    names = sorted(str(path.relative_to(folder)) for path in paths - needless)
    write_with_hash(folder / MANIFEST, {**manifest, FILES: seals_of(folder, names)})
    for path in needless:
        path.unlink()
    return Run(folder.name, folder, _read_json(folder / MANIFEST))


@contextmanager
def leaving_no_models(folder: Path) -> Iterator[None]:
    """Trainings in a folder, or below it, of which only a report is wanted: models and checkpoints go, at any end.

    What they say of their epochs stays.
    """
    from kindred.training.checkpoint import files_below  # only here: listing runs must stay quick

    try:
        yield
    finally:
        for path in files_below(folder):
            path.unlink(missing_ok=True)


def finished_runs(runs_folder: Path) -> list[Run]:
    """Finished runs whose manifest can be read, oldest first."""
    return read_runs(runs_folder)[0]


def read_runs(runs_folder: Path) -> tuple[list[Run], dict[str, ArtifactError]]:
    """The same, and by name, oldest first too, what is the matter with each run whose manifest can't be read."""
    runs: list[Run] = []
    damaged: dict[str, ArtifactError] = {}
    for path in sorted(runs_folder.glob(f"*/{MANIFEST}")):
        name = path.parent.name
        try:
            runs.append(Run(name, path.parent, _read_json(path)))
        except ArtifactError as error:
            damaged[name] = error
    return runs, damaged


def unfinished_runs(runs_folder: Path) -> list[str]:
    """Names of runs that are being trained now, or whose training was killed, oldest first."""
    folders = sorted(path for path in runs_folder.glob("[0-9]*") if path.is_dir())
    return [folder.name for folder in folders if not (folder / MANIFEST).exists()]


def is_in_training(folder: Path) -> bool:
    """Whether a process trains in the folder now."""
    return is_locked(folder / LOCK)


def can_be_resumed(folder: Path) -> bool:
    """Whether training can go on in a folder: what the unfinished run is made of is noted, and no process trains it."""
    return (folder / CONFIG).exists() and not is_in_training(folder)


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """What the run in a folder was made of. Raises: ArtifactError where there is no finished one."""
    return _read_json(folder / MANIFEST)


def damage_of_run(run: Run) -> str | None:
    """Which of its files is not what was written, and in what way; None where all are."""
    return damage_of(run.folder, run.manifest.get(FILES, {}))


def model_of(run: Run) -> str:
    """The model that a run is of: `gnn` for the system's own, else a baseline."""
    return str(run.manifest["config"].get("model", OWN_MODEL))


def is_baseline(run: Run) -> bool:
    """Whether the run's model is not the system's own."""
    return model_of(run) != OWN_MODEL


def figures_of(run: Run, protocol: str = "*") -> dict[str, float]:
    """The figures of the newest evaluation of a run's settings by that protocol; none where there was none.

    They are those of its ranking, unless the report names others.

    Raises:
        ArtifactError: the report is damaged.
    """
    if not (reports := _reports_of(run, protocol)):
        return {}
    again = f"run `kindred evaluate {run.name} --system {run.folder.parent.name}` again"
    report = _read_json(reports[-1], again)
    try:
        if "figures" in report:
            return {name: round(float(value), 4) for name, value in report["figures"].items()}
        means = report["ranking"]["model"]
        return {name: round(float(means[name]), 4) for name in _RANKING}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ArtifactError(f"{reports[-1]} holds no figures", again) from error


def _reports_of(run: Run, protocol: str = "*") -> list[Path]:
    """The reports on a run's settings by that protocol, the newest last."""
    return sorted(run.folder.glob(f"evaluation/{protocol}/report.json"), key=lambda path: path.stat().st_mtime_ns)


def without_figures(run: Run) -> str:
    """Why a run of which `shown_figures` has nothing has none."""
    return "report damaged" if _reports_of(run) else "not evaluated"


def shown_figures(run: Run) -> dict[str, float]:
    """The same for a list of runs, which no damaged report ends: it has none then, and `doctor --verify` names it."""
    try:
        return figures_of(run)
    except ArtifactError:
        return {}


def figure_names(figures: Iterable[Mapping[str, float]]) -> list[str]:
    """Names of the figures of some runs, each once; those of a ranking where none was evaluated."""
    return list(dict.fromkeys(name for found in figures for name in found)) or list(_RANKING)


def run_summary(run: Run) -> str:
    """One line on a run: model, data, figures or what is the matter with them."""
    try:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in figures_of(run).items()) or "not evaluated"
    except ArtifactError as error:
        figures = f"{error.message}; {error.next_step}"
    model = model_of(run) if is_baseline(run) else f"the model of {run.manifest['system']}"
    return f"{model}, from {run.manifest['events']:,} events ({figures})"


def find_run(runs_folder: Path, name: str | None = None) -> Run:
    """The run of that name, or the newest of the system's own model.

    Without a name, and where there are baselines alone, it is the newest of those.

    Raises:
        ArtifactError: there is no such finished run, or it is damaged, or without a name a newer one is.
    """
    runs, damaged = read_runs(runs_folder)
    if name in damaged:
        raise damaged[name]
    own = [run for run in runs if not is_baseline(run)]
    if name is None and (runs or damaged):
        newest = (own or runs)[-1:]
        if newer := [other for other in damaged if not newest or other > newest[0].name]:
            raise damaged[newer[-1]]
        return whole_run(newest[0])
    for run in runs:
        if run.name == name:
            return whole_run(run)
    if name is not None and (runs_folder / name).is_dir():
        if is_in_training(runs_folder / name):
            raise ArtifactError(f"run {name} is being trained now", "wait until it has ended")
        go_on = f" --resume {name}" if can_be_resumed(runs_folder / name) else ""
        how = "go on with" if go_on else "train a new one with"
        raise ArtifactError(f"run {name} did not finish", f"{how} `kindred train {runs_folder.name}{go_on}`")
    known = ", ".join(run.name for run in runs[-5:])
    train = f"train one with `kindred train {runs_folder.name}`"
    found = [path.parent for path in runs_folder.parent.glob(f"*/*/{MANIFEST}") if path.parents[1] != runs_folder]
    if name in {runs_folder.name, *(folder.parent.name for folder in found)}:
        raise ArtifactError(f"{name} is a system, and no run of it", f"--system {name} alone takes its newest run")
    others = sorted({folder.parent.name for folder in found if name in (None, folder.name)})
    if begun := [run for run in unfinished_runs(runs_folder) if can_be_resumed(runs_folder / run)]:
        train = f"go on with `kindred train {runs_folder.name} --resume {begun[-1]}`, or {train}"
    elsewhere = f"add {' or '.join(f'`--system {other}`' for other in others)}, or {train}" if others else train
    raise ArtifactError(
        f"no finished run{f' named {name}' if name else ''} in {runs_folder}",
        f"runs are {known}" if known and not others else elsewhere,
    )


def remove_run(runs_folder: Path, name: str) -> None:
    """Deletes a run, finished or not.

    Raises:
        ArtifactError: there is none of that name, or a process trains it.
    """
    folder = runs_folder / name
    if name not in {path.name for path in runs_folder.glob("*") if path.is_dir()}:
        others = sorted(path.parent.name for path in runs_folder.parent.glob("*/*") if path.name == name)
        next_step = f"add {' or '.join(f'`--system {other}`' for other in others)}" if others else "see `kindred runs`"
        raise ArtifactError(f"no run named {name!r} in {runs_folder}", next_step)
    with _alone_in(folder):
        (folder / MANIFEST).unlink(missing_ok=True)  # from here on it is no finished run
        rmtree(folder)


def tags_of(run: Run) -> list[str]:
    """The words noted on a run."""
    path = run.folder / TAGS
    again = "delete that file, which holds only the words of `kindred runs tag`"
    return list(_read_json(path, again)["tags"]) if path.exists() else []


def add_tags(run: Run, tags: Iterable[str]) -> list[str]:
    """Notes words on a run; all of them, in order."""
    noted = list(dict.fromkeys([*tags_of(run), *tags]))
    write_with_hash(run.folder / TAGS, {"tags": noted})
    return noted


def whole_run(run: Run) -> Run:
    """The run, of which every file is as it was written. Raises: ArtifactError where one is not."""
    if damage := damage_of_run(run):
        raise ArtifactError(f"run {run.name} is damaged: {damage}", "delete its folder and train again")
    return run


def write_json(path: Path, value: object) -> None:
    """Writes the file whole or not at all, and survives a power loss once it returns."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False, default=str).encode())


def _read_json(path: Path, again: str = "") -> dict[str, Any]:
    """What the JSON file holds; `again` says how one that is damaged is made anew, where it is no manifest."""
    try:
        return read_with_hash(path)
    except (OSError, ValueError) as error:
        anew = (
            again or f"delete the folder {path.parent}, train with `kindred train {path.parent.parent.name}`, publish"
        )
        raise ArtifactError(f"{path} can't be read: {error}", remedy(error, anew)) from error
