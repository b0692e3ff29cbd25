"""What is proposed for columns without names, and what is told of numbers that say nothing of some rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import RecordError
from kindred.ingest.formats.files import read_rows
from kindred.ingest.interactions import interaction_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.tables.mapping import TableMapping
from tests.ingest.conftest import DictGraph
from tests.ingest.tables.test_interactions import understood, write

LISTENS = [f"{n % 3}\t{n * 7 % 90}\t{n * 5 % 97}\t{n * 3 % 80}\t{1_600_000_000 + n}\n" for n in range(60)]
RATED = [f"{n % 9}\t{n}\t{1 + n % 5}\t{n * 3}\t{1_600_000_000 + n}\n" for n in range(60)]


@pytest.mark.parametrize(
    ("rows", "proposal"),
    [
        (LISTENS, "--columns user,item,c3,c4,at; c3 and c4 may be ids of other things"),
        (RATED, "--columns user,item,rating,c4,at; c4 may be ids"),
        ([f"{n:x}a\tSO{n}\t{1 if n % 5 else n + 1}\n" for n in range(40)], "--columns user,item,weight"),
        ([f"u{n}\tSO{n}\t{1 + n % 5}\n" for n in range(40)], "user,item,rating; weight in place of rating if it is a"),
        ([f"u{n},p{n},{n * 3.5}\n" for n in range(40)], "--columns user,item,weight"),
        ([f"{n},{n},{n % 10},\n" for n in range(40)], "--columns user,item,rating"),
    ],
)
def test_what_stands_below_tells_ids_from_ratings_and_counts(tmp_path: Path, rows: list[str], proposal: str) -> None:
    with pytest.raises(RecordError) as raised:
        interaction_files(TableMapping(), [write(tmp_path / "t.txt", "".join(rows))])
    assert proposal in raised.value.next_step


def test_a_weight_that_says_nothing_of_one_kind_of_rows_is_told(tmp_path: Path) -> None:
    rows = [f"u{n},Game {n},{'purchase,1.0' if n % 2 else f'play,{n}.5'}\n" for n in range(20)]
    path = write(tmp_path / "t.csv", "user-id,game-title,behavior-name,hours\n" + "".join(rows))
    tables = interaction_files(TableMapping(), [path])
    chosen = {choice.role: choice.column for choice in tables.choices}
    assert chosen["item"] == "game-title" and chosen["kind"] == "behavior-name"
    told = "hours is 1.0 in all of the first rows with purchase in behavior-name"
    assert any(remark.startswith(told) for remark in tables.remarks)
    alike = path.read_text().replace("1.0", "2.0").replace(".5", ".0").replace("play,0.0", "play,2.0")
    assert any("is 2.0 in all" in told for told in interaction_files(TableMapping(), [write(path, alike)]).remarks)
    purchases = "".join(line for line in path.read_text().splitlines(keepends=True) if "play" not in line)
    assert not any("in all" in told for told in interaction_files(TableMapping(), [write(path, purchases)]).remarks)


def test_a_text_with_control_characters_costs_itself_and_is_counted_but_an_id_with_them_costs_the_row(
    tmp_path: Path,
) -> None:
    rows = "u1,i1,4,good\nu2,i1,3,bell \x07\nu3,i2,5,\x00\nu\x07,i2,5,fine\n" + "u4,i4,1,\n" * 20
    path = write(tmp_path / "t.csv", f"user_id,item_id,rating,text\n{rows}")
    graph = DictGraph()
    summary = ingest_files(graph, understood(path).files, None, IngestOptions(tmp_path / "s", tmp_path / "q"))
    assert summary.files[0].reasons == {"control_character": 1}
    assert summary.files[0].notes["text left out: control_character"] == 2
    found = {row["source_id"]: (row["rating"], row["text"]) for row in graph.tables["INTERACTED"].values()}
    assert found == {"u1": (4.0, "good"), "u2": (3.0, None), "u3": (5.0, None), "u4": (1.0, None)}


def test_a_count_with_decimals_says_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "user,artist,plays\nu1,a,12.0\nu2,a,12.5\n")
    (file,) = understood(path, TableMapping(event="LISTENED:Artist")).files
    first, second = (row.value for row in read_rows(path, file.source, lambda *_: None))
    assert file.source.parse(first).records[0].plays == 12  # type: ignore[arg-type, union-attr]
    with pytest.raises(RecordError, match=r"such events are counted, got 12\.5: round it, or --event INTERACTED"):
        file.source.parse(second)  # type: ignore[arg-type]
