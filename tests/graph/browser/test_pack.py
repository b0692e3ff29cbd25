"""The pack for Neo4j Browser: complete, served as the Browser asks for it, and every query of it answers."""

from __future__ import annotations

import fnmatch
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from kindred.domain.errors import SettingsError, StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.browser.pack import FOLDER, guide, pack_files, write_pack
from kindred.graph.browser.perspective import perspective, read_style
from kindred.graph.browser.server import open_pack_server
from kindred.graph.explore.question_files import read_questions
from kindred.graph.neo4j.store import Neo4jStore
from kindred.graph.view.page import COLOURS
from tests.conftest import clear_graph
from tests.graph.town import build_town
from tests.neo4j_server.server import Neo4jServer, free_port

ADDRESS = "http://localhost:8765"
STYLE = (FOLDER / "style.grass").read_text()
ROOT = Path(__file__).parents[3]


class GuideQueries(HTMLParser):
    """Collects what stands in the guide's <pre> blocks, and counts its slides."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.queries: list[str] = []
        self.num_slides = 0
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.num_slides += tag == "slide"
        if tag == "pre":
            assert ("class", "highlight code runnable") in attributes  # else the Browser gives it no button
            self._inside = True
            self.queries.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "pre"

    def handle_data(self, text: str) -> None:
        if self._inside:
            self.queries[-1] += text


def test_every_label_and_edge_type_has_a_style_of_its_own() -> None:
    rules = read_style(STYLE)
    nodes = {f"node.{node.label}": {p.name for p in node.properties} for node in graph_schema().nodes}
    edges = {f"relationship.{edge.type}": {p.name for p in edge.properties} for edge in graph_schema().edges}
    assert set(rules) == {"node", "relationship", *nodes, *edges}
    for selector, known in {**nodes, **edges}.items():
        assert re.fullmatch("#[0-9A-F]{6}", rules[selector]["color"])
        captioned = set(re.findall(r"\{(\w+)\}", rules[selector]["caption"]))
        assert captioned <= known, selector
        assert "id" in captioned or selector in edges  # a node without a title still shows its id
    assert len({rules[selector]["color"] for selector in nodes}) == len(nodes)
    assert all(rules[selector]["diameter"].endswith("px") for selector in nodes)
    assert "/*" not in STYLE and "//" not in STYLE  # the Browser would take a comment for part of a selector


def test_a_label_has_one_colour_in_the_browser_and_on_our_own_page() -> None:
    rules = read_style(STYLE)
    assert {label: rules[f"node.{label}"]["color"].lower() for label in COLOURS} == COLOURS


def test_the_captions_can_be_read_on_their_colours() -> None:
    for selector, rule in read_style(STYLE).items():
        if selector.startswith("node."):
            light, dark = sorted(map(_luminance, (rule["color"], rule["text-color-internal"])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3, selector  # WCAG's bound for large or bold text


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_guide_has_slides_and_no_ids_and_nothing_the_browser_strips() -> None:
    text = guide(ADDRESS)
    found = GuideQueries(text)
    assert 5 <= found.num_slides <= 8
    assert f'data-exec="style {ADDRESS}/style.grass"' in text
    assert "{{" not in text
    assert not any(re.search(r"\{id:|\.id = ", query) for query in found.queries)
    assert not re.search(r"\son[^\s=]*\s*=", text)  # the Browser deletes what looks like an event handler
    for edge in graph_schema().edges:
        assert f"(:{edge.source})-[:{edge.type}]->(:{edge.target})" in found.queries[2]


def test_the_perspective_knows_every_label_and_edge_type() -> None:
    found: dict[str, Any] = perspective(graph_schema(), STYLE)
    rules = read_style(STYLE)
    colours = {category["name"]: category["color"] for category in found["categories"]}
    assert colours == {node.label: rules[f"node.{node.label}"]["color"] for node in graph_schema().nodes}
    assert {kind["name"] for kind in found["relationshipTypes"]} == {edge.type for edge in graph_schema().edges}
    columns = {column["propertyKey"]: column["dataType"] for column in found["labels"]["Track"]}
    assert columns["duration"] == "number" and "title_embedding" not in columns
    for template in found["templates"]:
        names = {parameter["name"] for parameter in template["params"]}
        assert names == set(re.findall(r"\$\w+", template["cypher"])) == set(re.findall(r"\$\w+", template["text"]))


def test_the_files_of_an_export(tmp_path: Path) -> None:
    written = write_pack(tmp_path / "pack", ADDRESS)
    assert {path.relative_to(tmp_path / "pack").as_posix() for path in written} == set(pack_files(ADDRESS))
    with zipfile.ZipFile(io.BytesIO((tmp_path / "pack" / "queries.zip").read_bytes())) as archive:
        names = archive.namelist()
        assert names[1:] == [f"Kindred/{question.full_name}.cypher" for question in read_questions()]
        first = [archive.read(name).decode().splitlines()[0] for name in names[:2]]
    name = read_questions()[0].name.replace("_", " ")
    assert first == ["// 00 choose whom to ask about", f"// 01 {name}"]  # what the drawer shows
    assert pack_files(ADDRESS) == pack_files(ADDRESS)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="name another folder"):
        write_pack(tmp_path / "file", ADDRESS)


def test_an_installed_kindred_has_the_files() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["kindred"]
    files = [path for path in FOLDER.iterdir() if path.is_file() and path.suffix != ".py"]
    assert len(files) == 2
    for path in files:
        assert any(fnmatch.fnmatch(path.relative_to(ROOT / "kindred").as_posix(), glob) for glob in shipped), path


@contextmanager
def served() -> Iterator[HTTPConnection]:
    with open_pack_server("127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
        try:
            yield connection
        finally:
            connection.close()
            server.shutdown()
            thread.join()


def test_it_is_served_as_the_browser_asks_for_it() -> None:
    with served() as connection:

        def ask(method: str, path: str, host: str = "localhost:8765") -> tuple[int, dict[str, str], str]:
            connection.request(method, path, headers={"Host": host, "Origin": "http://localhost:7474"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()

        status, headers, _ = ask("OPTIONS", "/guide.html")
        assert status == 204 and headers["Access-Control-Allow-Headers"] == "*"
        status, headers, text = ask("GET", "/style.grass")
        assert (status, text, headers["Access-Control-Allow-Origin"]) == (200, STYLE, "*")
        assert headers["Content-Type"] == "text/plain; charset=utf-8"
        assert ask("GET", "/guide.html")[2] == guide(ADDRESS)
        assert "http://kindred.example/style.grass" in ask("GET", "/", "kindred.example")[2]
        assert '"><script>' not in ask("GET", "/", 'x"><script>')[2]
        assert json.loads(ask("GET", "/perspective.json")[2])["name"] == "Kindred"
        assert ask("HEAD", "/guide.html")[2] == ""
        for path in ("/../style.grass", "/browser_pack.py", "/queries/../../x"):
            status, _, text = ask("GET", path)
            assert status == 404 and "guide.html" in text


def test_a_taken_port_is_said_and_another_address_too() -> None:
    with open_pack_server("127.0.0.1", 0) as server:
        port = server.server_address[1]
        with pytest.raises(StoreError, match=f"port {port} of 127.0.0.1 is taken — .* another --port"):
            open_pack_server("127.0.0.1", port)
    with pytest.raises(SettingsError, match="can't listen on port"):
        open_pack_server("203.0.113.7", port)


def test_the_command_serves_until_it_is_interrupted() -> None:
    port = free_port()
    command = [sys.executable, "-m", "cli", "browser-guide", "serve", "--port", str(port)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background has it ignored
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        lines = [process.stdout.readline().strip() for _ in range(8)]
        assert f":play http://localhost:{port}/guide.html" in lines
        assert lines[7].startswith(f"browser.post_connect_cmd=style http://localhost:{port}/style.grass; play ")
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def test_every_query_answers_on_a_graph_of_every_domain_and_on_an_empty_one(
    neo4j_server: Neo4jServer, neo4j_store: Neo4jStore
) -> None:
    import neo4j

    build_town(neo4j_store)
    login = ("neo4j", neo4j_server.password)
    with neo4j.GraphDatabase.driver(neo4j_server.url, auth=login) as driver, driver.session() as session:
        for query in GuideQueries(guide(ADDRESS)).queries:
            assert len(list(session.run(query))) > 0, query
        choose, *saved = [text.decode() for name, text in pack_files(ADDRESS).items() if name.endswith(".cypher")]
        chosen = _chosen(session, choose)
        assert all(value is not None for value in chosen.values())
        answered = [text for text in saved if list(session.run(text, chosen))]
        assert len(answered) > len(saved) / 2  # whom they ask about need not be known in every domain
        found: dict[str, Any] = perspective(graph_schema(), STYLE)
        examples = {"User": "ann", "Product": "guitar", "Query": "guitar strings", "Artist": "lark", "Topic": "sport"}
        for template in found["templates"]:
            assert list(session.run(template["cypher"], examples)), template["text"]
        clear_graph(neo4j_server)
        for query in GuideQueries(guide(ADDRESS)).queries:
            assert list(session.run(query)) == [], query


def _chosen(session: Any, text: str) -> dict[str, str]:
    """The parameters that a favorite's `:param` lines set; the Browser asks the server for each in this way."""
    given = re.findall(r"^:param (\w+) => (.*);$", text, re.MULTILINE)
    return {name: session.run(f"RETURN {value} AS value").single()["value"] for name, value in given}
