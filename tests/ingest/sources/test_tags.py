"""Tag lists and frames of audio: what arrives, what is refused and why."""

from __future__ import annotations

import csv
import gzip
import json
import random
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from kindred.domain.errors import RecordError, SettingsError
from kindred.ingest.loading.frame_files import frame_path, write_frames
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import IngestSummary
from kindred.ingest.music import tag_files
from tests.ingest.conftest import DictGraph, json_lines

REAL = Path(__file__).resolve().parents[4] / "shared/data"
CSV = b'track,tags\n10,"5,6,9"\n11,6\n12,"rock, new  wave"\n10,"9,3,3"\n13,\n,4\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "frames"


def ingest(
    graph: DictGraph, options: IngestOptions, folder: Path, tags: Sequence[Path] = (), frames: Sequence[Path] = ()
) -> IngestSummary:
    return ingest_files(graph, tag_files(tags, frames, partial(write_frames, folder)), None, options)


def pairs(graph: DictGraph) -> set[tuple[str, str]]:
    return {(row["source_id"], row["target_id"]) for row in graph.tables["TAGGED"].values()}


def archive(path: Path, **arrays: NDArray[Any]) -> Path:
    """Five frames of two tracks, each in a folder named for its genre."""
    ids = np.array(["a/x.au", "b/y.au", "a/x.au", "b/y.au", "a/x.au"])
    frames = np.arange(15, dtype=np.float64).reshape(5, 3)
    np.savez(path, **{"X": frames, "IDS": ids, "Y": np.array([0, 1, 0, 1, 0])} | arrays)
    return path


def bad_entries(summary: IngestSummary) -> list[tuple[str, str]]:
    assert summary.quarantine_file
    entries = map(json.loads, Path(summary.quarantine_file).read_text().splitlines())
    return [(entry["raw"], entry["reason"]) for entry in entries]


def test_the_tags_of_rows_about_one_track_add_up(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    (tmp_path / "tags.csv").write_bytes(CSV)
    summary = ingest(graph, options, folder, [tmp_path / "tags.csv"])
    assert (summary.lines, summary.accepted, summary.duplicates, summary.quarantined) == (6, 4, 0, 2)
    assert summary.files[0].reasons == {"missing_id": 1, "missing_value": 1}
    assert pairs(graph) == {*(("10", tag) for tag in "3569"), ("11", "6"), ("12", "rock"), ("12", "new wave")}
    assert {row["at"] for row in graph.tables["TAGGED"].values()} == {None}
    assert summary.files[0].notes == {"no time": 4}
    assert (graph.tables["Tag"]["5"]["name"], graph.tables["Tag"]["rock"]["name"]) == (None, "rock")


def test_a_table_may_have_a_row_a_tag(tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions) -> None:
    (table := tmp_path / "tags.csv").write_text("track,tag\na,rock\na,pop\nb,rock\na,rock\nb,\n")
    summary = ingest(graph, options, folder, [table])
    assert (summary.lines, summary.accepted, summary.duplicates, summary.files[0].conflicting) == (5, 3, 1, 0)
    assert pairs(graph) == {("a", "rock"), ("a", "pop"), ("b", "rock")}


def test_tags_may_stand_in_cells_of_their_own_at_the_end_of_a_row(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    (tmp_path / "tags.tsv").write_text("track\tseconds\ttags\n1\t3\tgenre---rock\tmood---happy\n2\t4\tgenre---pop\n")
    ingest(graph, options, folder, [tmp_path / "tags.tsv"])
    assert pairs(graph) == {("1", "genre---rock"), ("1", "mood---happy"), ("2", "genre---pop")}


def test_tags_of_a_cell_may_be_parted_in_any_way(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    (tmp_path / "tags.csv").write_text(
        "track,tags\n1,5;6\n2,hip hop|rock\n3, 7  8 \n4,7 inch\n5,[Late Night]\n6,['a b' 'c']\n"
    )
    ingest(graph, options, folder, [tmp_path / "tags.csv"])
    assert pairs(graph) == {
        ("1", "5"),
        ("1", "6"),
        ("2", "hip hop"),
        ("2", "rock"),
        ("3", "7"),
        ("3", "8"),
        ("4", "7 inch"),
        ("5", "[Late Night]"),
        ("6", "a b"),
        ("6", "c"),
    }


def test_an_archive_may_have_an_array_for_each_track(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    sound = {"a": np.ones((2, 3), np.float16), "b": np.full((1, 3), 4)}
    odd = {"wide": np.ones((1, 4)), "words": np.array(["x"]), "loud": np.full((1, 3), 1e16)}
    np.savez(tmp_path / "many.npz", **sound, **odd, object=np.array([None]))  # type: ignore[arg-type]
    summary = ingest(graph, options, folder, frames=[tmp_path / "many.npz"])
    kept = {track: np.load(row["frames"]).tolist() for track, row in graph.tables["Track"].items()}
    assert kept == {"a": [[1, 1, 1], [1, 1, 1]], "b": [[4, 4, 4]]}
    reasons = [("wide", "wrong_shape"), ("words", "wrong_type"), ("loud", "out_of_range"), ("object", "broken_array")]
    assert bad_entries(summary) == reasons


def test_json_lines_say_the_same_in_any_order(tmp_path: Path, folder: Path, options: IngestOptions) -> None:
    rows = [
        {"track": 10, "tags": [5, 6, 9, 3]},
        {"track": 11, "tags": 6},
        {"track": "12", "tags": ["rock", "new wave"]},
    ]
    graphs = [DictGraph(), DictGraph()]
    (tmp_path / "tags.csv").write_bytes(CSV)
    ingest(graphs[0], options, folder, [tmp_path / "tags.csv"])
    for seed in (1, 2):
        (tmp_path / "tags.jsonl").write_bytes(json_lines(random.Random(seed).sample(rows * 2, 6)))
        ingest(graphs[1], options, folder, [tmp_path / "tags.jsonl"])
    assert graphs[0].tables == graphs[1].tables


def test_an_archive_becomes_a_file_a_track(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    path = archive(tmp_path / "frames.npz")
    summary = ingest(graph, options, folder, frames=[path])
    assert (summary.lines, summary.accepted) == (2, 2)
    frames = np.load(graph.tables["Track"]["a/x.au"]["frames"], allow_pickle=False)
    assert frames.dtype == np.float32 and frames[:, 0].tolist() == [0, 6, 12]
    assert set(graph.tables["Genre"]) == {"a", "b"} and len(graph.tables["HAS_GENRE"]) == 2
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    ingest(graph, options, folder, frames=[path])
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before and len(before) == 2


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([0, 0, 0, 0, 0], {"0"}),  # one number for two folders: the folders are no genres
        ([4, -1, 4, -1, 4], {"a"}),
        (["Jazz", "", "Jazz", "", "Jazz"], {"Jazz"}),
    ],
)
def test_genres_are_named_as_well_as_the_archive_knows_them(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions, labels: list[Any], names: set[str]
) -> None:
    ingest(graph, options, folder, frames=[archive(tmp_path / "frames.npz", Y=np.array(labels))])
    assert set(graph.tables["Genre"]) == names


def test_a_track_of_an_archive_that_is_no_good_is_quarantined_by_name(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    frames = np.ones((5, 3))
    frames[1, 2] = np.nan
    ids = np.array(["../../x", "y", "../../x", "y", ""])
    summary = ingest(graph, options, folder, frames=[archive(tmp_path / "frames.npz", X=frames, IDS=ids)])
    assert bad_entries(summary) == [("y", "out_of_range"), ("", "missing_id")]
    (track,) = graph.tables["Track"].values()
    assert track["id"] == "../../x" and Path(track["frames"]).parent == folder
    assert [file.name for file in folder.iterdir()] == [Path(track["frames"]).name]


def test_a_folder_is_referred_to_where_it_is(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in "pqr":
        np.save(source / f"{name}.npy", np.ones((4, 3), np.float16))
    np.save(source / "0-narrow.npy", np.ones((4, 2)))
    np.save(source / "empty.npy", np.ones((0, 3)))
    np.save(source / "flat.npy", np.ones(3))
    np.save(source / "infinite.npy", np.full((1, 3), np.inf))
    np.save(source / "words.npy", np.array([["a", "b", "c"]]))
    np.save(source / "pickled.npy", np.array([[{}, 1, 2]]), allow_pickle=True)
    (source / "torn.npy").write_bytes((source / "p.npy").read_bytes()[:-5])
    (source / "readme.txt").write_text("not an array")
    summary = ingest(graph, options, folder, frames=[source])
    assert (summary.lines, summary.accepted, summary.quarantined) == (10, 3, 7)
    assert bad_entries(summary) == [
        ("0-narrow.npy", "wrong_shape"),
        ("empty.npy", "missing_value"),
        ("flat.npy", "wrong_shape"),
        ("infinite.npy", "out_of_range"),
        ("pickled.npy", "broken_array"),
        ("torn.npy", "broken_array"),
        ("words.npy", "wrong_type"),
    ]
    assert {key: row["frames"] for key, row in graph.tables["Track"].items()} == {
        name: str(source / f"{name}.npy") for name in "pqr"
    }
    assert not folder.exists()


def test_a_parquet_file_has_a_row_a_track(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    good, wide = [[1.5, 2.0], [3.0, 4.0], [5.0, 6.0]], [[1.0, 2.0, 3.0]]
    frames = [good, wide, [[1.0], [1.0, 2.0]], None, [[1.0, None]], [], [[1e39, 0.0]], good[:1], good]
    tracks = [7, 8, 9, 10, 11, 12, 13, 14, None]
    table = pa.table({"track": tracks, "frames": pa.array(frames, pa.list_(pa.list_(pa.float64())))})
    pq.write_table(table, tmp_path / "frames.parquet")
    summary = ingest(graph, options, folder, frames=[tmp_path / "frames.parquet"])
    assert bad_entries(summary) == [
        ("8", "wrong_shape"),
        ("9", "wrong_shape"),
        ("10", "missing_value"),
        ("11", "missing_value"),
        ("12", "missing_value"),
        ("13", "out_of_range"),
        ("", "missing_id"),
    ]
    saved = {key: np.load(row["frames"], allow_pickle=False) for key, row in graph.tables["Track"].items()}
    assert {key: array.tolist() for key, array in saved.items()} == {"7": good, "14": good[:1]}


@pytest.mark.parametrize("kind", [pa.string(), pa.list_(pa.float32()), pa.list_(pa.list_(pa.string()))])
def test_a_parquet_column_of_another_kind_is_quarantined_or_explained(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions, kind: pa.DataType
) -> None:
    value: Any = "x" if kind == pa.string() else [1.0] if kind == pa.list_(pa.float32()) else [["x"]]
    pq.write_table(pa.table({"track": ["a"], "frames": pa.array([value], kind)}), tmp_path / "odd.parquet")
    summary = ingest(graph, options, folder, frames=[tmp_path / "odd.parquet"])
    assert bad_entries(summary) == [("a", "wrong_type")]
    pq.write_table(pa.table({"song": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(RecordError, match="no column frames and track among song"):
        ingest(graph, options, folder, frames=[tmp_path / "other.parquet"])


def test_a_sequence_may_have_one_frame_and_ten_thousand_but_no_more(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for length in (1, 10_000, 10_001):
        np.save(source / f"{length}.npy", np.ones((length, 2), np.float16))
    summary = ingest(graph, options, folder, frames=[source])
    assert bad_entries(summary) == [("10001.npy", "out_of_range")] and set(graph.tables["Track"]) == {"1", "10000"}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.ones(5)}, "X of .* is float64"),
        ({"IDS": np.array(["a"])}, "IDS of .* X has 5"),
        ({"IDS": np.array(list("abcde"), object)}, "Object arrays cannot be loaded"),
        ({"Y": np.ones((5, 10))}, "Y of "),
    ],
)
def test_an_archive_of_another_layout_is_explained(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecordError, match=message) as caught:
        ingest(graph, options, folder, frames=[archive(tmp_path / "frames.npz", **arrays)])
    assert "X [num_frames, frame_dim]" in caught.value.next_step and not folder.exists()


def test_what_is_no_archive_is_explained(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "torn.npz").write_bytes(archive(tmp_path / "whole.npz").read_bytes()[:-300])
    (tmp_path / "zip.npz").write_bytes(b"PK and then nothing")
    np.savez(tmp_path / "other.npz", X=np.ones(3))
    for name, members in (("book.xlsx", ("[Content_Types].xml", "xl/workbook.xml")), ("half.npz", ("X", "IDS.npy"))):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            for member in members:
                file.writestr(member, "<x/>")
    np.save(tmp_path / "one.npy", np.ones((3, 3)))
    (tmp_path / "nothing").mkdir()
    for name in (
        "text.npz",
        "zip.npz",
        "torn.npz",
        "other.npz",
        "book.xlsx",
        "half.npz",
        "one.npy",
        "nothing",
        "missing.npz",
    ):
        with pytest.raises(RecordError, match=name) as caught:
            ingest(graph, options, folder, frames=[tmp_path / name])
        assert caught.value.next_step and "pickle" not in caught.value.message
    with pytest.raises(SettingsError, match="nothing to load"):
        ingest(graph, options, folder)


def test_names_that_look_alike_as_files_stay_apart(folder: Path) -> None:
    frames = np.ones((2, 2), np.float32)
    paths = {write_frames(folder, track, frames) for track in ("a/b", "a_b", "A?B", "é", "." * 600)}
    paths.add(write_frames(folder, "a/b", frames + 1))
    assert len(paths) == 6 == len(list(folder.iterdir()))
    assert frame_path(folder, "a/b", frames) in paths


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_the_real_tag_lists_are_counted(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    with gzip.open(REAL / "music_tags_yandex_cup_2023/train.csv.gz", "rt") as lines:
        text = "".join(islice(lines, 12_001))
    (tmp_path / "train.csv").write_text(text)
    named = [set(row["tags"].split(",")) for row in csv.DictReader(text.splitlines())]
    summary = ingest(graph, replace(options, dry_run=True), tmp_path / "frames", [tmp_path / "train.csv"])
    assert (summary.lines, summary.accepted) == (12_000, 12_000)
    records = {table.name: table.records for table in summary.tables}
    assert records == {"Track": 12_000, "Tag": len(set.union(*named)), "TAGGED": sum(map(len, named))}


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_the_real_frames_arrive_whole(folder: Path, graph: DictGraph, options: IngestOptions) -> None:
    paths = sorted((REAL / "audio_frames_gtzan").glob("*.npz"))
    summary = ingest(graph, options, folder, frames=paths)
    assert [file.accepted for file in summary.files] == [290, 443]
    assert len(graph.tables["Genre"]) == 10 and len(graph.tables["HAS_GENRE"]) == 733
    arrays = [np.load(row["frames"], allow_pickle=False) for row in graph.tables["Track"].values()]
    assert sum(map(len, arrays)) == 8_127 + 12_415 and {array.shape[1] for array in arrays} == {50}


@pytest.mark.parametrize(
    "tags",
    [
        [["rock", "100"], ["80s", "3"], ["none", "0"]],
        {"rock": 0.5, "80s": 1e-9, "none": 0},
        "{'rock': True, '80s': '1', 'none': False}",
        [{"name": "rock", "count": 3}, {"tag": "80s"}],
    ],
    ids=["pairs", "object", "printed", "objects"],
)
def test_weights_beside_tags_are_no_tags(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions, tags: object
) -> None:
    (tmp_path / "tags.jsonl").write_bytes(json_lines([{"track_id": "a", "tags": tags}]))
    ingest(graph, options, folder, [tmp_path / "tags.jsonl"])
    assert pairs(graph) == {("a", "rock"), ("a", "80s")}


def test_pairs_of_words_or_of_numbers_are_tags(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = [{"track": "a", "tags": [["5", "6"]]}, {"track": "b", "tags": [["rock", "pop"], ["1980", "x"]]}]
    (tmp_path / "tags.jsonl").write_bytes(json_lines(rows))
    ingest(graph, options, folder, [tmp_path / "tags.jsonl"])
    assert pairs(graph) == {("a", "5"), ("a", "6"), *(("b", tag) for tag in ("rock", "pop", "1980", "x"))}


def test_frames_may_lie_in_folders_of_the_folder(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    for name in ("00/a", "01/b"):
        (tmp_path / "sound" / name).parent.mkdir(parents=True)
        np.save(tmp_path / "sound" / f"{name}.npy", np.ones((2, 3)))
    ingest(graph, options, folder, frames=[tmp_path / "sound"])
    assert sorted(graph.tables["Track"]) == ["a", "b"]
    np.save(tmp_path / "sound/01/a.npy", np.ones((2, 3)))
    with pytest.raises(RecordError, match=r"00/a.npy and .*01/a.npy are both named for track a — rename one"):
        ingest(graph, options, folder, frames=[tmp_path / "sound"])


def test_arrays_saved_the_other_way_round_are_told(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    for number in range(2, 5):
        np.save(tmp_path / f"{number}.npy", np.ones((3, number)))
    with pytest.raises(RecordError, match=r"3 rows each .* — save them the other way round: .*array\.T"):
        ingest(graph, options, folder, frames=[tmp_path])
    for number in range(5, 9):  # as long as each other, and one of another width
        np.save(tmp_path / f"{number}.npy", np.ones((3, 4)))
    summary = ingest(graph, replace(options, max_bad=1), folder, frames=[tmp_path])
    assert bad_entries(summary) == [("2.npy", "wrong_shape"), ("3.npy", "wrong_shape")]


def test_one_array_without_a_name_is_the_track_of_its_archive(
    tmp_path: Path, folder: Path, graph: DictGraph, options: IngestOptions
) -> None:
    np.savez(tmp_path / "song.npz", np.ones((2, 3)))
    ingest(graph, options, folder, frames=[tmp_path / "song.npz"])
    assert sorted(graph.tables["Track"]) == ["song"]
