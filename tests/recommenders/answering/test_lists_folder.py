"""Lists of everyone as a folder of parts: what they hold, and how an interrupted folder goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kindred.domain.errors import SettingsError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import Interactions
from kindred.domain.parts import Part, Result, Shared, in_turn
from kindred.recommenders.answering import lists_folder
from kindred.recommenders.answering.batch import BestItems, Everyone
from kindred.recommenders.answering.lists_folder import DONE, write_lists_folder
from kindred.recommenders.ranking.ranker import RankedUsers

USERS, ITEMS = 10, 6
MADE_OF = {"version": "v1"}


def retrieve(users: np.ndarray) -> np.ndarray:
    """User u likes item u % 6 best, then those after it."""
    return -((np.arange(ITEMS)[None, :] - users[:, None]) % ITEMS).astype(np.float32)


def everyone() -> Everyone:
    """Each user knows what they like best, and user 9 knows all."""
    users = np.concatenate([np.arange(USERS), np.full(ITEMS, 9)])
    items = np.concatenate([np.arange(USERS) % ITEMS, np.arange(ITEMS)])
    known = Interactions(users, items, USERS, ITEMS)
    ranked = RankedUsers(retrieve, np.arange(USERS), np.zeros((USERS, 1), np.float32), known, None)
    best = BestItems(2, ranked, None, ITEMS, np.ones(USERS, np.bool_), [])
    return Everyone(IdMap(f"u{n}" for n in range(USERS)), IdMap(f"i{n}" for n in range(ITEMS)), best)


WANTED = [{"user": f"u{u}", "products": [f"i{(u + 1) % 6}", f"i{(u + 2) % 6}"]} for u in range(9)] + [
    {"user": "u9", "products": []}
]


def read(folder: Path) -> list[dict[str, object]]:
    tables = [pq.read_table(path).to_pylist() for path in sorted(folder.glob("*.parquet"))]
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    rows = [row for table in tables for row in table]
    assert [json.loads(line) for line in lines] == rows
    return rows


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists_folder, "USERS_A_PART", 4)


def test_every_user_is_in_one_part_of_both_formats(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "top"
    assert write_lists_folder(folder, everyone(), MADE_OF, "products", in_turn) == USERS
    assert read(folder) == WANTED
    assert len(list(folder.glob("part-*"))) == 6 and (folder / DONE).exists()


def test_what_was_interrupted_goes_on_with_the_parts_that_are_missing(tmp_path: Path) -> None:
    asked: list[object] = []

    def stopped(work: Callable[[Shared, Part], Result], shared: Shared, parts: Iterable[Part]) -> Iterator[Result]:
        for number, result in enumerate(in_turn(work, shared, parts)):
            if number == 1:
                raise KeyboardInterrupt
            yield result

    def noted(work: Callable[[Shared, Part], Result], shared: Shared, parts: Iterable[Part]) -> Iterator[Result]:
        asked.extend(parts)
        return in_turn(work, shared, asked)  # type: ignore[arg-type]

    with pytest.raises(KeyboardInterrupt):
        write_lists_folder(tmp_path, everyone(), MADE_OF, "products", stopped)
    assert not (tmp_path / DONE).exists()
    (tmp_path / "part-00000.jsonl").unlink()  # as if killed between the two files
    write_lists_folder(tmp_path, everyone(), MADE_OF, "products", noted)
    assert asked == [(0, 4), (4, 8), (8, 10)]
    assert read(tmp_path) == WANTED
    asked.clear()
    write_lists_folder(tmp_path, everyone(), MADE_OF, "products", noted)
    assert asked == []


def test_lists_of_another_making_are_begun_anew_and_other_files_are_left_alone(tmp_path: Path) -> None:
    write_lists_folder(tmp_path, everyone(), MADE_OF, "products", in_turn)
    os.utime(tmp_path / "part-00000.parquet", (1, 1))
    write_lists_folder(tmp_path, everyone(), {"version": "v2"}, "products", in_turn)
    assert (tmp_path / "part-00000.parquet").stat().st_mtime > 1
    assert read(tmp_path) == WANTED
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match="holds other files"):
        write_lists_folder(tmp_path / "other", everyone(), MADE_OF, "products", in_turn)
