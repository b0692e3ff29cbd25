"""The pack in the real Neo4j Browser, with the settings of the compose file and a password: what a person sees.

KINDRED_TEST_SCREENSHOTS=docs/images writes the pictures of the documents; KINDRED_TEST_BROWSER=1 forbids skipping.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kindred.domain.schema import graph_schema
from kindred.graph.browser.pack import FOLDER, write_pack
from kindred.graph.browser.perspective import read_style
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from tests.conftest import clear_graph, open_neo4j
from tests.graph.town import build_town
from tests.neo4j_server.browser import Neo4jBrowser, captions, chromium_page, colours, no_browser
from tests.neo4j_server.server import Neo4jServer

STYLE = read_style((FOLDER / "style.grass").read_text())
PICTURES = os.environ.get("KINDRED_TEST_SCREENSHOTS", "")


@dataclass(frozen=True)
class Scene:
    """Somebody logged in, with the pack served at `address`."""

    browser: Neo4jBrowser
    address: str
    folder: Path


def load(server: Neo4jServer, folder: Path) -> None:
    """The town that has something of every domain, and generated reviews."""
    files = generate_products(ProductSample(users=120, products=60, reviews=900, seed=5), folder / "sample")
    with closing(open_neo4j(server)) as store:
        clear_graph(server)
        build_town(store)
        sources = product_files(files.reviews, files.metadata)
        ingest_files(store, sources, None, IngestOptions(folder / "staging", folder / "quarantine"))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, neo4j_server: Neo4jServer, pack_address: str) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("browser")
    with chromium_page() as page:
        load(neo4j_server, folder)
        yield Scene(Neo4jBrowser(page, neo4j_server), pack_address, folder)


def photograph(scene: Scene, name: str, query: str | None = None) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        place = scene.browser.frame(query) if query else scene.browser.page
        scene.browser.photograph(place, Path(PICTURES) / name)


def test_a_login_puts_on_the_style_and_opens_the_guide(scene: Scene) -> None:
    frame = scene.browser.frame(f":play {scene.address}/guide.html")
    frame.get_by_text("What is in this graph?").wait_for()
    assert (
        f"color: {STYLE['node.User']['color']}"
        in scene.browser.frame(f":style {scene.address}/style.grass").inner_text()
    )
    assert scene.browser.errors() == []


def test_every_query_of_the_guide_answers_when_clicked(scene: Scene) -> None:
    page, guide = scene.browser.page, scene.browser.page.get_by_test_id("carousel")
    guide.wait_for()
    shown: dict[str, set[str]] = {}
    for slide in range(7):
        for block in guide.locator("pre.runnable").all():
            query = block.text_content() or ""
            block.locator("i").click()
            frame = scene.browser.answer(query)
            if "RETURN path" in query:
                shown[query] = colours(frame, "g.node circle")
                assert shown[query] <= {rule["color"] for rule in STYLE.values()}, query
            if "UNION" in query:
                found = colours(frame, "g.relationship path")
                assert found == {rule["color"] for name, rule in STYLE.items() if name.startswith("relationship.")}
                photograph(scene, "neo4j-one-of-each.png", query)
            if query.startswith("MATCH (hub:Product)") and "RETURN path" in query:
                photograph(scene, "neo4j-bought-together.png", query)
            frame.get_by_title("Close").click()
        if slide < 6:
            page.get_by_test_id("nextSlide").click()
    assert len(shown) == 9
    every_label = {rule["color"] for name, rule in STYLE.items() if name.startswith("node.")}
    assert next(iter(shown.values())) == every_label
    assert scene.browser.errors() == []


def test_the_guide_at_the_side_shows_why_a_product_is_recommended(scene: Scene) -> None:
    page = scene.browser.page
    scene.browser.command(":clear")
    scene.browser.command(f":guide {scene.address}/guide.html")
    drawer = page.get_by_test_id("guidesDrawer")
    drawer.get_by_text("What is in this graph?").wait_for()
    for _ in range(3):
        page.get_by_test_id("guideNextSlide").click()
    block = drawer.locator("pre.runnable").first
    query = block.text_content() or ""
    block.locator("i").click()
    frame = scene.browser.answer(query)
    assert colours(frame, "g.node circle") == {STYLE["node.User"]["color"], STYLE["node.Product"]["color"]}
    assert any(text.startswith("U000") for text in captions(frame))
    frame.get_by_title("Collapse the node properties display").click()
    photograph(scene, "neo4j-why.png")


def test_dropped_queries_become_favorites_that_answer(scene: Scene) -> None:
    page = scene.browser.page
    write_pack(scene.folder / "pack", scene.address)
    page.get_by_test_id("navigationFavorites").click()
    scene.browser.drop(scene.folder / "pack" / "queries.zip")
    page.get_by_test_id("expandFolder-Kindred").click()
    rows = page.get_by_test_id("savedScriptListItem")
    for name in ("00 choose whom", "04 taste neighbours"):
        rows.filter(has_text=name).get_by_test_id("savedScriptsButton-Run").click()
        frame = scene.browser.frame(f"// {name}")
        if name.startswith("00"):
            frame.get_by_title("Status: success").nth(2 * len(graph_schema().nodes) - 1).wait_for()
    scene.browser.answer("// 04 taste neighbours").get_by_text("U000").first.wait_for()
    assert scene.browser.errors() == []
    photograph(scene, "neo4j-favorites.png")


def test_no_browser_is_a_loud_skip_and_on_demand_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KINDRED_TEST_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NOT TESTED in Neo4j Browser: no Chromium"):
        no_browser("no Chromium")
    monkeypatch.setenv("KINDRED_TEST_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="demands Neo4j Browser: no Chromium"):
        no_browser("no Chromium")
