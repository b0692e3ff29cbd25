"""`kindred graph view` and `kindred graph export`, as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copytree

import networkx as nx
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import KindredError
from kindred.domain.schema import graph_schema
from kindred.gnn.hetero_files import read_back
from kindred.graph.open import open_graph

app = whole_tree()

SCHEMA = graph_schema()


@pytest.fixture(scope="module")
def two_reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a graph of two reviews, years apart."""
    folder = tmp_path_factory.mktemp("two") / "data"
    with closing(open_graph(f"ladybug:{folder / 'graph'}")) as store:
        store.create_schema(SCHEMA)
        store.upsert_nodes(SCHEMA.node("User"), pa.table({"id": ["ann", "ben"]}))
        store.upsert_nodes(SCHEMA.node("Product"), pa.table({"id": ["lute:1"], "title": ["Lute"]}))
        reviews = {
            "event_id": ["e1", "e2"],
            "source_id": ["ann", "ben"],
            "target_id": ["lute:1", "lute:1"],
            "at": [1_000_000_000, 1_500_000_000],
            "rating": [5.0, 1.0],
        }
        store.upsert_edges(SCHEMA.edge(("User", "REVIEWED", "Product")), pa.table(reviews))
    return folder


@pytest.fixture
def kindred(two_reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command beside a copy of that graph, and returns its stdout; errors are raised."""
    monkeypatch.chdir(tmp_path)
    copytree(two_reviews, "data")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--data-dir", "data", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


@pytest.mark.parametrize(
    ("middle", "names"),
    [
        (("--user", "ann"), ["ann", "Lute", "ben"]),
        (("--product", "lute:1"), ["Lute", "ann", "ben"]),
        (("--node", "Product:lute:1", "--hops", "1", "--limit", "2"), ["Lute", "ben"]),
        (("--user", "ann", "--hops", "1"), ["ann", "Lute"]),
    ],
)
def test_view_writes_a_page(kindred: Callable[..., str], middle: tuple[str, ...], names: list[str]) -> None:
    assert kindred("graph", "view", *middle, "-o", "view.html") == "view.html\n"
    page = Path("view.html").read_text("utf-8")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert {node["caption"] for node in data["nodes"]} == set(names) and data["nodes"][0]["caption"] == names[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("view", "-o", "view.html"),
        ("view", "--user", "ann", "--product", "lute:1", "-o", "view.html"),
        ("view", "--product", "lute:1", "--node", "Product:lute:1", "-o", "view.html"),
        ("view", "--node", "Product", "-o", "view.html"),
        ("view", "--node", "Product:", "-o", "view.html"),
        ("view", "--node", "Nothing:1", "-o", "view.html"),
        ("view", "--user", "nobody", "-o", "view.html"),
        ("view", "--user", "ann", "-o", "view.png"),
        ("view", "--user", "ann", "-o", "no/such/folder.html"),
        ("export", "--format", "neo4j-admin", "--until", "2010-01-01", "-o", "out"),
        ("export", "--format", "graphml", "--until", "1999", "-o", "out"),
        ("export", "--format", "graphml", "--until", "1989-12-31T23:00:00Z", "-o", "out"),
        ("export", "--format", "graphml", "--until", "soon", "-o", "out"),
    ],
)
def test_what_can_t_be_written_names_the_next_step(kindred: Callable[..., str], arguments: tuple[str, ...]) -> None:
    with pytest.raises(KindredError) as raised:
        kindred("graph", *arguments)
    assert raised.value.exit_code in (2, 3, 4) and raised.value.next_step
    assert not Path("view.html").exists()


def test_exports_are_of_the_moment_asked_for(kindred: Callable[..., str]) -> None:
    until = ("--until", "2010-01-01")
    assert kindred("graph", "export", "--format", "networkx", *until, "-o", "early.json") == "early.json\n"
    early = nx.node_link_graph(json.loads(Path("early.json").read_text("utf-8")))
    assert list(early.edges) == [(("User", "ann"), ("Product", "lute:1"), "REVIEWED:e1")] and len(early) == 3
    kindred("graph", "export", "--format", "graphml", "-o", "graph.graphml")
    assert nx.read_graphml("graph.graphml").number_of_edges() == 2
    for same in ("1262304000", "2010-01-01T01:00:00+01:00", "2009-12-31 22:00:00-02:00"):
        kindred("graph", "export", "--format", "networkx", "--until", same, "-o", "same.json")
        assert Path("same.json").read_bytes() == Path("early.json").read_bytes()
    kindred("graph", "export", *until, "-o", "tensors")
    data, _ = read_back("tensors")
    assert data["User", "REVIEWED", "Product"].rating.tolist() == [5.0]


def test_neo4j_admin_prints_the_import_command(kindred: Callable[..., str]) -> None:
    assert kindred("graph", "export", "--format", "neo4j-admin", "-o", "csv").startswith("neo4j-admin database import")


FORMATS = ["hetero-data", "dgl", "networkx", "graphml", "neo4j-admin"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("place", ["file/below", "/proc/nope/x", "taken"])
def test_an_export_that_can_t_be_written_is_one_error(kindred: Callable[..., str], form: str, place: str) -> None:
    if form == "dgl":
        pytest.importorskip("dgl", reason="NOT TESTED: DGL has no wheel for this Python")
    Path("file").touch()
    if form in ("hetero-data", "neo4j-admin"):
        Path("taken").touch()  # a file where a folder is to be
    else:
        Path("taken").mkdir()
    with pytest.raises(KindredError) as raised:
        kindred("graph", "export", "--format", form, "-o", place)
    assert raised.value.exit_code == 4 and raised.value.next_step
    assert Path("taken").exists() and {path.name for path in Path().iterdir()} == {"data", "file", "taken"}


@pytest.mark.parametrize("form", ["networkx", "graphml"])
def test_a_full_disk_is_one_error(kindred: Callable[..., str], form: str) -> None:
    with pytest.raises(KindredError, match="No space left") as raised:
        kindred("graph", "export", "--format", form, "-o", "/dev/full")
    assert raised.value.exit_code == 4
