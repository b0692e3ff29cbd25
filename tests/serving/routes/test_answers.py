"""What the service answers: the same as the command line, best first, whoever asks."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import orjson
import pytest

from kindred.domain.recommendation import Request
from kindred.domain.records import Reviewed
from kindred.recommenders.answering.recommender import Opened, Recommender
from kindred.recommenders.products import PRODUCTS
from kindred.serving.service import Service
from kindred.settings import Settings
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import Client, Published, opened


def users_of(published: Published) -> list[str]:
    return sorted({str(row["reviewerID"]) for row in published.reviews})


def test_the_service_answers_what_the_command_answers(client: Client, service: Service, published: Published) -> None:
    with service.graph.read() as store:
        opened = Opened(store, service.vectors, service.settings.data_dir / "artifacts" / "products", lambda: ENCODER)
        recommender = Recommender(PRODUCTS, opened)
        for user in [*users_of(published)[:12], "never seen"]:
            expected = recommender(Request(user_id=user, k=7, reasons=False))
            answer = client.get(f"/v1/products/users/{user}/recommendations", k=7, debug=True).json()
            assert [(item["id"], item["title"], item["source"]) for item in answer["items"]] == [
                (item.item_id, item.title, item.source) for item in expected.recommendations
            ]
            assert [item["score"] for item in answer["items"]] == [item.score for item in expected.recommendations]
            assert (answer["level"], answer["model"]) == (expected.level, expected.version)
            assert answer["removed"] == expected.removed and answer["served_by"] == "engine"


def test_a_known_user_needs_no_graph(client: Client, service: Service, published: Published) -> None:
    service.graph.close()
    opened_before = service.graph._reader
    client.get(f"/v1/products/users/{users_of(published)[0]}/recommendations")
    assert opened_before is None and service.graph._reader is None


def test_what_can_not_be_answered_says_what_to_do(client: Client) -> None:
    unknown = client.get("/v1/nothing/users/u/recommendations")
    assert unknown.status_code == 404 and "products" in unknown.json()["error"]["hint"]
    no_item = client.get("/v1/products/items/nothing/similar")
    assert no_item.status_code == 404 and "'nothing'" in no_item.json()["error"]["message"]
    too_many = client.get("/v1/products/users/u/recommendations", k=201)
    assert too_many.status_code == 422 and "k" in too_many.json()["error"]["message"]
    assert too_many.json()["error"]["request_id"] == too_many.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b'{"k": 5', 422, "the body: is no JSON: Expecting ',' delimiter"),
        (b'{"user_id": "\xff"}', 400, "the body is no JSON in UTF-8"),
        (b'{"k": "many"}', 422, "k: must be a whole number"),
        (b'{"boosts": {"P00007": 1e309}}', 422, "boosts.P00007: must be at most 10"),
    ],
)
def test_a_body_is_refused_in_plain_words(client: Client, body: bytes, status: int, message: str) -> None:
    reply = client.send_json("/v1/products/recommendations", body)
    assert (reply.status_code, reply.json()["error"]["message"]) == (status, message)
    said = client.send_json("/v1/events", b'{"user_id": true, "item_id": "p"}').json()["error"]
    assert said["message"] == "user_id: must be a text"
    of_many = client.send_json("/v1/events", b'[{"user_id": "u"}, {"user_id": true, "item_id": "p"}]')
    assert [of_one["reason"] for of_one in of_many.json()["results"]] == [
        "item_id: is missing",
        "user_id: must be a text",
    ]
    neither = client.send_json("/v1/events", b'"text"').json()["error"]
    assert neither["message"] == "the request: must be a table of names and values"
    assert "Content-Type: application/json" in client.send("/v1/events", b"{}").json()["error"]["hint"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("items/P00007/similar?k=3&where=category%3DMusic", "where: is not known"),
        ("users/u/why/P00007?k=2", "k: is not known"),
        ("users/u/recommendations?colour=red", "colour: is not known"),
        ("users/%00/recommendations", "user_id: control character or lone surrogate"),
        ("users//recommendations", "user_id: must have at least so many characters: 1"),
    ],
)
def test_every_part_of_an_address_counts(client: Client, path: str, said: str) -> None:
    path, _, query = path.partition("?")
    refused = client.get(f"/v1/products/{path}", **dict(parse_qsl(query)))
    assert (refused.status_code, refused.json()["error"]["message"]) == (422, said)
    hint = refused.json()["error"]["hint"]
    assert "JSON" not in hint and hint.startswith("it takes ") is said.endswith("is not known")
    for asked in ("recommendations", "rank"):  # read before the framework's own reading, and by it
        in_query = client.send_json(f"/v1/products/{asked}?k=3", b'{"items": ["P00007"]}' if asked == "rank" else b"{}")
        assert in_query.json()["error"]["message"] == "k: is not known"


@pytest.mark.parametrize("kind", ["application/vnd.shop+json", "Application/JSON; charset=utf-8"])
def test_a_body_is_answered_the_same_whoever_reads_it(client: Client, published: Published, kind: str) -> None:
    users, items = users_of(published)[:2], [str(row["asin"]) for row in published.reviews[:3]]
    viewed = {"user_id": users[0], "viewed": items[:1], "boosts": {items[1]: 1}, "k": 3, "debug": True}
    asked = {"recommendations": viewed, "recommendations/batch": {"users": users}, "rank": {"items": items}}
    for path, body in asked.items():
        usual = client.post(f"/v1/products/{path}", body)
        other = client.send_json(f"/v1/products/{path}", orjson.dumps(body), kind)
        assert usual.status_code == other.status_code == 200
        texts = (re.sub(r'"request_id":"\w+"', "", reply.text) for reply in (usual, other))
        assert len(set(texts)) == 1
    assert 'route="/v1/{system}/rank",status="200"' in client.get("/metrics").text


def test_metrics_count_answers_and_name_no_user(client: Client, published: Published) -> None:
    user = users_of(published)[0]
    client.get(f"/v1/products/users/{user}/recommendations")
    said = client.get("/metrics").text
    assert 'kindred_answers_total{degraded="false",level="model",served_by="engine",system="products"}' in said
    assert "/v1/{system}/users/{user_id}/recommendations" in said and user not in said
    assert 'kindred_stage_seconds_count{stage="recommend"}' in said and "kindred_event_lag_seconds 0.0" in said


def test_health(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready").json()
    assert ready["status"] == "ready" and ready["systems"]["products"]


def ids(reply: httpx.Response) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [item["id"] for item in reply.json()["items"]]


def test_who_goes_by_events_is_not_asked_with_searches(client: Client) -> None:
    refused = client.post("/v1/products/recommendations", {"queries": ["warm tone"]})
    assert refused.status_code == 422 and "does not go by searches" in refused.json()["error"]["message"]
    only = {"filters": {"category": "no such"}}
    assert client.post("/v1/products/recommendations", only).json()["items"] == []


def test_only_what_costs_so_much_and_is_there(client: Client, service: Service, published: Published) -> None:
    user = users_of(published)[0]
    first, second, third = ids(client.post("/v1/products/recommendations", {"user_id": user, "k": 3}))
    only = {"user_id": user, "filters": {"price": {"min": 5, "max": 20}, "in_stock": True}}
    assert ids(client.post("/v1/products/recommendations", only)) == []
    memory = service.system("products").memory
    memory.put_numbers(first, {"price": 20.5, "in_stock": 1.0})
    memory.put_numbers(second, {"price": 20.0, "in_stock": 1.0})
    memory.put_numbers(third, {"price": 9.5, "in_stock": 0.0})
    assert ids(client.post("/v1/products/recommendations", only)) == [second]
    asked = f"/v1/products/users/{user}/recommendations"
    assert ids(client.get(asked, where=["price>=5", "price<=20", "in_stock=yes"])) == [second]
    assert ids(client.get(asked, where=["price<=10"], k=2)) == [third]
    only_of = {"user_id": user, "filters": {"category": "Guitars"}}
    of_category = ids(client.post("/v1/products/recommendations", only_of))
    assert ids(client.get(asked, where="category=Guitars")) == ids(client.get(asked, category="Guitars")) == of_category
    for text in ("price", "price<=cheap", "colour=red", "where=", *(["price<=1"] * 11,)):
        refused = client.get(asked, where=text)
        assert refused.status_code == 422 and refused.json()["error"]["message"], text
    for wrong in ({"price": {"over": 3}}, {"colour": True}, {"price": {"max": "cheap"}}):
        assert client.post("/v1/products/recommendations", {"filters": wrong}).status_code == 422


def test_two_conditions_on_one_label_are_refused_and_bounds_of_one_number_hold_all(
    client: Client, service: Service, published: Published
) -> None:
    asked = f"/v1/products/users/{users_of(published)[0]}/recommendations"
    assert client.get(asked, category="Guitars", where="category=Guitars").status_code == 200
    for refused in (
        client.get(asked, category="Guitars", where="category=Amps"),
        client.get(asked, where=["category=Guitars", "category=Amps"]),
        client.post("/v1/products/recommendations", {"where": {"Category": "Guitars", "category": "Amps"}}),
    ):
        assert refused.status_code == 422 and "two of category" in refused.json()["error"]["message"]
    first, second = ids(client.get("/v1/products/users/somebody else/recommendations", k=2))
    service.system("products").memory.put_numbers(first, {"price": 7.5})
    service.system("products").memory.put_numbers(second, {"price": 8.5})
    both = {"where": {"Price": {"max": 8}, "price": {"max": 800, "min": 7}}}
    assert ids(client.post("/v1/products/recommendations", both)) == [first]


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\x00", "\u3000 \x1f"])
def test_a_text_without_a_word_says_nothing(client: Client, text: str) -> None:
    answer = client.post("/v1/products/recommendations", {"text": text}).json()
    without = client.post("/v1/products/recommendations", {}).json()
    assert answer["level"] == "popular" and answer["items"] == without["items"]
    user = {"user_id": "U00003", "k": 3}
    said = client.post("/v1/products/recommendations", {**user, "text": f" warm tone {text}"})
    assert ids(said) == ids(client.post("/v1/products/recommendations", {**user, "text": "warm tone"}))


def test_candidates_that_are_all_unknown_are_not_called_reviewed(client: Client, published: Published) -> None:
    note = client.post("/v1/products/rank", {"user_id": users_of(published)[0], "items": ["no such"]}).json()["note"]
    assert "reviewed" not in note and note.startswith("none of the given products can be put in order; left aside")


def test_rules_of_a_request_hold(client: Client, published: Published) -> None:
    user = users_of(published)[0]
    plain = ids(client.post("/v1/products/recommendations", {"user_id": user, "k": 20}))
    seen = next(str(row["asin"]) for row in published.reviews if row["reviewerID"] == user)
    ruled = {"user_id": user, "k": 5, "pinned": [plain[15], seen], "exclude": plain[:2], "boosts": {plain[12]: 2.0}}
    answer = client.post("/v1/products/recommendations", ruled).json()
    assert [item["id"] for item in answer["items"]] == [plain[15], seen, plain[12], plain[2], plain[3]]
    assert [item["source"] for item in answer["items"]] == ["rule", "rule", "model", "model", "model"]


def test_what_is_viewed_and_said_moves_the_answer(client: Client, published: Published) -> None:
    product = str(published.reviews[0]["asin"])
    popular = client.post("/v1/products/recommendations", {}).json()
    viewed = client.post("/v1/products/recommendations", {"viewed": [product]}).json()
    said = client.post("/v1/products/recommendations", {"text": published.reviews[0]["reviewText"]}).json()
    assert (popular["level"], viewed["level"], said["level"]) == ("popular", "inductive", "inductive")
    assert viewed["items"] != popular["items"] != said["items"] and product not in [i["id"] for i in viewed["items"]]


def test_rank_similar_and_batch(client: Client, published: Published) -> None:
    users, products = users_of(published), sorted({str(row["asin"]) for row in published.reviews})
    every = ids(client.get(f"/v1/products/users/{users[0]}/recommendations", k=50, exclude_seen=False))
    ranked = client.post("/v1/products/rank", {"user_id": users[0], "items": [*products[:9], "no such"]})
    assert ids(ranked) == [item for item in every if item in products[:9]] and ranked.json()["unknown"] == ["no such"]
    assert len(ids(client.get(f"/v1/products/items/{products[0]}/similar", k=4))) == 4
    batch = client.post("/v1/products/recommendations/batch", {"users": users[:3], "k": 4}).json()["answers"]
    assert [[item["id"] for item in answer["items"]] for answer in batch] == [
        ids(client.get(f"/v1/users/{user}/recommendations", k=4)) for user in users[:3]
    ]


def test_reviews_in_five_products_out_for_each_writer(client: Client, published: Published) -> None:
    rows = published.reviews[:30]
    body = [
        {"reviewerID": f"new {row['reviewerID']}", "asin": row["asin"], "verified": True, "score": row["overall"],
         "product_name": "", "product_info": "", "comment": row["reviewText"]}
        for row in rows
    ]  # fmt: skip
    writers = list(dict.fromkeys(row["reviewerID"] for row in body))
    lists = client.post("/reviews/", body).json()["recommendations"]
    assert len(lists) == len(writers) and all(len(found) == 5 for found in lists)
    for writer, found in zip(writers, lists, strict=True):
        assert not {row["asin"] for row in body if row["reviewerID"] == writer} & set(found)
    assert client.post("/reviews/", []).json() == {"recommendations": []}


def test_an_answer_as_of_a_time_knows_nothing_later(settings: Settings, published: Published) -> None:
    """Whatever comes later changes no answer for an earlier time."""
    times = sorted(int(row["unixReviewTime"]) for row in published.reviews)
    user = users_of(published)[1]
    asked = [times[0] - 1, times[len(times) // 2], times[-1]]
    with opened(settings) as service:
        client = Client(service)
        paths = [(f"/v1/products/users/{who}/recommendations", at) for who in (user, "new one") for at in asked]
        before = [client.get(path, at=at).json()["items"] for path, at in paths]
        nothing = client.get(paths[0][0], at="1990-01-01").json()
        assert nothing["items"] == [] and nothing["note"].endswith("nothing that fits had happened up to then")
        products = ids(client.get(f"/v1/products/users/{user}/recommendations"))
        later = [
            Reviewed(event_id=f"late {who} {item}", source_id=who, target_id=item, rating=5, at=times[-1] + 60)
            for who in (user, "new one")
            for item in products[:3]
        ]
        memory = service.system("products").memory
        memory.add_events(later)
        memory.put_items([("came later", "Later")], times[-1] + 60)
        assert [client.get(path, at=at).json()["items"] for path, at in paths] == before
        now = client.get(f"/v1/products/users/{user}/recommendations")
        assert now.json()["level"] == "folded-in" and not set(products[:3]) & set(ids(now))
        assert client.get("/v1/products/users/new one/recommendations").json()["level"] == "inductive"


def test_a_path_that_nothing_answers_is_told_where_all_are_listed(client: Client) -> None:
    for said in (client.get("/v1/nothing"), client.get("/v1/events")):
        assert said.status_code in (404, 405) and "/docs" in said.json()["error"]["hint"]


def test_every_path_is_in_the_docs(client: Client) -> None:
    """By whatever names the docs call what stands in braces."""
    docs = "".join(path.read_text("utf-8") for path in (Path(__file__).parents[3] / "docs").glob("*.md"))
    named = re.sub(r"{\w+}", "{}", docs)
    paths = [re.sub(r"{\w+}", "{}", path).rstrip("/") for path in client.get("/openapi.json").json()["paths"]]
    assert [path for path in paths if path.removesuffix("/{}") not in named] == []
