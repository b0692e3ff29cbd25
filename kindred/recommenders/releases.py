"""What is noted beside a published version: the state of each user's history, so that newer events are noticed.

A release is written into the folder of its run before the version is published. A version is named after its run; one
published again on a graph that has changed since gets a number behind.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.recommenders.runs import Run, find_run
from kindred.training.checkpoint import has_checkpoint, read_arrays, write_arrays

USERS, ITEMS = "users", "items"
"""Collections of a published version, beside `ANONYMOUS`, which holds the one row of an anonymous user."""
_BEHIND = "."


class _Comparable(Protocol):
    def same_content(self, other: Self) -> bool: ...


Notes = TypeVar("Notes", bound=_Comparable)


@dataclass(frozen=True)
class Release:
    """One published version.

    Attributes:
        version: its name.
        users: ids of the users in it.
        keys: `Histories.keys` of each user's history as it was encoded, `[num_users]`.
        new_items: ids of items that were not there in training.
        as_of: the latest event in it, seconds UTC; None where events have no times.
        until: events up to this time were read; None for all there were.
        titles: item → title of those that have one.
    """

    version: str
    users: tuple[str, ...]
    keys: NDArray[np.uint64]
    new_items: tuple[str, ...]
    as_of: int | None
    until: int | None
    titles: dict[str, str]

    @cached_property
    def _positions(self) -> IdMap:
        return IdMap(self.users)

    def key(self, user_id: str) -> int | None:
        """The key of a user's history, None for a user who is not in it."""
        position = self._positions.position(user_id)
        return None if position is None else int(self.keys[position])

    def same_content(self, other: Release) -> bool:
        """Whether both hold the same users, histories, items and titles."""
        mine, theirs = ((r.users, r.new_items, r.as_of, r.until, r.titles) for r in (self, other))
        return mine == theirs and np.array_equal(self.keys, other.keys)

    def save(self, run_folder: Path) -> None:
        """Writes it into the folder of its run."""
        noted = {
            "users": self.users,
            "new_items": self.new_items,
            "as_of": self.as_of,
            "until": self.until,
            "titles": self.titles,
        }
        write_arrays(run_folder, f"release-{self.version}", {"keys": self.keys}, noted)


def load_release(run_folder: Path, version: str) -> Release:
    """What was noted of a version. Raises: ArtifactError where there is nothing whole."""
    arrays, noted = read_release(run_folder, version)
    return Release(
        version,
        tuple(noted["users"]),
        arrays["keys"],
        tuple(noted["new_items"]),
        noted["as_of"],
        noted["until"],
        noted["titles"],
    )


def read_release(run_folder: Path, version: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """What is noted of a version, of any system. Raises: ArtifactError where there is nothing whole."""
    again = f"publish it again: `kindred publish {run_folder.name} --system {run_folder.parent.name}`"
    return read_arrays(run_folder, f"release-{version}", again)


def check_version(runs_folder: Path, version: str) -> None:
    """Checks that the run of a version is whole, and what it notes of the version. Raises: ArtifactError."""
    folder = find_run(runs_folder, run_of(version)).folder
    if any(folder.glob(f"release-{version}[.-]*")):  # of posts nothing is noted
        read_release(folder, version)


def holds_same(run: Run, version: str, release: Notes, load: Callable[[Path, str], Notes]) -> bool:
    """Whether a version is of the run, and what is noted of it, as `load` reads it, holds what the release would."""
    if run_of(version) != run.name or not has_checkpoint(run.folder, f"release-{version}"):
        return False
    with suppress(ArtifactError):  # a damaged one is written anew
        return load(run.folder, version).same_content(release)
    return False


def run_of(version: str) -> str:
    """Name of the run that a version was made from."""
    return version.partition(_BEHIND)[0]


def next_version(run_name: str, versions: list[str]) -> str:
    """A name for another version of a run, none of those that are there."""
    taken = [version for version in versions if run_of(version) == run_name]
    if not taken:
        return run_name
    numbers = [int(number) for version in taken if (number := version.partition(_BEHIND)[2]).isdecimal()]
    return f"{run_name}{_BEHIND}{max([1, *numbers]) + 1}"
