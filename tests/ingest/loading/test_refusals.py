"""What a refused file is said to lack, and how its rows are got at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.music import track_files
from kindred.ingest.searches import search_files
from tests.ingest.conftest import DictGraph


@pytest.mark.parametrize("as_list", [False, True])
def test_rows_within_one_document_are_said_to_be_got_out(tmp_path: Path, options: IngestOptions, as_list: bool) -> None:
    listens = [{"listened_at": 1683000000 + n, "track_metadata": {"track_name": "T"}} for n in range(3)]
    document = {"payload": {"user_id": "u", "listens": listens}}
    path = tmp_path / "listens.json"
    path.write_text(json.dumps([document] if as_list else document))
    with pytest.raises(RecordError) as raised:
        ingest_files(DictGraph(), track_files(events=[path]), None, replace(options, max_bad=0.05))
    assert raised.value.next_step == (
        "if the list in payload.listens holds the rows: jq -c '.. | objects | .[\"listens\"] | arrays | .[]' FILE"
    )


def test_a_time_of_another_name_is_told_where_every_row_lacks_one(tmp_path: Path, options: IngestOptions) -> None:
    path = tmp_path / "ga4.csv"
    path.write_text("event_timestamp,event_name,user_pseudo_id,search_term\n" + "1683000000000000,search,u,tent\n" * 9)
    with pytest.raises(RecordError, match="if event_timestamp holds it, say so: --column timestamp=event_timestamp"):
        ingest_files(DictGraph(), search_files(events=[path]), None, replace(options, max_bad=0.05))


def test_names_of_columns_that_are_read_are_few_and_our_own_come_first(tmp_path: Path, options: IngestOptions) -> None:
    table = tmp_path / "events.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(RecordError) as caught:
        ingest_files(DictGraph(), track_files(events=[table]), None, options)
    named = str(caught.value.next_step).split("; ")[0]
    assert named.startswith("columns that are read are user, at, ") and named.endswith(", …") and named.count(",") <= 24
