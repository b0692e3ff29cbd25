"""`kindred ingest tracks` and `kindred ingest tags` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import KindredError

app = whole_tree()


def kindred(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_dry_run_of_tags_writes_no_frames_and_the_run_does() -> None:
    np.savez("frames.npz", X=np.ones((4, 2)), IDS=np.array(["a", "b", "a", "b"]))
    Path("tags.csv").write_text('track,tags\na,"1,2"\n')
    command = ("ingest", "tags", "--tags", "tags.csv", "--frames", "frames.npz", "--item-namespace", "cup", "--json")
    checked = json.loads(kindred(*command, "--dry-run"))
    assert (checked["lines"], checked["accepted"]) == (3, 3) and not Path("data/frames").exists()
    kindred(*command)
    assert len(list(Path("data/frames").glob("*.npy"))) == 2
    query = "MATCH (t:Track) RETURN t.id AS id, t.frames AS frames ORDER BY id"
    rows = json.loads(kindred("graph", "query", query, "--json"))
    assert [row["id"] for row in rows] == ["cup:a", "cup:b"]
    assert np.load(rows[0]["frames"], allow_pickle=False).shape == (2, 2)


def test_tracks_come_from_a_folder_and_from_events_at_once() -> None:
    Path("lastfm").mkdir()
    Path("lastfm/user_friends.dat").write_text("userID\tfriendID\n1\t2\n")
    Path("events.csv").write_text("user,track,at\n1,t,2014-05-13\n")
    loaded = json.loads(
        kindred("ingest", "tracks", "--lastfm", "lastfm", "--events", "events.csv", "--user-namespace", "fm", "--json")
    )
    counts = {table["name"]: table["inserted"] for table in loaded["tables"]}
    assert counts == {"User": 2, "Track": 1, "LISTENED": 1, "FRIEND_OF": 1}


@pytest.mark.parametrize("command", ["tracks", "tags"])
def test_nothing_to_load_is_a_matter_of_usage(command: str) -> None:
    with pytest.raises(KindredError, match="nothing to load") as raised:
        kindred("ingest", command)
    assert raised.value.exit_code == 2 and raised.value.next_step
