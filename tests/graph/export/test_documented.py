"""The examples of docs/exporting.md run as they stand."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import networkx as nx
import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.graph.open import open_graph
from tests.graph.town import build_town

app = whole_tree()

PAGE = (Path(__file__).parents[3] / "docs" / "exporting.md").read_text("utf-8")


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the commands of the page that export, on a graph of every domain, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    with closing(open_graph("ladybug:data/graph")) as store:
        build_town(store)
    commands = dict.fromkeys(re.findall(r"^    kindred (graph export .*)$", PAGE, re.MULTILINE))
    assert len(commands) >= 2
    for command in commands:
        result = CliRunner().invoke(app, ["--data-dir", "data", *command.split()], catch_exceptions=False)
        assert result.exit_code == 0, result.output


@pytest.mark.usefixtures("exports")
def test_the_python_of_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        names: dict[str, object] = {}
        exec(compile(block, "docs/exporting.md", "exec"), names)
        embeddings = names["embeddings"]
        assert isinstance(embeddings, dict) and {"User", "Product"} <= set(embeddings)


@pytest.mark.usefixtures("exports")
def test_the_call_of_the_table_reads_the_graph_of_networkx() -> None:
    (call,) = re.findall(r"NetworkX: `(networkx\.node_link_graph\(json\.load\(file\)\))`", PAGE)
    with Path("graph.json").open(encoding="utf-8") as file:
        graph = eval(call, {"networkx": nx, "json": json, "file": file})
    assert ("User", "ann") in graph and graph.number_of_edges() > len(graph)
