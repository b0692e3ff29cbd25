"""`~` is the home folder wherever a path is read: flags, environment, .env, URLs, and the files of a command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.settings import load_settings
from kindred.vectorstore.open import open_vectors

app = whole_tree()

Kindred = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder; commands run in another folder, in which no `~` may appear."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "events.csv").write_text("user,item,time\nann,tent,1600000000\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("KINDRED_DATA_DIR", raising=False)
    return home


def kindred(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_data_folder_may_be_at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = ("ingest", "interactions", str(home.with_name("events.csv")))
    kindred("--data-dir", "~/flag", *load)
    Path(".env").write_text("KINDRED_DATA_DIR=~/dotenv\n")
    kindred(*load)
    assert load_settings().effective_vector_url == f"qdrant-edge:{home / 'dotenv' / 'vectors'}"
    monkeypatch.setenv("KINDRED_DATA_DIR", "~/environment")
    kindred(*load)
    assert {path.name for path in home.iterdir()} == {"flag", "dotenv", "environment"}
    assert {path.name for path in Path().iterdir()} == {".env"}


@pytest.mark.parametrize("url", ["qdrant-edge:~/vectors", "exact:~/vectors"])
def test_urls_may_be_at_home(home: Path, url: str) -> None:
    with closing(open_graph("ladybug:~/graph")) as store:
        store.create_schema(graph_schema())
    open_vectors(url).close()
    kindred("--graph-url", "ladybug:~/graph", "--vector-url", url, "graph", "stats")
    kindred("graph", "copy", "--from", "ladybug:~/graph", "--to", "ladybug:~/copy")
    assert {"graph", "copy"} <= {path.name for path in home.iterdir()} and not list(Path().iterdir())


def test_files_of_a_command_may_be_at_home(home: Path) -> None:
    with closing(open_graph("ladybug:~/data/graph")) as store:
        store.create_schema(graph_schema())
        store.upsert_nodes(graph_schema().node("User"), pa.table({"id": ["ann"]}))
    for form, name in (
        ("graphml", "g.graphml"),
        ("networkx", "g.json"),
        ("hetero-data", "tensors"),
        ("neo4j-admin", "csv"),
    ):
        kindred("--data-dir", "~/data", "graph", "export", "--format", form, "-o", f"~/{name}")
        assert (home / name).exists()
    kindred("--data-dir", "~/data", "graph", "view", "--user", "ann", "-o", "~/view.html")
    kindred("generate", "products", "--users", "9", "--products", "5", "--reviews", "20", "--out", "~/made")
    kindred("--data-dir", "~/data", "ingest", "products", "--reviews", "~/made/reviews.jsonl", "--dry-run")
    assert (home / "view.html").is_file() and not list(Path().iterdir())


def test_a_home_that_nobody_has_is_a_name(home: Path) -> None:
    assert load_settings(data_dir=Path("~nobody-of-that-name/x")).data_dir == Path("~nobody-of-that-name/x")
