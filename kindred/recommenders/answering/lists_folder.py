"""Lists of everyone as a folder of parts: each written whole, and none twice, so what was interrupted goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from kindred.domain.errors import SettingsError, StoreError
from kindred.domain.interactions import IntArray
from kindred.domain.parts import PartMap
from kindred.domain.progress import Progress, silent
from kindred.files import write_whole
from kindred.recommenders.answering.batch import BestItems, Everyone
from kindred.recommenders.answering.lists_file import write_lists

USERS_A_PART = 20_000
MANIFEST, DONE = "manifest.json", "_SUCCESS"
_FORMATS = (".parquet", ".jsonl")


def write_lists_folder(
    folder: Path,
    everyone: Everyone,
    made_of: Mapping[str, object],
    items: str,
    parts: PartMap,
    progress: Progress = silent,
) -> int:
    """Writes each user's list into parts, as Parquet and as JSON lines; how many users.

    A part that is there of the same making stays as it is. The file `_SUCCESS` is there when all parts are.

    Args:
        folder: new, empty, or begun by a run of this before.
        everyone: see there.
        made_of: what the lists are made of; a folder of lists made of something else is begun anew.
        items: what the items are called in the files.
        parts: who works out the lists; they are written here.
        progress: told of the users that are done.

    Raises:
        SettingsError: the folder holds other files.
        StoreError: it can't be written.
    """
    noted = {**made_of, "users": len(everyone), "k": everyone.best.k, "users_a_part": USERS_A_PART}
    _begin(folder, json.dumps(noted, indent=1, sort_keys=True).encode())
    starts = range(0, len(everyone), USERS_A_PART)
    missing = [start for start in starts if not all(path.exists() for path in _files(folder, start))]
    done = len(everyone) - sum(min(USERS_A_PART, len(everyone) - start) for start in missing)
    ends = [(start, min(start + USERS_A_PART, len(everyone))) for start in missing]
    for start, found in zip(missing, parts(best_of_part, everyone.best, ends), strict=True):
        for path in _files(folder, start):
            write_lists(path, ((user, best, None) for user, best in everyone.lists(start, found)), items)
        done += len(found)
        progress("recommend to all", done, len(everyone))
    write_whole(folder / DONE, b"")
    return len(everyone)


def best_of_part(best: BestItems, ends: tuple[int, int]) -> IntArray:
    """Positions of the best items of the users from the first of the ends up to the second."""
    return best.of(*ends)


def _files(folder: Path, start: int) -> list[Path]:
    return [folder / f"part-{start // USERS_A_PART:05d}{ending}" for ending in _FORMATS]


def _begin(folder: Path, noted: bytes) -> None:
    """Makes the folder ready: what is in it is of the same making, or gone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        manifest = folder / MANIFEST
        if manifest.exists() and manifest.read_bytes() == noted:
            return
        there = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if there and not manifest.exists():
            raise SettingsError(f"{folder} holds other files, {there[0].name} for one", "name a new or empty folder")
        for path in there:
            if path != manifest and (path.name == DONE or path.name.startswith("part-")):
                path.unlink()
        write_whole(manifest, noted)
    except OSError as error:
        raise StoreError(f"can't write {folder}: {error.strerror}", "name another folder") from error
