"""The Python client and the load test against the real service, and what the client does when the way is bad."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest
import uvicorn
from typer.testing import CliRunner

from kindred import client as client_module
from kindred.cli.app import whole_tree
from kindred.client import Client, ServiceError
from kindred.domain.errors import GateError, SettingsError, StoreError
from kindred.serving.app import build_app
from kindred.serving.running import listening
from tests.serving.conftest import Published, opened, settings_in

app = whole_tree()


@pytest.fixture(scope="module")
def address(published: Published, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a real service on a port of its own."""
    settings = settings_in(published, tmp_path_factory.mktemp("client") / "data")
    with opened(settings) as service, listening("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(build_app(service), log_config=None, lifespan="on"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def a_user(published: Published) -> str:
    return str(published.reviews[0]["reviewerID"])


@pytest.mark.parametrize("user", [".", "..", "...", "a/../b", "%2e", "ä?#"])
def test_any_id_is_one_part_of_an_address(address: str, user: str) -> None:
    with Client(address) as client:
        assert client.recommend(user, k=1)["user_id"] == user
        assert client.why(user, client.recommend(user, k=1)["items"][0]["id"])["user_id"] == user
        with pytest.raises(ServiceError) as refused:
            client.similar(user)
        assert (refused.value.status, refused.value.code) == (404, "unknown")


def test_it_asks_and_tells(address: str, published: Published) -> None:
    user = a_user(published)
    with Client(address) as client:
        assert client.is_ready()
        before = client.recommend(user, k=3)
        first = before["items"][0]["id"]
        assert before["user_id"] == user and len(before["items"]) == 3 and not before["degraded"]
        event = {"user_id": user, "item_id": first, "rating": 5, "event_id": "order/1 ä"}
        assert client.send([event])["accepted"] == 1
        assert client.send([event])["duplicate"] == 1, "sent twice it counts once"
        assert first not in [item["id"] for item in client.recommend(user, k=3)["items"]]
        assert client.put_items([{"id": "P 90 001", "title": "Clip-on tuner"}])["accepted"] == 1
        client.delete_item("P 90 001")
        assert client.put_users([{"id": "new one", "country": "NZ"}])["accepted"] == 1
        client.delete_user("new one")
        assert client.recommend("new one", k=1)["level"] == "popular"
        assert client.recommend(user, where=["price<=0", "in_stock=yes"])["items"] == []
        with pytest.raises(ServiceError, match="422"):
            client.recommend(user, where=["price"])
        with pytest.raises(ServiceError, match=r"404: .* — ") as refused:
            client.recommend(user, system="none")
        assert refused.value.status == 404 and refused.value.request_id


def test_it_asks_in_every_way(address: str, published: Published) -> None:
    user, other = a_user(published), str(published.reviews[-1]["reviewerID"])
    with Client(address) as client:
        best = client.recommend(user, k=5, reasons=True)
        ids = [item["id"] for item in best["items"]]
        assert any("reason" in item for item in best["items"])
        assert [item["id"] for item in client.recommend_for({"user_id": user, "k": 5})["items"]] == ids
        assert ids[0] not in [i["id"] for i in client.recommend_for({"user_id": user, "exclude": ids[:1]})["items"]]
        many = client.recommend_many([user, other] * 51, k=5)
        assert len(many) == 102 and [item["id"] for item in many[100]["items"]] == ids
        assert ids[0] not in [item["id"] for item in client.similar(ids[0], k=3)["items"]]
        ranked = client.rank([*reversed(ids), "no such item"], user)
        assert [item["id"] for item in ranked["items"]] == ids and ranked["unknown"] == ["no such item"]
        found = client.why(user, ids[0])
        assert found["item"]["id"] == ids[0] and found["evidence"][0]["nodes"][0]["id"] == user


def test_the_load_test_reports_every_answer(address: str, published: Published) -> None:
    user = a_user(published)
    command = ("load-test", address, "--rate", "40", "--seconds", "0.5", "--user", user, "--user", "nobody", "--json")
    found = CliRunner().invoke(app, command, catch_exceptions=False)
    report = json.loads(found.stdout)
    assert report["requests"] == report["statuses"]["200"] == sum(report["served_by"].values()) == 20
    assert report["degraded"] == 0
    assert 0 < report["milliseconds"]["p50"] <= report["milliseconds"]["p99"] <= report["milliseconds"]["max"]


def test_the_load_test_is_of_this_machine_and_says_what_failed(address: str) -> None:
    for url, error in (("http://example.com", SettingsError), ("http://127.0.0.1:9", StoreError)):
        assert isinstance(CliRunner().invoke(app, ("load-test", url, "--user", "u")).exception, error)
    lost = ("load-test", address, "--rate", "20", "--seconds", "0.1", "--user", "u", "--system", "none", "--json")
    found = CliRunner().invoke(app, lost)
    assert isinstance(found.exception, GateError) and "--system" in str(found.exception)
    assert json.loads(found.stdout)["statuses"] == {"404": 2}


def test_what_can_be_no_key_is_said() -> None:
    for key in ("…", "kd_1 2", "a\nb"):
        with pytest.raises(ValueError, match="this is no key"):
            Client("http://service", key=key)
        command = ("load-test", "http://127.0.0.1:9", "--user", "u", "--key", key)
        assert isinstance(CliRunner().invoke(app, command).exception, SettingsError)


def flaky(replies: list[Callable[[], httpx.Response]]) -> tuple[Client, list[httpx.Request]]:
    """A client on a way that gives these replies in turn, and the requests that it made."""
    asked: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return replies[len(asked) - 1]()

    return Client("http://service", transport=httpx.MockTransport(reply)), asked


def lost() -> httpx.Response:
    raise httpx.ConnectError("no way")


def busy() -> httpx.Response:
    return httpx.Response(503, headers={"Retry-After": "7"}, json={"error": {"message": "busy", "hint": "wait"}})


def test_it_tries_again_with_the_same_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(client_module.time, "sleep", pauses.append)
    written = {"accepted": 1, "duplicate": 0, "rejected": 0, "results": []}
    client, asked = flaky([lost, busy, lambda: httpx.Response(200, json=written)])
    assert client.send([{"user_id": "u", "item_id": "i"}])["accepted"] == 1
    bodies = [json.loads(request.content) for request in asked]
    assert bodies[0][0]["event_id"] and bodies[0] == bodies[1] == bodies[2]
    assert pauses[1] == 7, "as long as the service said"


def test_it_gives_up_in_the_end_and_at_once_where_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module.time, "sleep", lambda _: None)
    client, asked = flaky([busy] * 4)
    with pytest.raises(ServiceError, match="busy") as refused:
        client.recommend("u")
    assert len(asked) == 4 and refused.value.hint == "wait"
    client, asked = flaky([lambda: httpx.Response(422, text="no JSON")])
    with pytest.raises(ServiceError, match="422"):
        client.recommend("u")
    assert len(asked) == 1


def test_the_file_stands_alone(tmp_path: Path) -> None:
    """Copied into another project it brings nothing of Kindred."""
    (tmp_path / "shop_client.py").write_bytes(Path(str(client_module.__file__)).read_bytes())
    look = "import sys, shop_client; sys.exit(any(name.startswith('kindred') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", look], cwd=tmp_path).returncode == 0
