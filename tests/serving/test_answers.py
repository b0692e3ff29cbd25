"""What the service answers: the same as the command line, best first, whoever asks."""

from __future__ import annotations

from kindred.domain.recommendation import Request
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.recommender import Opened, Recommender
from kindred.serving.service import Service
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import Client, Published


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
    too_many = client.get("/v1/products/users/u/recommendations", k=201)
    assert too_many.status_code == 422 and "k" in too_many.json()["error"]["message"]
    assert too_many.json()["error"]["request_id"] == too_many.headers["x-request-id"]


def test_health(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready").json()
    assert ready["status"] == "ready" and ready["systems"]["products"]
