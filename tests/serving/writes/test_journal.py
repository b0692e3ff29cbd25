"""The journal: nothing acknowledged is lost, whatever is torn, and several processes share it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import StoreError
from kindred.serving.writes.journal import LOG_FILE, Journal, OneProcess


def said(journal: Journal) -> list[tuple[int, str]]:
    return [(entry.seq, entry.value["say"]) for entry in journal.follow()]


def test_what_was_appended_is_there_after_opening_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert [entry.seq for entry in journal.append([{"say": "a"}, {"say": "b"}])] == [1, 2]
    journal.append([{"say": "c"}])
    assert said(journal) == [(1, "a"), (2, "b"), (3, "c")]
    assert said(journal) == []
    assert said(Journal(tmp_path)) == [(1, "a"), (2, "b"), (3, "c")]


def test_two_processes_share_one_order(tmp_path: Path) -> None:
    one, other = Journal(tmp_path), Journal(tmp_path)
    one.append([{"say": "a"}])
    other.append([{"say": "b"}])
    one.append([{"say": "c"}])
    assert said(one) == said(other) == [(1, "a"), (2, "b"), (3, "c")]


@pytest.mark.parametrize("cut", [1, 5, 12, 40])
def test_a_torn_end_was_never_acknowledged_and_is_written_over(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    journal.append([{"say": "kept"}])
    whole = (tmp_path / LOG_FILE).read_bytes()
    journal.append([{"say": "torn"}])
    torn = (tmp_path / LOG_FILE).read_bytes()
    (tmp_path / LOG_FILE).write_bytes(torn[: len(whole) + cut])
    again = Journal(tmp_path)
    assert said(again) == [(1, "kept")]
    again.append([{"say": "next"}])
    assert said(Journal(tmp_path)) == [(1, "kept"), (2, "next")]


def test_damage_before_the_end_is_said(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append([{"say": "a"}, {"say": "b"}])
    content = bytearray((tmp_path / LOG_FILE).read_bytes())
    content[content.index(b'"a"') + 1] ^= 1
    (tmp_path / LOG_FILE).write_bytes(bytes(content))
    with pytest.raises(StoreError, match="is damaged at byte"):
        Journal(tmp_path).follow()


def test_a_journal_written_anew_keeps_its_numbers(tmp_path: Path) -> None:
    journal, follower = Journal(tmp_path), Journal(tmp_path)
    journal.append([{"say": "a"}, {"say": "secret"}, {"say": "c"}])
    assert len(follower.follow()) == 3
    journal.keep_only(lambda entry: entry.value["say"] == "c")
    assert b"secret" not in (tmp_path / LOG_FILE).read_bytes()
    follower.append([{"say": "d"}])
    assert said(follower) == [(4, "d")]
    assert said(Journal(tmp_path)) == [(3, "c"), (4, "d")]
    journal.keep_only(lambda entry: False)
    assert [entry.seq for entry in Journal(tmp_path).append([{"say": "e"}])] == [5]


def test_one_process_at_a_time_applies(tmp_path: Path) -> None:
    one, other = OneProcess(tmp_path / "lock"), OneProcess(tmp_path / "lock")
    assert one.is_mine() and one.is_mine()
    assert not other.is_mine()
    one.release()
    assert other.is_mine()
    assert not one.is_mine()
