"""The pages without a browser: each is there, says what is wrong, and shows hostile text as text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, quote

import httpx
import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError
from kindred.domain.recommendation import Request
from kindred.domain.schema import graph_schema
from kindred.domain.shown import counted
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.runs import finish_run
from kindred.serving.pages import item_pages, try_page, user_pages
from kindred.serving.pages.charts import epochs_of, line_chart, ticks_of
from kindred.serving.pages.item_map import HEIGHT, WIDTH, read_map
from kindred.serving.pages.rendering import ago, brief, sentence
from kindred.serving.service import Service
from kindred.stores import runs_folder_of
from tests.serving.conftest import Client, Published
from tests.serving.pages.run_report import write_report
from tests.serving.routes.test_answers import users_of


class Text(HTMLParser):
    """The elements of a page and all that they say."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said += data


def get(client: Client, address: str) -> httpx.Response:
    path, _, query = address.partition("?")
    return client.get(path, **parse_qs(query, keep_blank_values=True))


def text_of(client: Client, address: str) -> Text:
    reply = get(client, address)
    assert reply.status_code == 200, reply.text
    assert "script-src 'self'" in reply.headers["content-security-policy"]
    return Text(reply.text)


@pytest.fixture(scope="module")
def user(published: Published) -> str:
    """Somebody who has reviewed a few products."""
    counts = {user: sum(row["reviewerID"] == user for row in published.reviews) for user in users_of(published)}
    return next(user for user, count in counts.items() if 6 <= count <= 15)


@pytest.fixture(scope="module")
def item(service: Service, user: str) -> str:
    recommender = service.system("products").recommender
    return recommender(Request(user_id=user, k=1)).recommendations[0].item_id


def test_every_page_is_there_and_holds_no_inline_script_or_style(client: Client, user: str, item: str) -> None:
    paths = ["/ui", "/ui/products", f"/ui/products?q={user[:3]}", f"/ui/products/user?id={user}", "/ui/products/map"]
    paths += [f"/ui/products/why?user={user}&item={item}", f"/ui/products/item?id={item}", "/ui/products/try"]
    paths += [f"/ui/products/graph?label=User&id={user}", f"/ui/products/compare?user={user}", "/ui/runs", "/ui/status"]
    paths += ["/ui/run?system=products&name=20260101-000000-aaaaaa"]
    for path in paths[1:]:
        page = text_of(client, path)
        names = {name for name, _ in page.attributes}
        assert "style" not in page.tags and not names & {"style", "onclick", "onload", "onerror"}
        assert page.tags.count("h1") == 1 and "Kindred" in page.said
    assert client.get("/ui").status_code == 307
    assert client.get("/").headers["location"] == "/ui"


def test_a_search_says_where_it_shows_the_first_only(
    client: Client, service: Service, user: str, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, letter = user[:1], item[:1]
    for whole in (user, item):
        assert "there are more" not in text_of(client, f"/ui/products?q={whole}").said
    monkeypatch.setattr(user_pages, "FOUND", 2)
    monkeypatch.setattr(try_page, "FOUND", 2)
    for path in (f"products?q={start}", f"products?q={letter}", f"products/try?q={letter}"):
        assert "The first 2; there are more." in text_of(client, f"/ui/{path}").said, path


def test_the_interface_is_shown_without_anything_from_elsewhere(client: Client) -> None:
    page = text_of(client, "/docs")
    addresses = [value or "" for name, value in page.attributes if name in ("src", "href")]
    assert all(address.startswith(("/", "#")) for address in addresses)
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page.said
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for body in ("Asked", "Batch", "ToRank", "NewEvent", "NewNode"):
        assert all(field["description"] in page.said for field in schemas[body]["properties"].values()), body
    assert "event_id" in page.said and "list of" in page.said and "429" in page.said


def test_why_shows_what_the_interface_says(client: Client, user: str, item: str) -> None:
    told = client.get(f"/v1/products/users/{user}/why/{item}").json()
    assert told["evidence"] and told["now"]["rank"] == 1
    assert client.get(f"/v1/users/{user}/why/{item}").json()["evidence"] == told["evidence"], "products are meant"
    page = text_of(client, f"/ui/products/why?user={user}&item={item}")
    for path in told["evidence"]:
        assert path["text"][1:] in page.said
        assert all((node["title"] or node["id"]) in page.said for node in path["nodes"])
        assert all(quoted["sentence"] in page.said for quoted in path["quotes"])
    assert "not proof" in page.said and page.tags.count("svg") >= 2


def test_why_of_what_is_not_there_is_404(client: Client, user: str) -> None:
    assert client.get(f"/v1/products/users/{user}/why/nothing").status_code == 404
    stranger = client.get("/v1/products/users/stranger/why/" + "P00001").json()
    assert stranger.get("evidence", []) == []


def test_a_page_that_can_not_be_made_says_why_and_offers_the_search(client: Client, user: str) -> None:
    for path in (
        "products/item?id=none",
        "products/user",
        "products/graph?label=X&id=1",
        "products/graph?label=User&id=none",
        "nothing",
        "products/nowhere",
    ):
        reply = get(client, f"/ui/{path}")
        assert reply.status_code == 404 and "Search" in reply.text, path
        assert 'action="/ui/products"' in reply.text
    assert client.get("/ui/static/..%2fpages.py").status_code == 404
    for path in ("", "?system=products&name=../../x", "?system=none&name=x", "?system=..&name=products"):
        no_run = get(client, f"/ui/run{path}")
        assert no_run.status_code == 404 and '<a href="/ui/runs">/ui/runs</a> lists' in no_run.text, path
    assert "open the graph from the page of a user" in get(client, "/ui/products/graph?label=User&id=none").text
    unknown = text_of(client, "/ui/products/user?id=stranger")
    assert "No user of this id" in unknown.said


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "{{7*7}}", "é & “x”"]
)
def test_hostile_text_is_text(client: Client, text: str) -> None:
    for path in ("products?q=", "products/user?id=", "products/item?id=", "products/compare?user=", "products/try?q="):
        reply = get(client, f"/ui/{path}{quote(text)}")
        page = Text(reply.text)
        names = [value for name, value in page.attributes if name == "value"]
        assert text in page.said.replace("\\'", "'") or text in names
        assert "img" not in page.tags and page.tags.count("script") == 0


def test_who_tries_it_gets_what_a_recommender_answers(client: Client, service: Service, published: Published) -> None:
    picked = [str(row["asin"]) for row in published.reviews[:2]]
    pasted = f"{picked[1]} | 4 | lovely sound"
    page = text_of(client, f"/ui/products/try?pick={picked[0]}&stars+{picked[0]}=2&pasted={quote(pasted)}")
    assert "encoded just now" in page.said and "Remove" in page.said
    assert ("value", picked[0]) in page.attributes
    high = text_of(client, f"/ui/products/try?pasted={quote(picked[0] + ' | 9')}")
    assert "Line 1: rating: 9 is not from 1 to 5." in high.said
    bad = text_of(client, f"/ui/products/try?pasted={quote(picked[0] + ' | many')}")
    assert "Line 1 can't be understood: write" not in bad.said and "`id | stars | words`" in bad.said
    unknown = text_of(client, f"/ui/products/try?pasted={quote(picked[0] + chr(10) + 'no such one | 4 | lovely')}")
    assert "Not among the products here: no such one. Only what is said of them counts." in unknown.said
    assert "Not among" not in page.said
    json_line = json.dumps({"reviewerID": "x", "asin": picked[0], "overall": 5.0, "unixReviewTime": 1_500_000_000})
    assert "encoded just now" in text_of(client, f"/ui/products/try?pasted={quote(json_line)}").said


def test_the_map_puts_every_item_in_the_frame(service: Service) -> None:
    opened = service.system("products")
    found = read_map(opened, "")
    assert isinstance(opened.recommender, Recommender)
    assert {point.item_id for point in found.points} == set(opened.recommender.version().model.items.ids)
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in found.points)
    assert found.kind == "category" and sum(count for _, _, count in found.groups) == found.num_items
    name = found.groups[0][0]
    chosen = read_map(opened, name)
    assert {point.group for point in chosen.points if not point.is_faint} == {name} and chosen.listed
    assert read_map(opened, "no such category") == found, "none stands out, none is faint"


def test_runs_of_a_system_with_figures_and_weights_of_its_own_are_shown(client: Client, service: Service) -> None:
    folder = runs_folder_of(service.settings, "posts") / "20260101-000000-bbbbbb"
    evaluation = folder / "evaluation" / "logged"
    folder.mkdir(parents=True)
    weights = {"control": {"popular": 0.25}, "test": {"popular": 0.125, "topic_place": -0.5}}
    counts = {"events": 9, "users": 3, "items": 4, "seed": 1}
    finish_run(folder, {"system": "posts", "config": {"model": "gnn"}, "weights": weights, **counts})
    evaluation.mkdir(parents=True)
    report = {"figures": {"slate_auc": 0.5912}, "summary": ["logged, start: 7 requests", "test  0.5912"]}
    (evaluation / "report.json").write_text(json.dumps(report))
    (broken := folder.parent / "1" / "manifest.json").parent.mkdir()
    broken.write_text("{")
    listed = Text(client.get("/ui/runs").text).said
    assert "Damaged, and left out: posts 1" in listed
    assert "slate auc" in listed and "0.5912" in listed and "boosting" in listed
    shown = Text(client.get("/ui/run", system="posts", name=folder.name).text).said
    assert "logged, start: 7 requests" in shown and "test: popular" in shown and "test: topic place" in shown
    assert client.get("/ui/run", system="posts", name=folder.name).text.count('class="meter below"') == 1
    for damaged in ("{", '{"figures": 7}'):
        (evaluation / "report.json").write_text(damaged)
        listed = Text(client.get("/ui/runs").text).said
        assert folder.name in listed and "report damaged" in listed
        assert client.get("/ui/run", system="posts", name=folder.name).status_code == 200


@pytest.mark.parametrize("left_out", ["nothing", "rating"])
def test_the_report_of_an_evaluated_run_is_shown(client: Client, service: Service, left_out: str) -> None:
    """A model that only ranks has no rating."""
    run = write_report(service, left_out)
    shown = text_of(client, f"/ui/run?system=products&name={run}").said
    assert "Evaluation, temporal split" in shown and "few users" in shown
    assert "1,234" in shown and "cold" in shown and "0.012" in shown
    assert "roc auc" in shown and "0.914" in shown and "0.876" in shown
    assert "too few users" in shown and "ease: +0.1000 [+0.0500, +0.1500]" in shown
    assert "retrieval alone" in shown and "0.311" in shown and "[+0.0500, +0.1500], better" in shown
    assert "+0.050 to +0.150, better" in shown
    assert "same artist" in shown and "same_artist" not in shown
    assert ("0.990" in shown) == (left_out != "rating")


def test_numbers_and_long_names_are_written_as_people_do(client: Client) -> None:
    assert counted(1, "review", "reviews") == "1 review" and counted(2_000, "review", "reviews") == "2,000 reviews"
    assert [ago(m) for m in (0.4, 1.2, 119, 60 * 50)] == ["just now", "1 minute ago", "1 hour ago", "2 days ago"]
    assert sentence("nothing is known") == "Nothing is known." and sentence("What a clown!") == "What a clown!"
    assert brief("W" * 100) == "W" * 100 and brief("a b " * 60, 8) == "a b a b…"
    found = text_of(client, "/ui/products").said
    assert "reviews" in found and "0 products." not in found
    assert Text(client.get("/ui/nowhere").text).said.count("There is no published system") == 1


@pytest.mark.parametrize("k", ["²", "-5", "abc", "10.0", "11", ""])
def test_a_number_of_recommendations_that_is_not_offered_is_the_usual_one(client: Client, user: str, k: str) -> None:
    page = get(client, f"/ui/products/user?id={quote(user)}&k={quote(k)}")
    assert page.status_code == 200 and page.text.count('class="rank"') == 10


def test_ticks_are_round_and_hold_the_values() -> None:
    assert ticks_of(0.02, 0.158) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
    assert ticks_of(3.0, 3.0)[0] <= 3.0 <= ticks_of(3.0, 3.0)[-1]
    assert [epochs_of(1, last) for last in (20, 3, 9, 2)] == [[1, 5, 10, 15, 20], [1, 2, 3], [1, 2, 4, 6, 8], [1, 2]]
    chart = line_chart("loss", {"a": [(1, 2.0), (2, 1.0)], "b": [(2, 3.0)]})
    assert chart is not None and chart.table == (("1", ("2", "–")), ("2", ("1", "3")))
    assert line_chart("nothing", {"a": [(1, 2.0)]}) is None


def test_examples_stand_in_the_order_of_the_number_beside_them(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as listens, where who skips much does much."""
    recommender = service.system("products").recommender
    users = recommender.example_users(6)[::-1]
    monkeypatch.setattr(recommender, "example_users", lambda count: users)
    counts = [int(count) for count in re.findall(r">(\d+) reviews?</span>", client.get("/ui/products").text)]
    assert len(counts) == 6 and len(set(counts)) > 1 and counts == sorted(counts, reverse=True)


def test_where_there_is_no_example_the_page_says_so(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no user to show yet" not in text_of(client, "/ui/products").said
    monkeypatch.setattr(service.system("products").recommender, "example_users", lambda count: [])
    assert "There is no user to show yet." in text_of(client, "/ui/products").said


def test_what_an_item_leads_to_is_called_by_its_name(service: Service) -> None:
    with service.graph.write() as store:
        store.upsert_nodes(graph_schema().node("Artist"), pa.table({"id": ["a1", "a2"], "name": ["Marpha", None]}))
    assert item_pages.names_of(service, "Artist", ["a1", "a2"]) == {"a1": "Marpha", "a2": None}
    assert item_pages.names_of(service, "Category", ["Kitchen"]) == {}


def test_an_item_that_the_graph_lacks_is_shown_as_far_as_it_is_known(
    client: Client, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the graph was replaced; the graph itself can be read, and the page does not say otherwise."""

    def lacks(*_: object, **__: object) -> None:
        raise SchemaError(f"no Product {item!r} in the graph")

    monkeypatch.setattr(item_pages, "read_view", lacks)
    said = text_of(client, f"/ui/products/item?id={item}").said
    assert f"What the graph holds of it can't be shown: No Product {item!r} in the graph." in said
    assert "Suits those who liked it" in said
