"""`kindred ingest posts`, `clicks` and `queries` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import KindredError, RecordError

app = whole_tree()

DUMP = """COPY public.user_data (user_id, age) FROM stdin;
1\t30
\\.
COPY public.feed_data ("timestamp", user_id, post_id, action, target) FROM stdin;
2021-10-12 14:52:58\t1\t9\tview\t0
\\.
"""


def kindred(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_dump_and_files_are_loaded_at_once_and_each_table_is_named() -> None:
    Path("dump.sql").write_text(DUMP)
    Path("feed.csv").write_text("timestamp,user_id,post_id,action\n2021-10-12 14:53:00,1,9,like\n")
    command = ("ingest", "posts", "--dump", "dump.sql", "--feed", "feed.csv", "--feed", "feed.csv")
    loaded = json.loads(kindred(*command, "--user-namespace", "feed", "--json"))
    assert [(file["file"], file["lines"]) for file in loaded["files"]] == [
        *[("feed.csv", 1), ("feed.csv", 1)],
        *[("dump.sql (user_data)", 1), ("dump.sql (post_text_df)", 0), ("dump.sql (feed_data)", 1)],
    ]
    query = "MATCH (u:User)-[v:VIEWED]->(p:Post) RETURN u.id AS user, u.age AS age, p.id AS post, v.target_met AS met"
    assert json.loads(kindred("graph", "query", query, "--json")) == [
        {"user": "feed:1", "age": 30, "post": "9", "met": False}
    ]


def test_clicks_and_queries_share_one_graph() -> None:
    Path("clicks.csv").write_text("user_id,click_article_id,click_timestamp\n1,2,1506826800026\n")
    Path("orders.csv").write_text("user,query,time,product\n1,Red  mug,2017-10-01,P1\n1,12345,2017-10-01,P1\n")
    checked = json.loads(kindred("ingest", "clicks", "--clicks", "clicks.csv", "--dry-run", "--json"))
    assert (checked["accepted"], checked["dry_run"]) == (1, True)
    kindred("ingest", "clicks", "--clicks", "clicks.csv")
    assert json.loads(kindred("ingest", "queries", "--orders", "orders.csv", "--json"))["skipped"] == 1
    query = "MATCH (p:Post)<-[:VIEWED]-(u:User)-[:SEARCHED]->(q:Query) RETURN p.id AS post, q.text AS text"
    assert json.loads(kindred("graph", "query", query, "--json")) == [{"post": "2", "text": "red mug"}]


@pytest.mark.parametrize("command", ["posts", "clicks", "queries"])
def test_nothing_to_load_is_a_matter_of_usage(command: str) -> None:
    with pytest.raises(KindredError, match="nothing to load") as raised:
        kindred("ingest", command)
    assert raised.value.exit_code == 2 and raised.value.next_step


def test_a_training_is_next_only_where_there_is_something_to_train_on() -> None:
    Path("users.csv").write_text("user_id,age\n1,30\n")
    Path("feed.csv").write_text("timestamp,user_id,post_id,action,target\n")
    Path("clicks.csv").write_text("user_id,click_article_id,click_timestamp\n1,2,1506826800026\n")
    told = CliRunner().invoke(app, ("ingest", "posts", "--users", "users.csv", "--feed", "feed.csv")).output
    assert "next:" not in told and "the graph holds no like — load some with `kindred ingest posts --feed" in told
    told = CliRunner().invoke(app, ("ingest", "clicks", "--clicks", "clicks.csv")).output
    assert "next: kindred train posts --target clicks" in told
    Path("judged.csv").write_text("query,product_id,rating\nred mug,P1,3\n")
    told = CliRunner().invoke(app, ("ingest", "queries", "--judgments", "judged.csv")).output
    assert "next: kindred train queries" in told


def test_who_trains_another_system_than_the_graph_has_events_of_is_told_which() -> None:
    Path("table.csv").write_text("user,item\n1,2\n1,3\n")
    kindred("ingest", "interactions", "table.csv")
    for command, instead in [("train", "train interactions"), ("tune", "tune --system interactions")]:
        with pytest.raises(RecordError, match="no review") as raised:
            kindred(command)
        assert f"`kindred {instead}`" in raised.value.next_step
    assert "listens or interactions" in " ".join(kindred("tune", "--help").split())
