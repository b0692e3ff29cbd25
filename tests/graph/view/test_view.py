"""The page around a node: what is in it, what is left out, and that nothing in it can run."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError
from kindred.domain.records import RECORDS, Edge, Listened, Node, Product, Tagged, Track
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.graph.open import open_graph
from kindred.graph.store import GraphStore
from kindred.graph.view.neighbourhood import EDGES_READ, read_view
from kindred.graph.view.page import COLOURS, DARK_BACKGROUND, LIGHT_BACKGROUND, TEXT_CHARACTERS, _asset, _shown, page_of
from tests.graph.graphs import BOOK, CITES, LIKED, NASTY, READER, SCHEMA, like, table_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = [
    *NASTY,
    "</script><img src=x onerror=window.ran=1>",
    "<!--<script>",
    "{{data}}",
    "&lt;b&gt;",
    "x\u2029y",
    "javascript:window.ran=1",
]
LONG = "é" * 5_000


def fill(store: GraphStore) -> None:
    """Three readers around b0; r0 liked every hostile title, so that it is two hops from r1."""
    store.create_schema(SCHEMA)
    titles = [*HOSTILE, LONG]
    books = [{"id": f"b{i}", "title": title, "pages": i, "words": ["a", "b"]} for i, title in enumerate(titles)]
    store.upsert_nodes(READER, table_of(READER, [{"id": name} for name in ("r0", "r1", "r2", HOSTILE[0])]))
    store.upsert_nodes(BOOK, table_of(BOOK, books))
    likes = [like(f"e{i}", "r0", f"b{i}", at=1_000 + i, text=title) for i, title in enumerate(titles)]
    likes += [like(f"r1-{i}", "r1", "b0", at=50) for i in range(3)]  # three equal events are three
    likes += [like("r2", "r2", "b0"), like("odd", HOSTILE[0], "b0")]
    store.upsert_edges(LIKED, table_of(LIKED, likes))
    store.upsert_edges(CITES, table_of(CITES, [{"event_id": "c", "source_id": "b0", "target_id": "b0"}]))


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def page_around(store: GraphStore, label: str = "Reader", node_id: str = "r0", hops: int = 2, limit: int = 100) -> str:
    return page_of(read_view(store, SCHEMA, (label, node_id), hops, limit))


@contextmanager
def embedded(folder: Path) -> Iterator[GraphStore]:
    with closing(open_graph(f"ladybug:{folder}")) as store:
        fill(store)
        yield store


def test_every_engine_gives_the_same_page(graph_store: GraphStore, tmp_path: Path) -> None:
    fill(graph_store)
    with embedded(tmp_path / "reference") as reference:
        for limit in (6, 100):
            assert page_around(graph_store, limit=limit) == page_around(reference, limit=limit)


def test_the_page_holds_what_the_graph_holds(tmp_path: Path) -> None:
    with embedded(tmp_path / "graph") as store:
        data = data_of(page_around(store))
        near = data_of(page_around(store, "Reader", "r1", hops=1))
    ids = {(node["label"], node["id"]): node for node in data["nodes"]}
    assert {key for key in ids if key[0] == "Reader"} == {("Reader", r) for r in ("r0", "r1", "r2", HOSTILE[0])}
    assert [node["hops"] for node in data["nodes"]] == [0] + [1] * (len(HOSTILE) + 1) + [2] * 3
    likes = [edge for edge in data["edges"] if edge["type"] == "LIKED"]
    assert len(likes) == len(HOSTILE) + 1 + 1 + 2 and len(data["edges"]) == len(likes) + 1
    assert sum(edge["times"] for edge in likes) == len(HOSTILE) + 1 + 3 + 2
    for i, title in enumerate(HOSTILE):
        assert ids["Book", f"b{i}"]["properties"]["title"] == title
    long = ids["Book", f"b{len(HOSTILE)}"]["properties"]["title"]
    assert long == LONG[:TEXT_CHARACTERS] + "… (shortened)"
    assert [(node["id"], node["hops"]) for node in near["nodes"]] == [("r1", 0), ("b0", 1)]
    (edge,) = near["edges"]  # three events of one pair are one line, with their number
    assert edge["times"] == 3 and edge["properties"]["times"] == "3"
    assert edge["properties"]["at"] == edge["properties"]["first at"] == "1970-01-01 00:00:50 UTC"


@pytest.mark.parametrize(
    ("record", "values", "expected"),
    [
        (Track, {"duration": 309.0, "popularity": 0.75}, {"duration": "5:09 min", "popularity": "0.75"}),
        (Track, {"duration": 59.6}, {"duration": "1:00 min"}),
        (Track, {"frames": "/srv/audio/T1.npy"}, {"frames": "T1.npy"}),
        (Track, {"duration": 3723.0}, {"duration": "1:02:03 h"}),
        (Product, {"price": 1234567.5, "in_stock": False}, {"price": "1,234,567.50", "in_stock": "no"}),
        (Product, {"price": 5.0}, {"price": "5.00"}),
        (Listened, {"share": 0.984, "plays": 12_345}, {"plays": "12,345", "share": "98.4 %"}),
        (Tagged, {"probability": 0.0623}, {"probability": "6.23 %"}),
    ],
)
def test_values_are_shown_as_people_read_them(
    record: type[Node | Edge], values: dict[str, Any], expected: dict[str, str]
) -> None:
    table = edge_type_of(record) if issubclass(record, Edge) else graph_schema().node(record.label)
    assert _shown(table, values) == expected


def test_a_limit_keeps_the_newest_and_says_how_many_are_left_out(tmp_path: Path) -> None:
    with embedded(tmp_path / "graph") as store:
        view = read_view(store, SCHEMA, ("Reader", "r0"), hops=2, limit=7)
        alone = read_view(store, SCHEMA, ("Reader", "r0"), hops=2, limit=1)
    newest = len(HOSTILE)
    assert [node.id for node in view.nodes][:4] == ["r0", f"b{newest}", f"b{newest - 1}", f"b{newest - 2}"]
    assert view.num_left_out == newest + 1 - 3
    assert [node.id for node in alone.nodes] == ["r0"] and "left out" in page_of(alone)


def test_a_node_with_more_edges_than_are_read_is_told(tmp_path: Path) -> None:
    with embedded(tmp_path / "graph") as store:
        store.upsert_edges(
            LIKED, table_of(LIKED, [like(f"again{i}", "r2", "b1", at=i) for i in range(EDGES_READ + 50)])
        )
        few = read_view(store, SCHEMA, ("Reader", "r2"), hops=1, limit=10)
        all_of_them = read_view(store, SCHEMA, ("Reader", "r2"), hops=1, limit=EDGES_READ + 100)
    assert few.num_partly_read == 1 and few.num_edges_read == EDGES_READ
    assert "one node has more edges than were read, the newest 200 of a type" in page_of(few)
    assert all_of_them.num_partly_read == 0 and len(all_of_them.edges) == EDGES_READ + 51


@pytest.mark.parametrize(("label", "node_id"), [("Reader", "nobody"), ("Reader", HOSTILE[1]), ("Nothing", "r0")])
def test_a_node_that_is_not_there_is_an_error(tmp_path: Path, label: str, node_id: str) -> None:
    with embedded(tmp_path / "graph") as store, pytest.raises(SchemaError) as raised:
        page_around(store, label, node_id)
    assert raised.value.next_step


class Tags(HTMLParser):
    """Counts elements, and keeps the text of the tables' cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert not any(name.startswith("on") or name in ("src", "srcdoc") for name, _ in attrs)
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def test_data_is_text_and_nothing_else(tmp_path: Path) -> None:
    with embedded(tmp_path / "graph") as store:
        page = page_around(store)
    tags = Tags(page)
    assert "img" not in tags.elements and "b" not in tags.elements
    rows = len(data_of(page)["nodes"]) + sum(
        edge["times"] for edge in data_of(page)["edges"]
    )  # every event has its row
    assert tags.elements.count("script") == 5 and tags.elements.count("tr") == 2 + rows
    assert {" ".join(title.split()) for title in HOSTILE} <= set(tags.cells)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None and "default-src 'none'" in policy[1] and "unsafe" not in policy[1]
    assert "http:" not in policy[1] and "https:" not in policy[1]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_label_has_a_colour_that_is_seen_on_light_and_dark() -> None:
    assert set(COLOURS) == {record.label for record in RECORDS if issubclass(record, Node)}
    assert len(set(COLOURS.values())) == len(COLOURS)
    for background in (LIGHT_BACKGROUND, DARK_BACKGROUND):
        assert f"--background: {background}" in _asset("view.css")
        assert min(contrast(colour, background) for colour in COLOURS.values()) >= 3


def test_a_browser_that_can_t_draw_shows_the_tables(browser_page: Page, tmp_path: Path) -> None:
    with embedded(tmp_path / "graph") as store:
        (tmp_path / "view.html").write_text(page_around(store), "utf-8")
    browser_page.add_init_script("delete Map.groupBy")
    with browser_page.expect_event("pageerror"):
        browser_page.goto((tmp_path / "view.html").as_uri())
    assert browser_page.locator("table").first.is_visible() and browser_page.locator("#graph").is_hidden()


@pytest.fixture
def browser_page() -> Iterator[Page]:
    """A page of a real browser that must not load anything nor complain."""
    chromium = shutil.which("chromium")
    if chromium is None:
        if os.environ.get("KINDRED_TEST_BROWSER") == "1":
            pytest.fail("KINDRED_TEST_BROWSER=1 and no chromium on the PATH")
        pytest.skip("NOT TESTED in a browser: no chromium on the PATH (KINDRED_TEST_BROWSER=1 makes this a failure)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800}, reduced_motion="reduce")
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: "groupBy" in str(error) or wrong.append(str(error)))
        page.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
        yield page
        assert not wrong
        browser.close()


def test_the_page_works_in_a_browser(browser_page: Page, tmp_path: Path) -> None:
    with embedded(tmp_path / "graph") as store:
        books = [{"id": f"more{i}", "title": f"Volume {i}"} for i in range(60)]
        store.upsert_nodes(BOOK, table_of(BOOK, books))
        store.upsert_edges(
            LIKED, table_of(LIKED, [like(f"more{i}", "r2", f"more{i}", at=2_000 + i) for i in range(60)])
        )
        (tmp_path / "view.html").write_text(page_around(store, "Book", "b0", hops=2), "utf-8")
    page = browser_page
    page.goto((tmp_path / "view.html").as_uri())
    assert page.locator("#graph").is_visible() and page.locator("table").first.is_hidden()
    drawn = "cy.nodes().filter((node) => node.style('display') !== 'none').length"
    first = page.evaluate(drawn)
    assert first < page.evaluate("nodes.length")
    page.get_by_role("searchbox").fill("volume 3")
    page.get_by_role("searchbox").press("Enter")
    assert page.locator("#matches").inner_text() == "1 of 11"
    assert page.locator("#panel h2").inner_text().startswith("Volume 3")
    page.get_by_role("button", name="r2").click()
    page.get_by_role("button", name="Expand").click()
    assert page.evaluate("others(selected).every((other) => shown[other])") and page.evaluate(drawn) > first
    page.get_by_role("button", name="Show all").click()
    assert page.evaluate(drawn) == page.evaluate("nodes.length")
    page.evaluate("edges[0].times = 1_378; showLegend()")
    assert re.search(r"1,\d{3}", page.locator("#legend").inner_text())
    page.locator("#legend").get_by_role("button", name="Book").click()
    assert page.evaluate(drawn) == 4
    page.evaluate("select(0)")
    assert page.locator("#panel h2").inner_text() == HOSTILE[0] and page.evaluate("window.ran") is None
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_the_panel_says_which_tags_are_predicted(browser_page: Page, tmp_path: Path) -> None:
    with closing(open_graph(f"ladybug:{tmp_path / 'graph'}")) as store:
        store.create_schema(graph_schema())
        store.upsert_nodes(graph_schema().node("Track"), pa.table({"id": ["t"]}))
        store.upsert_nodes(graph_schema().node("Tag"), pa.table({"id": ["given", "guessed"]}))
        tags = [Tagged(event_id="1", source_id="t", target_id="given")]
        tags.append(Tagged(event_id="2", source_id="t", target_id="guessed", probability=0.474, run="r"))
        store.upsert_edges(edge_type_of(Tagged), to_table(edge_type_of(Tagged), tags))
        page = page_of(read_view(store, graph_schema(), ("Track", "t"), hops=1))
    (tmp_path / "view.html").write_text(page, "utf-8")
    browser_page.goto((tmp_path / "view.html").as_uri())
    said = [" ".join(line.split()) for line in browser_page.locator("#panel li").all_inner_texts()]
    assert sorted(said) == ["given", "guessed probability 47.4 %"]
