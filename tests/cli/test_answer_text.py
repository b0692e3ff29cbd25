"""What `graph query` and `explore` print can be read, within the width of the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from kindred.cli.answer_text import answer_text, fitted_table
from kindred.cli.app import whole_tree
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from tests.graph.town import build_town

app = whole_tree()

Kindred = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph of every domain, with a long text and an embedding."""
    folder = tmp_path_factory.mktemp("town")
    with closing(open_graph(f"ladybug:{folder / 'graph'}")) as store:
        build_town(store)
        product = graph_schema().node("Product")
        vector = pa.FixedSizeListArray.from_arrays(pa.array(np.ones(20, dtype=np.float16)), 20)
        rows = {"id": ["guitar"], "description": ["Fine wood.\n" * 60], "title_embedding": vector}
        store.upsert_nodes(product, pa.table(rows))
    return folder


@pytest.fixture
def kindred(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kindred]:
    """Runs a command on the graph and returns its stdout."""
    monkeypatch.setenv("KINDRED_DATA_DIR", str(folder))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    yield run


def test_whole_nodes_stand_line_by_line_without_what_is_null(kindred: Kindred, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    query = "MATCH (u:User)-[r:REVIEWED]->(p:Product) WHERE u.id = 'ann' AND p.id = 'guitar' RETURN u, r, p"
    lines = kindred("graph", "query", query).splitlines()
    assert lines[0] == "── 1 ──" and lines[1].split() == ["u", "User"] and lines[2].split() == ["u.id", "ann"]
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[1:]}
    assert told["r.at"] == "1326153600" and told["r.rating"] == "5.0" and told["p.title"] == "Six-string guitar"
    assert not any(name in line for line in lines for name in ("gender", "verified", "embedding"))
    assert max(map(len, lines)) <= 50


def test_json_holds_everything(kindred: Kindred) -> None:
    (row,) = json.loads(kindred("graph", "query", "MATCH (p:Product {id: 'strings'}) RETURN p", "--json"))
    assert json.loads(row["p"])["title"] == "Light strings" and "description" in row["p"]


def test_a_path_is_told_by_its_steps(kindred: Kindred) -> None:
    query = "MATCH way = (u:User)-[:MADE_BY|LISTENED]->(t:Track {id: 'din'}) WHERE u.id = 'ben' RETURN way"
    assert kindred("graph", "query", query).splitlines() == ["── 1 ──", "way  User ben – LISTENED – Track din"]


def test_integers_stand_without_separators_and_tables_fit(kindred: Kindred, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "MATCH (u:User)-[r:REVIEWED]->(p:Product) RETURN r.at AS at, p.title AS a, p.title AS b, r.summary AS c"
    monkeypatch.setenv("COLUMNS", "40")
    lines = kindred("graph", "query", f"{query} ORDER BY at, a, b LIMIT 3").splitlines()
    assert lines[2].split()[0] == "1326153600" and max(map(len, lines)) <= 40
    assert all("…" in line for line in lines[2:4])


def test_the_list_of_questions_and_their_answers_fit(kindred: Kindred, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in ("40", "80"):
        monkeypatch.setenv("COLUMNS", width)
        assert max(map(len, kindred("explore").splitlines())) <= int(width)
        asked = kindred("explore", "run", "why_recommended", "--param", "user=ann", "--param", "product=tuner")
        assert max(map(len, asked.splitlines())) <= max(int(width), 62)
    monkeypatch.delenv("COLUMNS")
    assert kindred("explore").splitlines()[2].startswith("01_reviewed_both  ")


def test_no_rows_says_what_the_graph_holds_nothing_of(kindred: Kindred, tmp_path: Path) -> None:
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.create_schema(graph_schema())
    empty = CliRunner().invoke(app, ["--data-dir", str(tmp_path), "explore", "run", "most_played", "--param", "user=x"])
    assert "no rows: the graph holds nothing of LISTENED or PERFORMED_BY" in empty.stderr
    known = CliRunner().invoke(app, ["explore", "run", "most_played", "--param", "user=nobody"])
    assert "no rows; `kindred graph stats`" in known.stderr


def test_numbers_that_json_does_not_know_are_null(kindred: Kindred) -> None:
    text = kindred("graph", "query", "RETURN 1.0/0 AS x, 0.0/0.0 AS y, 0.5 AS z", "--json")
    (row,) = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert row == {"x": None, "y": None, "z": 0.5}


@pytest.mark.parametrize("condition", ["u.id = $user", "$user = u.id", "u.id STARTS WITH $user", "u.id IN $user"])
def test_a_parameter_that_is_compared_with_ids_is_a_string(kindred: Kindred, condition: str, folder: Path) -> None:
    with closing(open_graph(f"ladybug:{folder / 'graph'}")) as store:
        store.upsert_nodes(graph_schema().node("User"), pa.table({"id": ["100"]}))
    given = "user=[100]" if "IN" in condition else "user=100"
    query = f"MATCH (u:User) WHERE {condition} RETURN u.id AS id"
    assert json.loads(kindred("graph", "query", query, "--param", given, "--json")) == [{"id": "100"}]


def test_a_parameter_that_is_compared_with_numbers_is_one(kindred: Kindred) -> None:
    numbers = "MATCH (:User)-[r:REVIEWED]->(p:Product) WHERE r.rating < $stars RETURN count(r.event_id) AS n"
    assert json.loads(kindred("graph", "query", numbers, "--param", "stars=2", "--json")) == [{"n": 3}]


def test_vectors_are_left_out_of_maps_and_told_by_their_length_elsewhere() -> None:
    vector = [0.5] * 20
    answer = pa.table({"n": [json.dumps({"label": "Product", "id": "p", "made": vector, "held": "xx"})], "v": [vector]})
    assert answer_text(answer, hidden={"held"}).splitlines() == [
        "── 1 ──",
        "n     Product",
        "n.id  p",
        "v     (20 numbers)",
    ]


def test_line_breaks_do_not_break_a_table() -> None:
    assert fitted_table(["text"], [["a\nb\tc"]]).splitlines()[2:] == ["a b c"]
