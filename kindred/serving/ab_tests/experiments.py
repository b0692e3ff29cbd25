"""A/B tests in the service: who gets which answer, and a log of who got what.

The log is one folder an experiment under `DATA/exposures/`, in it files of JSON lines that are only appended to; each
process writes files of its own, a new one when the last is full. A thread writes what has come in every tenth of a
second and brings it to the disk, so no answer waits, and a kill costs at most the exposures of that time, of all arms
alike. Files older than what a report looks at are deleted when a new one is begun.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Full, Queue
from random import SystemRandom
from threading import Event, Thread
from typing import Any

import orjson

from kindred.domain.errors import StoreError
from kindred.domain.experiments import Arm, Experiment
from kindred.domain.recommendation import Answer, Recommendation, Request

FILE_BYTES = 64 << 20
KEPT_DAYS = 90
_SECONDS_PER_WRITE = 0.1
_MOST_WAITING = 100_000
_DAY = 86_400

Exposure = dict[str, Any]
"""`at` (seconds UTC), `user`, `arm`, `version`, `items`; where the arm explores also `best`, the item that would have
been first, and `propensity`, the probability with which the first one was."""


@dataclass(frozen=True)
class Choice:
    """What an experiment makes of a request."""

    experiment: str
    arm: Arm
    request: Request


class Experiments:
    """The experiments of a service, their log open for writing.

    Args:
        declared: the experiments; of two that name one system the first applies.
        folder: of the logs.
    """

    def __init__(self, declared: Sequence[Experiment], folder: Path) -> None:
        self._by_system: dict[str, Experiment] = {}
        for experiment in declared:
            self._by_system.setdefault(experiment.system, experiment)
        self._random = SystemRandom()
        self._log = ExposureLog(folder)

    @property
    def num_lost(self) -> int:
        """Exposures that could not be logged."""
        return self._log.num_lost

    def choose(self, system: str, request: Request) -> Choice | None:
        """The request as the user's arm has it answered; None where no experiment has this user.

        None as well where it asks for another time or version than the one in force, or gives the candidates, which
        are put in order and not shown for that.
        """
        experiment, own = self._by_system.get(system), (request.at, request.version, request.among)
        if experiment is None or request.user_id is None or any(part is not None for part in own):
            return None
        arm = experiment.arm_of(request.user_id)
        if arm is None:
            return None
        changed: dict[str, Any] = {}
        if arm.version:
            changed["version"] = arm.version
        if arm.diversity is not None and not request.diversity:
            changed["diversity"] = arm.diversity
        return Choice(experiment.name, arm, replace(request, **changed) if changed else request)

    def exposed(self, choice: Choice, answer: Answer, at: float | None = None) -> Answer:
        """The answer to show, after it is noted for the log; where the arm explores its first place may be another."""
        shown = answer.recommendations
        noted: Exposure = {
            "at": round(time.time() if at is None else at, 3),
            "user": choice.request.user_id,
            "arm": choice.arm.name,
            "version": answer.version,
        }
        if choice.arm.explore and shown:
            noted["best"] = shown[0].item_id
            shown = self._explored(shown, choice.arm.explore)
            is_best = shown[0].item_id == noted["best"]
            noted["propensity"] = (1 - choice.arm.explore) * is_best + choice.arm.explore / len(shown)
        noted["items"] = [item.item_id for item in shown]
        self._log.add(choice.experiment, noted)
        return replace(answer, recommendations=shown, experiment=choice.experiment, variant=choice.arm.name)

    def _explored(self, shown: tuple[Recommendation, ...], explore: float) -> tuple[Recommendation, ...]:
        """The same items, now and then another one of them first."""
        if self._random.random() >= explore:
            return shown
        first = self._random.choice(shown)
        return (first, *(item for item in shown if item is not first))

    def close(self) -> None:
        """Writes what is still to be written."""
        self._log.close()


class ExposureLog:
    """Appends exposures to files in a thread of its own; thread-safe."""

    def __init__(self, folder: Path) -> None:
        self.num_lost = 0
        self._folder = folder
        self._waiting: Queue[tuple[str, bytes]] = Queue(_MOST_WAITING)
        self._files: dict[str, Path] = {}
        self._told: set[str] = set()
        self._ends = Event()
        self._thread = Thread(target=self._write_on, name="exposures", daemon=True)
        self._thread.start()

    def add(self, experiment: str, exposure: Exposure) -> None:
        """Hands an exposure over to be written; where the disk has not kept up for long it is counted as lost."""
        try:
            self._waiting.put_nowait((experiment, orjson.dumps(exposure, option=orjson.OPT_APPEND_NEWLINE)))
        except Full:
            self.num_lost += 1

    def close(self) -> None:
        """Writes what is still to be written and ends the thread."""
        self._ends.set()
        self._thread.join(timeout=10)

    def _write_on(self) -> None:
        while not self._ends.wait(_SECONDS_PER_WRITE):
            self._write_waiting()
        self._write_waiting()

    def _write_waiting(self) -> None:
        lines: dict[str, list[bytes]] = {}
        for _ in range(self._waiting.qsize()):
            try:
                experiment, line = self._waiting.get_nowait()
            except Empty:
                break
            lines.setdefault(experiment, []).append(line)
        for experiment, written in lines.items():
            try:
                self._append(experiment, b"".join(written))
                self._told.discard(experiment)
            except OSError as error:
                self.num_lost += len(written)
                if experiment not in self._told:
                    self._told.add(experiment)
                    message = "exposures of experiment %s can't be written and are lost until they can: %s"
                    logging.getLogger("kindred.serving").error(message, experiment, error)

    def _append(self, experiment: str, lines: bytes) -> None:
        """Whole lines at the end of this process's newest file, on the disk when this returns."""
        path = self._files.get(experiment)
        if path is None or not path.exists() or path.stat().st_size >= FILE_BYTES:
            path = self._files[experiment] = self._new_file(experiment)
        size = path.stat().st_size if path.exists() else 0
        try:
            with path.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            if path.exists():
                os.truncate(path, size)  # no torn line before the next one: closing has tried to write once more
            raise

    def _new_file(self, experiment: str) -> Path:
        folder = self._folder / experiment
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time_ns()
        for path in folder.glob("*.jsonl"):
            if path.stat().st_mtime_ns < now - KEPT_DAYS * _DAY * 1_000_000_000:
                path.unlink(missing_ok=True)
        return folder / f"{now}-{os.getpid()}.jsonl"


def read_exposures(folder: Path, experiment: str) -> Iterator[Exposure]:
    """Every exposure of an experiment that is on the disk, in no order that counts; a torn last line is none.

    Raises:
        StoreError: a file can't be read, or holds something else.
    """
    for path in sorted((folder / experiment).glob("*.jsonl")):
        try:
            lines = path.read_bytes().split(b"\n")
            yield from (orjson.loads(line) for line in lines[:-1])
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} can't be read: {error}", "move that file away and ask again") from error


def by_arm(exposures: Iterable[Exposure]) -> Mapping[str, list[Exposure]]:
    """The exposures of each arm; of a user whose arm has changed, those of none count."""
    arms: dict[str, set[str]] = {}
    kept = list(exposures)
    for exposure in kept:
        arms.setdefault(exposure["user"], set()).add(exposure["arm"])
    found: dict[str, list[Exposure]] = {}
    for exposure in kept:
        if len(arms[exposure["user"]]) == 1:
            found.setdefault(exposure["arm"], []).append(exposure)
    return found
