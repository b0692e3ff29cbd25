"""Searches: events, orders, judgments and products; what holds nothing is skipped, and the real samples are counted."""

from __future__ import annotations

import json
import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.progress import silent
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.loading.summary import FileSummary
from kindred.ingest.searches import search_files
from kindred.ingest.sources.search_events import SEARCH_EVENTS
from tests.ingest.conftest import DictGraph, Row, json_lines

REAL = Path(__file__).resolve().parents[4] / "shared/data/product_search_esci_sample"
EVENTS = "ubi_queries_events_simulated.ndjson.gz"
AT = 1_733_788_889  # 2024-12-10T00:01:29Z


def query(text: object = "red mug", **changes: object) -> Row:
    row = {"query_id": "q1", "client_id": "c1", "user_query": text, "timestamp": "2024-12-10T00:01:29.378Z"}
    return row | changes


def event(action: str, product: object = "P1", **changes: object) -> Row:
    attributes = {"object": {"object_id": product, "object_id_field": "sku"}, "position": {"ordinal": 4}}
    row = query(action_name=action, timestamp=(AT + 5) * 1000 + 1, message="m", event_attributes=attributes)
    return row | changes


def ingest(graph: DictGraph, folder: Path, options: IngestOptions, **rows: object) -> FileSummary:
    """Ingests one file; its name says which option it is for."""
    ((name, content),) = rows.items()
    path = folder / f"{name}.txt"
    path.write_bytes(content if isinstance(content, bytes) else json_lines(list(content)))  # type: ignore[call-overload]
    (file,) = ingest_files(graph, search_files(**{name: path}), None, options).files
    assert file.accepted + file.duplicates + file.quarantined + file.skipped == file.lines
    return file


def edges(graph: DictGraph, edge_type: str, *names: str) -> set[tuple[object, ...]]:
    return {tuple(row[name] for name in names) for row in graph.tables[edge_type].values()}


def test_queries_and_events_become_edges(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    rows = [
        {"index": {"_index": "ubi_queries"}},
        query(" Red  MUG "),
        event("search", message="red m", user_query=None, event_attributes=None, query_id="q0"),
        event("item_click"),
        event("add_to_cart", 17),
        event("purchase", "P2", session_id="s"),
    ]
    assert ingest(graph, tmp_path, options, events=rows).lines == 5
    ends = ("source_id", "target_id", "at", "action")
    assert edges(graph, "SEARCHED", *ends[:3]) == {("c1", "red mug", AT), ("c1", "red m", AT + 5)}
    assert edges(graph, "LED_TO", *ends, "position", "count") == {
        ("red mug", "P1", AT + 5, "click", 4, 1),
        ("red mug", "17", AT + 5, "add_to_cart", 4, 1),
        ("red mug", "P2", AT + 5, "purchase", 4, 1),
    }
    assert edges(graph, "ADDED_TO_CART", *ends[:3]) == {("c1", "17", AT + 5)}
    assert edges(graph, "BOUGHT", *ends[:3]) == {("c1", "P2", AT + 5)}
    assert edges(graph, "Query", "id", "text") == {("red mug", "red mug"), ("red m", "red m")}


def test_actions_of_analytics_are_the_same_events(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    words = ("view_search_results", "Products Searched", "select_item", "Product Clicked", "Product Added")
    rows = [event(word, f"P{number}", query_id=f"q{number}") for number, word in enumerate(words)]
    assert ingest(graph, tmp_path, options, events=rows).skipped == 0
    assert edges(graph, "LED_TO", "target_id", "action") == {("P2", "click"), ("P3", "click"), ("P4", "add_to_cart")}
    assert edges(graph, "ADDED_TO_CART", "source_id", "target_id") == {("c1", "P4")}


def test_a_list_of_results_that_is_seen_is_a_search_only_where_its_words_stand_beside(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    seen = [event("view_search_results", user_query=words, message="results shown") for words in ("red mug", None)]
    assert ingest(graph, tmp_path, options, events=seen).skipped == 1
    assert edges(graph, "Query", "text") == {("red mug",)}


def test_a_query_and_the_events_of_one_search_are_one_edge(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = [query(), query(), event("search"), query(query_id="q2"), query(client_id="c2")]
    file = ingest(graph, tmp_path, options, events=rows)
    assert (file.accepted, file.duplicates) == (3, 2)
    assert edges(graph, "SEARCHED", "source_id", "at") == {("c1", AT + 5), ("c1", AT), ("c2", AT)}


def test_what_holds_nothing_is_skipped_and_what_is_wrong_is_not(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    nothing = [
        query(""),
        query("  "),
        query(None),
        query("4006381333931"),
        query(5),
        query("https://shop.example/p"),
        event("impression"),
        event("product_hover"),
        event("brand_filter", event_attributes={"object": {"object_id": "x"}}),
        event("click", user_query=None),
        event("click", None),
        event("click", event_attributes=None),
        event("click", "red mug"),
        event("purchase", "P12345", user_query="where is p12345"),
        event("search", user_query=None, message=None),
    ]
    wrong = [
        query(client_id=None),
        query(timestamp="yesterday"),
        query(timestamp=None),
        event("click", event_attributes=[1]),
        event("purchase", client_id=""),
        {"client_id": "c1"},
    ]
    file = ingest(graph, tmp_path, options, events=nothing + wrong)
    assert (file.skipped, file.quarantined) == (len(nothing), len(wrong))
    assert file.reasons == {"missing_id": 2, "missing_value": 2, "wrong_type": 2}
    assert not graph.tables["Query"] and not graph.tables["LED_TO"]


def test_order_and_repetition_leave_the_content_hash(tmp_path: Path, options: IngestOptions) -> None:
    rows = [query(), query(query_id="q2"), query("blue mug")]
    rows += [event(action, f"P{number}") for action in ("click", "add_to_cart", "search") for number in range(3)]
    found = []
    for name, order in (("plain", rows), ("shuffled", random.Random(5).sample(rows * 2, len(rows) * 2))):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(json_lines(order))
        with closing(open_graph(f"ladybug:{tmp_path / f'graph-{name}'}")) as store:
            for _ in range(2):
                ingest_files(store, search_files(events=path), None, options)
            found.append(graph_statistics(store, graph_schema()))
    assert found[0] == found[1]
    assert found[0].edges["Query-LED_TO-Product"] == 6


def test_an_order_leads_buys_and_searches_unless_its_query_gives_it_away(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = [
        {"user": 1, "query": "Red mug", "time": "2024-12-10T00:01:29Z", "product": 900_001},
        {"user": 1, "query": "mug for tea", "time": AT, "product": 900_001},
        {"user": 1, "query": "mug 900001", "time": AT, "product": 900_001},
        {"user": 1, "query": "900002", "time": AT, "product": 900_001},
        {"user": 1, "query": "b07cxg6c9w", "time": AT, "product": 900_001},
        {"user": 1, "query": "www.shop.example/mug", "time": AT, "product": 900_001},
        {"user": 1, "query": "", "time": AT, "product": 900_001},
        {"user": None, "query": "mug", "time": AT, "product": 900_001},
    ]
    file = ingest(graph, tmp_path, options, orders=rows)
    assert (file.accepted, file.skipped, file.reasons) == (2, 5, {"missing_id": 1})
    assert edges(graph, "LED_TO", "source_id", "target_id", "action") == {
        ("red mug", "900001", "purchase"),
        ("mug for tea", "900001", "purchase"),
    }
    assert edges(graph, "SEARCHED", "source_id", "target_id", "at") == {("1", "red mug", AT), ("1", "mug for tea", AT)}
    assert edges(graph, "BOUGHT", "source_id", "target_id", "at") == {("1", "900001", AT)}
    csv_graph = DictGraph()
    cells = "\n".join(",".join(str(value or "") for value in row.values()) for row in rows)
    assert ingest(csv_graph, tmp_path, options, orders=f"user,query,time,product\n{cells}".encode()).accepted == 2
    assert csv_graph.tables == graph.tables


def test_judgments_come_as_lines_or_as_one_document(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    labels = {"P1": "E", "P2": "S", "P3": "C", "P4": "I", "P5": "?", "P6": None}
    lines = [{"query": "Red Mug", "product_id": product, "esci_label": label} for product, label in labels.items()]
    file = ingest(graph, tmp_path, options, judgments=lines)
    assert (file.accepted, file.reasons) == (4, {"missing_value": 1, "out_of_range": 1})
    gains = {("P1", 100.0), ("P2", 10.0), ("P3", 1.0), ("P4", 0.0)}
    assert edges(graph, "JUDGED", "target_id", "gain") == gains

    grades = {"P1": "100", "P2": "Partial", "P3": 1, "P4": "0.0", "P5": "?", "P6": -1}
    lines = [{"query": "red mug", "product_id": product, "esci_label": grade} for product, grade in grades.items()]
    graded = DictGraph()
    assert ingest(graded, tmp_path, options, judgments=lines).reasons == {"out_of_range": 2}
    assert graded.tables["JUDGED"] == graph.tables["JUDGED"]

    ratings: list[object] = [{"docId": product, "rating": f"{gain:.3f}"} for product, gain in gains]
    ratings += [{"docId": "P5", "rating": "good"}, {"docId": "P6", "rating": "-1"}, {"docId": "P7"}, "P8"]
    document = {"name": "n", "judgmentRatings": [{"query": "red mug", "ratings": ratings}, {"query": "no ratings"}]}
    same = DictGraph()
    for indent in (None, 2):
        file = ingest(same, tmp_path, options, judgments=json.dumps(document, indent=indent).encode())
        assert (file.lines, file.accepted, file.quarantined) == (9, 4, 5)
        assert same.tables["JUDGED"] == graph.tables["JUDGED"]


@pytest.mark.parametrize("content", [b'{"judgmentRatings": [{"query"', b'{"judgmentRatings": {}}'])
def test_a_broken_document_is_explained(
    tmp_path: Path, graph: DictGraph, options: IngestOptions, content: bytes
) -> None:
    with pytest.raises(RecordError, match=r"can't be read|no list") as caught:
        ingest(graph, tmp_path, options, judgments=content)
    assert caught.value.next_step


def test_bullet_points_follow_a_description_or_stand_for_it(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = [
        {"asin": "P1", "title": "Mug", "description": "", "bullet_points": "red\nround", "category": ["Home", "Mugs"]},
        {"asin": "P2", "description": "long", "bullet_points": "short", "brand": "Claymore"},
        {"product_id": "P3", "product_title": "Cup", "product_bullet_point": "tall", "product_brand": "Claymore"},
        {"title": "without an id"},
    ]
    assert ingest(graph, tmp_path, options, products=rows).reasons == {"missing_id": 1}
    assert edges(graph, "Product", "id", "title", "description") == {
        ("P1", "Mug", "red\nround"),
        ("P2", None, "long\nshort"),
        ("P3", "Cup", "tall"),
    }
    assert edges(graph, "MADE_BY", "source_id", "target_id") == {("P2", "Claymore"), ("P3", "Claymore")}
    assert set(graph.tables["Category"]) == {"Home", "Mugs"}


def test_two_locales_of_one_product_do_not_mix_and_the_choice_is_said(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = [
        {"product_id": "P", "product_title": "Mug", "product_brand": "B", "product_locale": "us"},
        {"product_id": "P", "product_title": "Una taza muy grande", "product_brand": "Marca", "product_locale": "es"},
        {"product_id": "Q", "product_title": "Cup"},
    ]
    (tmp_path / "products").write_bytes(json_lines(rows))
    for locale, title, other in (("", "Mug", "es, us"), ("es", "Una taza muy grande", "us, es")):
        graph = DictGraph()
        files = search_files(products=tmp_path / "products", locale=locale)
        (file,) = ingest_files(graph, files, None, options).files
        assert file.skipped_reasons == {f"locale {other} is loaded (--locale)": 1}
        assert edges(graph, "Product", "id", "title") == {("P", title), ("Q", "Cup")}
        assert len(graph.tables["Brand"]) == 1


def test_an_event_is_joined_to_its_query_wherever_that_stands(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    named = {"client_id": "c", "query_id": "q", "timestamp": "2024-10-23T20:20:39Z"}
    leads = {"object": {"object_id": "P"}, "position": {"ordinal": "3"}}
    click = {**named, "action_name": "click", "event_attributes": leads}
    lost = {**click, "query_id": "nowhere"}
    (tmp_path / "clicks").write_bytes(
        json_lines([click, lost, {"_source": {**click, "event_attributes": json.dumps(leads)}}])
    )
    (tmp_path / "queries").write_bytes(json_lines([{**named, "user_query": "red shoes"}]))
    summary = ingest_files(graph, search_files(events=[tmp_path / "clicks", tmp_path / "queries"]), None, options)
    assert [(f.accepted, f.duplicates, f.skipped) for f in summary.files] == [(1, 1, 1), (1, 0, 0)]
    assert edges(graph, "LED_TO", "source_id", "target_id", "position") == {("red shoes", "P", 3)}


def test_nothing_given_is_explained() -> None:
    with pytest.raises(SettingsError, match="nothing to load"):
        search_files()


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_the_real_events_are_counted(graph: DictGraph, options: IngestOptions) -> None:
    rows = [row.value for row in read_rows(REAL / EVENTS, SEARCH_EVENTS, silent)]
    assert all(isinstance(row, dict) for row in rows)
    num_events = sum("action_name" in row for row in rows if isinstance(row, dict))
    num_queries = sum("user_query" in row and "action_name" not in row for row in rows if isinstance(row, dict))
    assert (len(rows), num_queries, num_events) == (3_921, 473, 3_448)

    summary = ingest_files(graph, [SourceFile(REAL / EVENTS, SEARCH_EVENTS)], None, options)
    # 467 queries have a text, and so have 592 events of searching; 458 clicks and carts name their query, and 16 more
    # name one that stands in another row.
    assert summary.quarantined == 0 and summary.skipped == 3_921 - (467 + 592 + 458 + 16)
    assert (
        sum(summary.files[0].skipped_reasons.values()) == summary.skipped and "" not in summary.files[0].skipped_reasons
    )
    sizes = {name: len(graph.tables[name]) for name in ("SEARCHED", "LED_TO", "ADDED_TO_CART", "BOUGHT")}
    assert sizes == {"SEARCHED": 770, "LED_TO": 474, "ADDED_TO_CART": 207, "BOUGHT": 0}
    assert {row["action"] for row in graph.tables["LED_TO"].values()} == {"click", "add_to_cart"}


@pytest.mark.skipif(not REAL.is_dir(), reason="shared/data is missing")
def test_the_real_judgments_and_products_are_counted(graph: DictGraph, options: IngestOptions) -> None:
    files = search_files(judgments=REAL / "esci_us_judgments.json.gz", products=REAL / "products.jsonl.gz")
    summary = ingest_files(graph, files, None, options)
    assert [(f.lines, f.accepted, f.quarantined) for f in summary.files] == [(6_764, 6_764, 0), (6_678, 6_678, 0)]
    assert len(graph.tables["Query"]) == 150
    gains = [row["gain"] for row in graph.tables["JUDGED"].values()]
    assert {gain: gains.count(gain) for gain in set(gains)} == {100.0: 3_389, 10.0: 1_898, 1.0: 305, 0.0: 1_086}
    # 3,388 descriptions are empty, of them 189 without bullet points either.
    assert sum(row["description"] is None for row in graph.tables["Product"].values()) >= 189
    assert sum(row["title"] is not None for row in graph.tables["Product"].values()) == 6_764


AOL = b"""AnonID\tQuery\tQueryTime\tItemRank\tClickURL
142\tred mug\t2006-03-01 07:17:12\t2\thttp://www.mugs.org
142\tblue mug\t2006-03-01 07:18:12\t\t
217\t-\t2006-03-02 09:00:00\t\t
"""


def test_the_query_logs_of_aol_are_searches_and_clicks(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    file = ingest(graph, tmp_path, options, events=AOL)
    assert (file.accepted, file.skipped) == (2, 1)
    at = 1_141_197_432
    assert edges(graph, "SEARCHED", "source_id", "target_id", "at") == {
        ("142", "red mug", at),
        ("142", "blue mug", at + 60),
    }
    clicked = ("red mug", "http://www.mugs.org", at, "click", 2)
    assert edges(graph, "LED_TO", "source_id", "target_id", "at", "action", "position") == {clicked}


def test_a_column_that_may_hold_products_and_is_not_read_is_told(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    file = ingest(graph, tmp_path, options, events=f"user,query,time,sku\na,red mug,{AT},P1\n".encode())
    assert file.remarks == ("no column is read as the product; if sku holds it, say so: --column product=sku",)
    graph.tables.clear()
    assert not ingest(graph, tmp_path, options, events=[event("click", sku="P1")]).remarks


@pytest.mark.parametrize("names", ["user,query,time,product,action", "userId,Search Term,timestamp,product-id,ACTION"])
def test_a_plain_table_tells_searches_and_where_they_led(
    names: str, tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    rows = (
        f"a,red mug,{AT},,search\na,red mug,{AT + 5},P1,purchase\nb,mug,{AT},P2,\nb,,{AT},P2,purchase\nb,mug,{AT},,\n"
        f"b,,{AT},,\nb,,{AT},P2,\nb,mug,{AT},P3,Add to cart\nb,mug,{AT},P4,addToCart\nb,mug,{AT},P5, Click\n"
    )
    file = ingest(graph, tmp_path, options, events=f"{names}\n{rows}".encode())
    assert (file.accepted, file.duplicates, file.skipped) == (7, 0, 3)
    assert edges(graph, "SEARCHED", "source_id", "target_id", "at") == {
        ("a", "red mug", AT),
        ("a", "red mug", AT + 5),
        ("b", "mug", AT),
    }
    assert edges(graph, "LED_TO", "source_id", "target_id", "action") == {
        ("red mug", "P1", "purchase"),
        ("mug", "P2", "click"),
        ("mug", "P3", "add_to_cart"),
        ("mug", "P4", "add_to_cart"),
        ("mug", "P5", "click"),
    }
    assert edges(graph, "BOUGHT", "source_id", "target_id") == {("a", "P1")}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("orders", {"user_id": "u", "search_term": "word " * 2000, "timestamp": AT, "product_id": "P"}),
        ("events", query("word " * 2000)),
        ("events", event("click", user_query="x" * 10_000)),
    ],
)
def test_a_query_that_is_too_long_is_named_by_its_own_column(
    name: str, row: Row, tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    with pytest.raises(RecordError, match=r"first line 1, (user_)?query: .* at most 512 are kept"):
        ingest(graph, tmp_path, replace(options, max_bad=0), **{name: [row]})


def test_searches_without_products_are_told_which_option_reads_them(
    tmp_path: Path, graph: DictGraph, options: IngestOptions
) -> None:
    searches = f"user,query,time\na,red mug,{AT}\n".encode()
    with pytest.raises(RecordError, match=r"no column for the product .*; --events reads searches that led to none\)"):
        ingest(graph, tmp_path, options, orders=searches)
    assert ingest(graph, tmp_path, options, events=searches).accepted == 1
