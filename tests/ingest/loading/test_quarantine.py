"""Every bad line is kept with what parsing reads of it, nothing else is, and no more than bounds allow."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.records import Reviewed
from kindred.ingest.cells.bad_records import bad_record
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from tests.ingest.conftest import REAL_REVIEWS, DictGraph, Row, json_lines, review


def changed(**changes: object) -> Callable[[Row], bytes]:
    return lambda row: json.dumps(row | changes).encode()


def text_with(escape: str) -> Callable[[Row], bytes]:
    return lambda row: json.dumps(row | {"reviewText": "MARK"}).encode().replace(b"MARK", escape.encode())


# Twelve ways to break a line of JSON, each with the reason it must be given.
BREAKS: dict[str, tuple[Callable[[Row], bytes], str]] = {
    "cut off": (lambda row: json.dumps(row).encode()[:-9], "broken_json"),
    "a word for a number": (changed(overall="five"), "wrong_type"),
    "NaN": (changed(overall=float("nan")), "missing_value"),
    "six stars": (changed(overall=6), "out_of_range"),
    "no product": (changed(asin=None), "missing_id"),
    "in the future": (changed(unixReviewTime=7_000_000_000), "time_out_of_range"),
    "before 1990": (changed(unixReviewTime=600_000_000), "time_out_of_range"),
    "NUL": (text_with("a\\u0000b"), "control_character"),
    "bell, raw": (text_with("a\x07b"), "control_character"),
    "half a pair": (text_with("a\\ud83db"), "lone_surrogate"),
    "no UTF-8": (lambda row: json.dumps(row).encode().replace(b"summary", b"summ\xc3\x28ry"), "invalid_utf8"),
    "over 1 MB": (changed(reviewText="x" * 1_000_000), "line_too_long"),
}


def break_some(rows: list[Row], num_bad: int, seed: int) -> tuple[list[bytes], dict[int, str]]:
    """The lines with `num_bad` of them broken in turn in every way; and the reason for each by its line number."""
    rng = random.Random(seed)
    lines, expected = [json.dumps(row).encode() for row in rows], {}
    for turn, position in enumerate(rng.sample(range(len(rows)), num_bad)):
        damage, reason = list(BREAKS.values())[turn % len(BREAKS)]
        lines[position] = damage(rows[position])
        expected[position + 1] = reason
    return lines, expected


def check_exactly_those(rows: list[Row], num_bad: int, options: IngestOptions, folder: Path) -> None:
    lines, expected = break_some(rows, num_bad, seed=3)
    path = folder / "reviews.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(lines), compresslevel=1))
    graph = DictGraph()
    summary = ingest_files(graph, product_files(path), None, replace(options, max_bad=0.1))
    assert summary.quarantine_file is not None
    found = [json.loads(line) for line in Path(summary.quarantine_file).read_bytes().splitlines()]
    assert {entry["line"]: entry["reason"] for entry in found} == expected
    assert len(found) == num_bad
    assert summary.files[0].reasons == dict(Counter(expected.values()))
    assert (summary.accepted, summary.duplicates, summary.quarantined) == (len(rows) - num_bad, 0, num_bad)
    assert len(graph.tables["REVIEWED"]) == len(rows) - num_bad
    for entry in found:
        line = lines[entry["line"] - 1]
        assert entry["bytes"] == len(line)
        assert entry["file"] == "reviews.jsonl.gz" and entry["detail"] and "reviewerName" not in str(entry)
        if entry["reason"] not in (
            "broken_json",
            "control_character",
            "invalid_utf8",
            "line_too_long",
            "lone_surrogate",
        ):
            kept, given = json.loads(entry["raw"]), json.loads(line)
            assert all(kept[name] == given[name] or given[name] != given[name] for name in kept) and len(kept) == 7


def test_broken_in_twelve_ways_exactly_those_are_quarantined(tmp_path: Path, options: IngestOptions) -> None:
    check_exactly_those([review(n) for n in range(800)], 60, options, tmp_path)


@pytest.mark.skipif(not REAL_REVIEWS.exists(), reason="the Musical Instruments reviews of 2014 are not here")
def test_500_of_the_real_reviews_broken(tmp_path: Path, options: IngestOptions) -> None:
    rows = [json.loads(line) for line in gzip.decompress(REAL_REVIEWS.read_bytes()).splitlines()]
    check_exactly_those(rows, 500, options, tmp_path)


@pytest.mark.skipif(not REAL_REVIEWS.exists(), reason="the Musical Instruments reviews of 2014 are not here")
def test_the_real_reviews_are_all_accepted(options: IngestOptions) -> None:
    graph = DictGraph()
    summary = ingest_files(graph, product_files(REAL_REVIEWS), None, options)
    assert (summary.lines, summary.accepted, summary.quarantine_file) == (10_261, 10_261, None)
    assert {t.name: t.inserted for t in summary.tables} == {"User": 1_429, "Product": 900, "REVIEWED": 10_261}


@pytest.mark.parametrize("dry_run", [False, True])
def test_above_the_limit_nothing_is_loaded(tmp_path: Path, options: IngestOptions, dry_run: bool) -> None:
    lines, expected = break_some([review(n) for n in range(100)], 11, seed=1)
    path = tmp_path / "reviews.jsonl"
    path.write_bytes(b"\n".join(lines))
    graph = DictGraph()
    with pytest.raises(RecordError, match=r"11 of 100 lines .* time_out_of_range 2") as caught:
        ingest_files(graph, product_files(path), None, replace(options, max_bad=0.09, dry_run=dry_run))
    assert caught.value.exit_code == 3
    assert graph.tables == {} and graph.metadata == {}
    (file,) = options.quarantine.iterdir()
    assert caught.value.next_step == f"look into {file}, or load the rest without them: --max-bad 0.11"
    assert len(file.read_bytes().splitlines()) == len(expected)
    assert ingest_files(graph, product_files(path), None, replace(options, max_bad=0.11)).quarantined == 11


def test_the_limit_holds_for_each_file(tmp_path: Path, options: IngestOptions) -> None:
    reviews, metadata = tmp_path / "reviews", tmp_path / "metadata"
    reviews.write_bytes(json_lines([review(n) for n in range(100)]))
    metadata.write_bytes(b'{"asin": "P1"}\n{"asin": 7.5}\n')
    with pytest.raises(RecordError, match=r"1 of 2 lines of .*metadata"):
        ingest_files(DictGraph(), product_files(reviews, metadata), None, replace(options, max_bad=0.2))


def test_rows_that_name_no_user_are_no_fault_of_a_file_unless_they_are_most(
    tmp_path: Path, options: IngestOptions
) -> None:
    path, graph = tmp_path / "reviews.jsonl", DictGraph()
    usual = replace(options, max_bad=0.05)
    path.write_bytes(json_lines([review(n) | {"reviewerID": word} for n, word in enumerate(["u", "nan", None, "v"])]))
    summary = ingest_files(graph, product_files(path), None, usual)
    assert (summary.accepted, summary.files[0].reasons) == (2, {"missing_id": 2}) and summary.quarantine_file
    with pytest.raises(RecordError, match="2 of 4 lines"):
        ingest_files(graph, product_files(path), None, replace(options, max_bad=0.0))
    path.write_bytes(json_lines([review(n) | {"reviewerID": word} for n, word in enumerate(["u", "", None, "nan"])]))
    with pytest.raises(RecordError, match="3 of 4 lines"):
        ingest_files(graph, product_files(path), None, usual)


def test_nothing_bad_leaves_no_file(tmp_path: Path, options: IngestOptions) -> None:
    path = tmp_path / "reviews"
    path.write_bytes(json_lines([review(1)]) + b"\n  \n")
    options.quarantine.mkdir()
    (options.quarantine / ".20260101T000000.000000Z.part").write_bytes(b"left by a kill")
    summary = ingest_files(DictGraph(), product_files(path), None, replace(options, max_bad=0.0))
    assert summary.lines == 1 and summary.quarantine_file is None
    assert list(options.quarantine.iterdir()) == []


def test_a_share_is_a_share() -> None:
    values: tuple[Any, ...] = (-0.1, 1.1, float("nan"))
    for value in values:
        with pytest.raises(SettingsError):
            IngestOptions(Path("a"), Path("b"), max_bad=value)


def write_reviews(path: Path, rows: list[Row]) -> Path:
    path.write_bytes(json_lines(rows))
    return path


NAMES = {"reviewerName": "A Name", "helpful": [1, 2]}


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(review(1, overall="five", **NAMES)),
        json.dumps(review(1, **NAMES))[:-5],
        json.dumps(review(1, **NAMES))[5:],
        str(review(1, **NAMES))[:-5],
        json.dumps([review(1, **NAMES)]),
        json.dumps(review(1, reviewText="MARK", **NAMES)).replace("MARK", "a\x00b"),
        json.dumps(review(1, **NAMES) | {"reviewText": "x" * 1_000_000}),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_names_of_reviewers_are_never_kept(tmp_path: Path, options: IngestOptions, line: str, dry_run: bool) -> None:
    path = tmp_path / "reviews"
    path.write_text(json.dumps(review(2)) + "\n" + line + "\n")
    summary = ingest_files(DictGraph(), product_files(path), None, replace(options, dry_run=dry_run))
    assert summary.quarantined == 1 and summary.quarantine_file is not None
    kept = Path(summary.quarantine_file).read_text()
    assert "A Name" not in kept and "reviewerName" not in kept


def test_names_in_a_broken_row_of_csv_are_not_kept(tmp_path: Path, options: IngestOptions) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("reviewerID,asin,reviewerName,overall\nu,p,A Name,5\nu,p,A Name,5,more\nu,p,A Name,six\n")
    summary = ingest_files(DictGraph(), product_files(path), None, options)
    assert summary.files[0].reasons == {"broken_csv": 1, "wrong_type": 1} and summary.quarantine_file is not None
    assert "Name" not in Path(summary.quarantine_file).read_text()


def test_quarantine_is_bounded(tmp_path: Path, options: IngestOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kindred.ingest.loading.quarantine.MAX_RECORDS", 5)
    path = write_reviews(tmp_path / "reviews", [review(n, overall=9) for n in range(8)])
    summary = ingest_files(DictGraph(), product_files(path), None, options)
    assert summary.quarantined == 8 and summary.quarantine_file is not None
    *kept, rest = (json.loads(line) for line in Path(summary.quarantine_file).read_bytes().splitlines())
    assert len(kept) == 5 and rest == {"reason": "more", "detail": "3 more bad records are not kept here"}


def test_a_file_that_is_wrong_as_a_whole_is_given_up_early(tmp_path: Path, options: IngestOptions) -> None:
    rows: list[Row] = [
        {"customer": f"u{n}", "asin": "p", "overall": 5, "unixReviewTime": 1_400_000_000} for n in range(5000)
    ]
    path = write_reviews(tmp_path / "reviews", rows)
    with pytest.raises(RecordError, match=r"given up after 2,000 lines.*user.*nearest there is customer"):
        ingest_files(DictGraph(), product_files(path), None, replace(options, max_bad=0.1))
    path = write_reviews(tmp_path / "reviews", [review(1, overall="half")])
    with pytest.raises(RecordError, match="first line 1, overall: a number is wanted, got 'half'"):
        ingest_files(
            DictGraph(), product_files(path), None, options if options.max_bad < 1 else replace(options, max_bad=0)
        )
    path = write_reviews(tmp_path / "reviews", [review(1), review(2), *rows[:3]])
    with pytest.raises(RecordError, match="3 of 5 lines") as raised:
        ingest_files(DictGraph(), product_files(path), None, replace(options, max_bad=0.1))
    assert "no column" not in str(raised.value), "other rows have it"
    assert "--max-bad" not in raised.value.next_step, "most of it would be lost"
    path = write_reviews(tmp_path / "reviews", rows[:3])
    with pytest.raises(RecordError, match=r"3 of 3 lines.*user.*nearest there is customer"):
        ingest_files(DictGraph(), product_files(path), None, replace(options, max_bad=0.1))


@pytest.mark.parametrize("content", [b"", b"\n \n", gzip.compress(b"", mtime=0), b"asin,reviewerID,overall\n"])
def test_a_file_without_a_record_is_refused(tmp_path: Path, options: IngestOptions, content: bytes) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="no record"):
        ingest_files(DictGraph(), product_files(path), None, options)
    other = write_reviews(tmp_path / "other", [review(1)])
    summary = ingest_files(DictGraph(), product_files([path, other]), None, options)
    assert summary.accepted == 1 and summary.files[0].remarks == ("no record in it",)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"text": 5}, "a text is wanted, got '5'"),
        ({"at": "noon"}, "a whole number is wanted, got 'noon'"),
        ({"rating": "good"}, "a number is wanted, got 'good'"),
    ],
)
def test_a_refused_value_is_told_what_is_wanted(changes: dict[str, Any], told: str) -> None:
    known: dict[str, Any] = {"event_id": "e", "source_id": "u", "target_id": "p", "rating": 5.0, "at": 1_600_000_000}
    with pytest.raises(ValidationError) as raised:
        Reviewed(**known | changes)
    assert bad_record(raised.value).message == told
