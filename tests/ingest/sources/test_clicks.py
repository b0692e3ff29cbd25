"""Clicks of a news site: moments to the millisecond, codes, and a slice of the real data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow.csv import write_csv

from kindred.domain.errors import RecordError
from kindred.ingest.feed import click_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from tests.ingest.conftest import DictGraph, Row, json_lines

REAL = Path(__file__).resolve().parents[4] / "shared/data/news_clicks_globo_48h/clicks.parquet"


def click(user: object, article: object, moment: object, **more: object) -> Row:
    return {"user_id": user, "click_article_id": article, "click_timestamp": moment, **more}


def ingest(folder: Path, rows: Sequence[Row], options: IngestOptions) -> tuple[DictGraph, dict[str, int]]:
    path, graph = folder / "clicks.jsonl", DictGraph()
    path.write_bytes(json_lines(rows))
    summary = ingest_files(graph, click_files([path]), None, options)
    assert summary.files[0].accepted + summary.files[0].duplicates + summary.quarantined == len(rows)
    return graph, summary.files[0].reasons


def test_a_click_keeps_its_millisecond_and_its_codes(tmp_path: Path, options: IngestOptions) -> None:
    codes = {"click_deviceGroup": 3, "click_os": 2.0, "click_country": 1, "click_region": 21, "click_referrer_type": 7}
    graph, _ = ingest(tmp_path, [click(59, 234, 1506826800026, session_id=150, **codes)], options)
    (viewed,) = graph.tables["VIEWED"].values()
    assert {name: viewed[name] for name in ("source_id", "target_id", "at", "at_ms", "session")} == {
        **{"source_id": "59", "target_id": "234", "session": "150"},
        **{"at": 1506826800, "at_ms": 1506826800026},
    }
    assert [viewed[name] for name in ("device", "os", "country", "region", "referrer")] == [3, 2, 1, 21, 7]
    assert set(graph.tables["User"]) == {"59"} and set(graph.tables["Post"]) == {"234"}


def test_seconds_milliseconds_and_dates_are_one_moment(tmp_path: Path, options: IngestOptions) -> None:
    moments = [1506826800, 1506826800.0, 1506826800000, "1506826800", "2017-10-01T03:00:00Z", "2017-10-01 03:00:00"]
    graph, _ = ingest(tmp_path, [click(1, 2, moment) for moment in moments], options)
    assert [row["at_ms"] for row in graph.tables["VIEWED"].values()] == [1506826800000]
    moments = [
        1089231123324,
        1089231123.324,
        "1089231123.324",
        "2004-07-07T20:12:03.324Z",
    ]  # the float is a little less
    graph, _ = ingest(tmp_path, [click(1, 2, moment) for moment in moments], options)
    assert [row["at_ms"] for row in graph.tables["VIEWED"].values()] == [1089231123324]


def test_bad_clicks_are_told_apart(tmp_path: Path, options: IngestOptions) -> None:
    rows = [
        click(None, 2, 1506826800026),
        click(1, "", 1506826800026),
        click(1, 2, None),
        click(1, 2, True),
        click(1, 2, 10**21),
        click(1, 2, 1506826800026, click_os="Android"),
    ]
    graph, reasons = ingest(tmp_path, rows, options)
    assert [row["os"] for row in graph.tables["VIEWED"].values()] == [None]  # a bad code costs itself alone
    assert reasons == {"missing_id": 2, "missing_value": 1, "time_out_of_range": 1, "wrong_type": 1}


@pytest.mark.skipif(not REAL.is_file(), reason="shared/data is missing")
def test_a_slice_of_the_real_clicks_is_counted(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    assert pq.read_metadata(REAL).num_rows == 437_645
    rows = pq.read_table(REAL).slice(100_000, 20_000)
    pq.write_table(rows, tmp_path / "clicks.parquet")
    write_csv(rows, tmp_path / "clicks.csv")
    tables = []
    for name in ("clicks.parquet", "clicks.csv"):
        graph = DictGraph()
        summary = ingest_files(graph, click_files([tmp_path / name]), None, options)
        assert (summary.files[0].lines, summary.files[0].accepted, summary.quarantined) == (20_000, 20_000, 0)
        tables.append(graph.tables)
    assert tables[0] == tables[1]
    assert len(tables[0]["User"]) == len(set(rows["user_id"].to_pylist()))
    assert len(tables[0]["Post"]) == len(set(rows["click_article_id"].to_pylist()))


def test_a_click_without_a_time_says_what_does_without(tmp_path: Path, options: IngestOptions) -> None:
    (tmp_path / "clicks").write_bytes(json_lines([click(1, 2, None), click(1, 3, 1506826800026)]))
    with pytest.raises(RecordError, match=r"the time is missing, .*`kindred ingest interactions` can do without"):
        ingest_files(DictGraph(), click_files(tmp_path / "clicks"), None, replace(options, max_bad=0.1))
