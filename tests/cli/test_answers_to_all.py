from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import typer.main

from kindred.cli.answers import Asker, _at_most, _check_beside_all, _requests, published_text
from kindred.cli.app import whole_tree
from kindred.domain.errors import SettingsError
from kindred.domain.recommendation import Request
from kindred.recommenders.publishing import Published
from kindred.recommenders.systems import SYSTEMS

app = whole_tree()


def test_at_most_takes_a_label_and_a_count() -> None:
    assert _at_most(["Artist=2", "genre=10"]) == {"artist": 2, "genre": 10}
    for wrong in ("artist", "artist=", "artist=0", "artist=two", "=2", "artist=²"):
        with pytest.raises(SettingsError, match="LABEL=N"):
            _at_most([wrong])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("--all -o x.jsonl --where price<=3", "--where"),
        ("--all -o x.jsonl --user 5", "--user"),
        ("--all -o x.jsonl --diversity 0.5", "--diversity"),
        ("--user 5 -o x.jsonl", "--out"),
    ],
)
def test_an_option_that_the_answer_would_not_go_by_is_refused(given: str, named: str) -> None:
    command = typer.main.get_command(app).commands["recommend"]  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=named):
        _check_beside_all(command.make_context("recommend", given.split()))


def test_what_was_published_is_told_in_numbers_as_people_write_them() -> None:
    one = Published("v", {"users": 1, "items": 2_000}, None, encoded=1, new_items=1)
    anew = "1 user encoded anew, who came or did something since the training"
    assert published_text(SYSTEMS["products"], one) == f"1 user, 2,000 products; {anew}; 1 new product placed"


def test_events_come_through_a_pipe_too_and_are_those_of_users(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text("user,item\nu,a\nu,b\nv,a\n"), daemon=True)
    writer.start()
    asked = _requests(Request(), Asker(reviews=str(pipe)), "interactions")
    assert [len(one.events) for one in asked] == [2, 1]
    with pytest.raises(SettingsError, match="not read from a file"):
        _requests(Request(), Asker(reviews=str(tmp_path)), "tags")
