"""The tables of a feed service: texts of many lines, views and likes, features, and the real samples counted."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kindred.domain.errors import SettingsError
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.ingest.feed import click_files, post_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from tests.ingest.conftest import DictGraph, json_lines

REAL = Path(__file__).resolve().parents[4] / "shared/data/social_feed_samples"
USERS = """user_id,gender,age,country,city,exp_group,os,source
7,0,21,Narnia,"Cair, Paravel",4,Android,ads
8,1,,Narnia,,0,iOS,
9,x,30,Narnia,Beruna,0,iOS,ads
"""
POSTS = """post_id,text,topic
1,"One ""quoted"" line,

then another
",sport
2,"left open,sport
3,Short,
4,,0.0474303830493757
"""
FEED = """timestamp,user_id,post_id,action,target
2021-10-12 14:52:58,7,1,view,1
2021-10-12 14:53:10,7,1,like,0
2021-10-12 14:53:10,7,2,view,0
2021-10-12T16:53:10+02:00,7,3,view,
2021-10-12 14:53:10,7,2,view,0
2021-10-12 14:53:11,7,1,share,0
2021-10-12 14:53:12,7,1,view,2
noon,7,1,view,0
2021-10-12 14:53:12,,1,view,0
"""
FIRST = int(datetime(2021, 10, 12, 14, 52, 58, tzinfo=UTC).timestamp())


def write(folder: Path, users: str = USERS, posts: str = POSTS, feed: str = FEED) -> tuple[Path, Path, Path]:
    folder.mkdir(exist_ok=True)
    paths = (folder / "users.csv", folder / "posts.csv", folder / "feed.csv")
    for path, text in zip(paths, (users, posts, feed), strict=True):
        path.write_text(text)
    return paths


def test_users_posts_and_events_arrive(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    users, posts, feed = write(tmp_path / "in")
    summary = ingest_files(graph, post_files(users, posts, [feed]), None, options)
    lamb = {"gender": 0, "age": 21, "country": "Narnia", "city": "Cair, Paravel", "os": "Android", "source": "ads"}
    assert graph.tables["User"]["7"] == {"id": "7", **lamb, "exp_group": 4}
    assert graph.tables["User"]["8"]["age"] is None and graph.tables["User"]["8"]["city"] is None
    texts = {key: row["text"] for key, row in graph.tables["Post"].items()}
    assert texts == {"1": 'One "quoted" line,\n\nthen another\n', "2": None, "3": "Short", "4": None}
    assert set(graph.tables["Topic"]) == {"sport"}  # a number stands for a topic, and names none
    assert [(row["source_id"], row["target_id"]) for row in graph.tables["ABOUT"].values()] == [("1", "sport")]
    views = {(r["at"] - FIRST, r["target_id"]): r["target_met"] for r in graph.tables["VIEWED"].values()}
    assert views == {(0, "1"): True, (12, "2"): False, (12, "3"): None, (14, "1"): None}
    assert [(r["at"] - FIRST, r["target_id"]) for r in graph.tables["LIKED"].values()] == [(12, "1")]
    assert [(f.lines, f.accepted, f.duplicates, f.skipped, f.reasons) for f in summary.files] == [
        (3, 3, 0, 0, {}),
        (4, 3, 0, 0, {"broken_csv": 1}),
        (9, 5, 1, 0, {"missing_id": 1, "out_of_range": 1, "wrong_type": 1}),
    ]
    assert [f.notes for f in summary.files] == [
        {"gender left out: wrong_type": 1},
        {},
        {"target left out: wrong_type": 1},
    ]


def test_json_lines_parquet_and_csv_say_the_same(tmp_path: Path, options: IngestOptions) -> None:
    rows = [
        {"timestamp": "2021-10-12 14:52:58", "user_id": 7, "post_id": 1, "action": "view", "target": 1},
        {"timestamp": "2021-10-12 14:53:10", "user_id": 7, "post_id": 1, "action": "like", "target": 0},
    ]
    (tmp_path / "feed.jsonl").write_bytes(json_lines(rows))
    table = pa.Table.from_pylist([{**row, "timestamp": datetime.fromisoformat(str(row["timestamp"]))} for row in rows])
    pq.write_table(table, tmp_path / "feed.parquet")
    (tmp_path / "feed.csv").write_text("\n".join(FEED.splitlines()[:3]))
    found = []
    for name in ("feed.jsonl", "feed.parquet", "feed.csv"):
        graph = DictGraph()
        ingest_files(graph, post_files(feed=[tmp_path / name]), None, options)
        found.append(graph.tables)
    assert found[0] == found[1] == found[2] and len(found[0]["VIEWED"]) == len(found[0]["LIKED"]) == 1


def test_likes_and_views_may_be_called_otherwise(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    rows = "".join(f"2021-10-12,7,{post},{word}\n" for post, word in enumerate(["Favourite", "impression", "boost"]))
    (tmp_path / "feed.csv").write_text(f"timestamp,user_id,post_id,action\n{rows}")
    (file,) = ingest_files(graph, post_files(feed=[tmp_path / "feed.csv"]), None, options).files
    targets = [[row["target_id"] for row in graph.tables[name].values()] for name in ("LIKED", "VIEWED")]
    assert (targets, file.reasons) == ([["0"], ["1"]], {"out_of_range": 1})


def test_order_and_repetition_leave_the_content_hash(tmp_path: Path, options: IngestOptions) -> None:
    head, *rows = FEED.splitlines()
    shuffled = "\n".join([head, *random.Random(5).sample(rows * 2, len(rows) * 2)])
    found = []
    for name, feed, times in (("plain", FEED, 1), ("shuffled", shuffled, 2)):
        users, posts, path = write(tmp_path / name, feed=feed)
        with closing(open_graph(f"ladybug:{tmp_path / f'graph-{name}'}")) as store:
            for _ in range(times):
                summary = ingest_files(store, post_files(users, posts, [path]), None, options)
                for file in summary.files:
                    assert file.accepted + file.duplicates + file.quarantined + file.skipped == file.lines
            found.append(graph_statistics(store, graph_schema()))
    assert found[0] == found[1]
    assert found[0].edges["User-VIEWED-Post"] == 4 and found[0].earliest == FIRST


def test_nothing_given_is_explained() -> None:
    with pytest.raises(SettingsError, match="nothing to load") as caught:
        post_files()
    assert "--dump" in caught.value.next_step
    with pytest.raises(SettingsError, match="nothing to load"):
        click_files([])


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_the_real_samples_are_counted(graph: DictGraph, options: IngestOptions) -> None:
    sample = "schema_sample_{}_sample.csv".format
    files = post_files(
        REAL / sample("user_data"),
        REAL / sample("post_text_df"),
        [REAL / sample("feed_data"), REAL / "feed_sample_50k_b.csv.gz"],
    )
    summary = ingest_files(graph, files, None, replace(options, max_bad=0.0))
    assert [(f.lines, f.accepted) for f in summary.files] == [(15, 15), (12, 12), (157, 157), (50_000, 50_000)]
    assert sum("\n\n" in (row["text"] or "") for row in graph.tables["Post"].values()) == 5
    assert sum(row["age"] is not None for row in graph.tables["User"].values()) == 15
    # A view that met its target is followed by its like; the sample was cut in between three times.
    met = {(row["source_id"], row["target_id"]) for row in graph.tables["VIEWED"].values() if row["target_met"]}
    liked = {(row["source_id"], row["target_id"]) for row in graph.tables["LIKED"].values()}
    assert len(graph.tables["LIKED"]) == 5_374 and len(met ^ liked) == 3


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_a_table_of_features_is_posts_without_texts_and_topics(graph: DictGraph, options: IngestOptions) -> None:
    summary = ingest_files(graph, post_files(posts=REAL / "post_features_extended.csv.gz"), None, options)
    assert summary.files[0].accepted == 7_023 == len(graph.tables["Post"])
    assert not graph.tables["Topic"] and not any(row["text"] for row in graph.tables["Post"].values())
