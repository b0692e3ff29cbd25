from __future__ import annotations

import pytest
import typer.main

from kindred.cli.answers import _at_most, _check_beside_all
from kindred.cli.app import app
from kindred.domain.errors import SettingsError


def test_at_most_takes_a_label_and_a_count() -> None:
    assert _at_most(["Artist=2", "genre=10"]) == {"artist": 2, "genre": 10}
    for wrong in ("artist", "artist=", "artist=0", "artist=two", "=2"):
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
