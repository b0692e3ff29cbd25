"""`kindred explore` and `kindred graph schema` as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import SettingsError
from kindred.domain.records import Product, Reviewed, User
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.graph.explore.question_files import read_questions
from kindred.graph.open import open_graph
from tests.graph.town import build_town

app = whole_tree()

Kindred = Callable[..., str]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    with closing(open_graph(f"ladybug:{folder / 'graph'}")) as store:
        build_town(store)
    return folder


@pytest.fixture
def kindred(town: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kindred]:
    """Runs a command on the town and returns its stdout; errors are raised."""
    monkeypatch.setenv("KINDRED_DATA_DIR", str(town))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    yield run


def test_events_without_a_time_are_told_where_a_question_goes_by_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINDRED_DATA_DIR", str(tmp_path))
    edge = edge_type_of(Reviewed)
    reviews = [Reviewed(event_id=f"e{n}", source_id="u", target_id=f"p{n}", rating=4) for n in range(3)]
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.create_schema(graph_schema())
        for label, nodes in (("User", [User(id="u")]), ("Product", [Product(id=f"p{n}") for n in range(3)])):
            store.upsert_nodes(graph_schema().node(label), to_table(graph_schema().node(label), nodes))
        store.upsert_edges(edge, to_table(edge, reviews))
    question = ("explore", "run", "ratings_by_month")
    result = CliRunner().invoke(app, question, catch_exceptions=False)
    told = "3 of {} REVIEWED in the graph have no time: this question leaves them out"
    assert told.format(3) in result.stderr and "no rows" not in result.stderr
    timed = Reviewed(event_id="timed", source_id="u", target_id="p0", rating=5, at=1_700_000_000)
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.upsert_edges(edge, to_table(edge, [timed]))
    result = CliRunner().invoke(app, question, catch_exceptions=False)
    assert "2023     11        1" in result.stdout and told.format(4) in result.stderr
    result = CliRunner().invoke(app, ("explore", "run", "user_timeline", "--param", "user=u"), catch_exceptions=False)
    assert result.stdout.count("reviewed") == 4 and "no time" not in result.stderr, "it shows them all"


def test_the_list_names_every_question_and_opens_no_graph(kindred: Kindred, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_GRAPH_URL", "neo4j://127.0.0.1:1")
    monkeypatch.setenv("COLUMNS", "200")
    shown = kindred("explore").splitlines()
    assert len(shown) == 2 + len(read_questions())
    assert shown[2].startswith("01_reviewed_both ") and shown[2].endswith("first, second")
    listed = json.loads(kindred("explore", "--json"))
    assert [question["number"] for question in listed] == [question.number for question in read_questions()]
    assert listed[0]["parameters"][0] == {
        "name": "first",
        "kind": "string",
        "default": None,
        "example": "P00001",
        "meaning": "id of a product",
    }


def test_show_prints_cypher_that_runs_as_it_stands(kindred: Kindred) -> None:
    shown = kindred("explore", "show", "cold_products")
    rows = json.loads(kindred("graph", "query", shown, "--param", "most_reviews=1", "--param", "limit=1", "--json"))
    assert [row["product"] for row in rows] == ["case"]


def test_run_prints_a_table_with_days_and_json_with_seconds(kindred: Kindred) -> None:
    asked = ("explore", "run", "16_product_bursts", "--param", "least_reviews=4")
    assert kindred(*asked).splitlines()[2].split() == ["amp", "Small", "amplifier", "2013-06-01", "4", "4"]
    (row,) = json.loads(kindred(*asked, "--json"))
    assert row["product"] == "amp" and row["day"] == 1_370_044_800
    years = kindred("explore", "run", "taste_by_year", "--param", "user=dan").splitlines()
    assert years[2].split() == ["2013", "Drums", "2", "4.0"]


def test_limit_may_exceed_what_a_query_of_one_s_own_returns(kindred: Kindred) -> None:
    asked = ("explore", "run", "user_timeline", "--param", "user=dan", "--json")
    assert len(json.loads(kindred(*asked, "--param", "limit=2"))) == 2
    assert len(json.loads(kindred(*asked, "--param", "limit=5000"))) == 18


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "user_timeline"), "--param user="),
        (("run", "user_timeline", "--param", "user"), "not NAME=VALUE"),
        (("run", "user_timeline", "--param", "user=dan", "--param", "limit=few"), "limit must be a whole number"),
        (("run", "user_timeline", "--param", "usr=dan"), "it takes user, limit"),
        (("run", "user_time_line"), "did you mean user_timeline"),
        (("show", "99"), "`kindred explore` lists them"),
    ],
)
def test_what_can_t_be_asked_is_a_usage_error_that_helps(
    kindred: Kindred, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        kindred("explore", *arguments)
    assert said in str(caught.value) and caught.value.exit_code == 2


def test_the_schema_is_told_without_a_graph(kindred: Kindred, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_GRAPH_URL", "neo4j://127.0.0.1:1")
    table = kindred("graph", "schema")
    assert "(User)-[REVIEWED]->(Product)" in table and "(Track)-[PERFORMED_BY]->(Artist)" in table
    told = json.loads(kindred("graph", "schema", "--json"))
    assert [node["label"] for node in told["nodes"]] == [node.label for node in graph_schema().nodes]
    reviewed = next(edge for edge in told["edges"] if edge["type"] == "REVIEWED")
    assert {"name": "rating", "type": "float", "required": False, "encoded": False} in reviewed["properties"]
    assert {"name": "text", "type": "text", "required": False, "encoded": True} in reviewed["properties"]


def test_the_mermaid_picture_draws_every_edge_once(kindred: Kindred) -> None:
    lines = kindred("graph", "schema", "--format", "mermaid").splitlines()
    assert lines[0] == "graph LR"
    drawn = [line.strip() for line in lines if "-->" in line]
    assert sorted(drawn) == sorted(f"{e.source} -->|{e.type}| {e.target}" for e in graph_schema().edges)
