"""What fails is replaced by the next best, and said so; a newer version is taken whole or not at all."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import httpx
import pytest

from kindred.domain.deadline import deadline
from kindred.domain.errors import ArtifactError, LateError, StoreError
from kindred.domain.recommendation import Answer, Request
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.publishing import publish
from kindred.recommenders.recommends import Recommends
from kindred.recommenders.runs import find_run
from kindred.serving.answering import breaker as breaker_module
from kindred.serving.answering import opened_system
from kindred.serving.answering.breaker import FAILURES, REST_SECONDS, Breaker
from kindred.serving.answering.ladder import Ladder
from kindred.serving.answering.opened_system import OpenedSystem
from kindred.serving.answering.sampled_recall import SampledRecall
from kindred.serving.service import NUM_THREADS, Service
from kindred.serving.state.graph_door import NotReadError
from kindred.settings import Settings
from kindred.stores import graph_of, vectors_of
from tests.recommenders.conftest import write_product
from tests.serving.conftest import Client, ask, opened

USER = "U00001"


def versions_of(settings: Settings) -> Path:
    return settings.data_dir / "vectors" / "products" / "versions"


def test_files_of_the_engine_are_gone_or_garbage(settings: Settings) -> None:
    with opened(settings) as service:
        client = Client(service)
        good = client.get(f"/v1/products/users/{USER}/recommendations").json()
        assert good["served_by"] == "engine" and not good["degraded"]
        for file in versions_of(settings).rglob("*"):
            if file.is_file():
                file.write_bytes(b"garbage")
        shutil.rmtree(versions_of(settings))
        for _ in range(5):
            answer = client.get(f"/v1/products/users/{USER}/recommendations").json()
            assert (answer["served_by"], answer["degraded"]) == ("exact", True) and answer["note"]
            assert [i["id"] for i in answer["items"]] == [i["id"] for i in good["items"]]
        told = client.get("/health/deps").json()["systems"]["products"]
        assert told["engine"] != "closed" and told["engine_is"] in ("left alone", "tried by one request")
        status = client.get("/ui/status").text
        assert "All is well" not in status and "The vector engine fails" in status
        assert 'kindred_engine_up{system="products"} 0.0' in client.get("/metrics").text


def test_every_level_answers(settings: Settings) -> None:
    with opened(settings) as service:
        ladder = service.system("products").ladder
        request = Request(user_id=USER, k=5, reasons=False)
        best = ladder(request)
        error = StoreError("gone")
        last = ladder.from_lists(request, error)
        assert last.recommendations == best.recommendations and last.served_by == "last" and last.degraded
        ladder.forget_user(USER)
        like = ladder.from_lists(request, error)
        seen = set(service.system("products").memory.seen(USER, None))
        assert like.served_by == "like" and len(like.recommendations) == 5
        assert not seen & {item.item_id for item in like.recommendations}
        popular = ladder.from_lists(Request(user_id="new", k=5), error)
        assert popular.served_by == "popular" and len(popular.recommendations) == 5
        counts = service.system("products").memory.counts(None)
        assert popular.recommendations[0].score == max(counts.values())


def test_the_last_list_is_one_that_was_asked_for_in_the_same_way(settings: Settings) -> None:
    with opened(settings) as service:
        ladder, error = service.system("products").ladder, StoreError("gone")
        plain = Request(user_id=USER, k=5, reasons=False)
        with_seen = replace(plain, exclude_seen=False)
        seen = set(service.system("products").memory.seen(USER, None))
        best = ladder(plain).recommendations
        instead = ladder.from_lists(with_seen, error)
        assert instead.served_by == "like" and seen & {item.item_id for item in instead.recommendations}
        best_of_all = ladder(with_seen).recommendations
        assert ladder.from_lists(with_seen, error).recommendations == best_of_all != best
        ladder(replace(plain, k=20, exclude=frozenset(item.item_id for item in best)))
        assert ladder.from_lists(plain, error).recommendations == best, "what another request excluded is there"
        ladder.forget_user(USER)
        assert {ladder.from_lists(request, error).served_by for request in (plain, with_seen)} == {"like"}


def test_lists_made_of_counts_keep_to_what_is_asked_and_say_what_they_do_not_look_at(service: Service) -> None:
    ladder, memory = service.system("products").ladder, service.system("products").memory
    error, plain = StoreError("gone"), Request(user_id=USER, k=8, reasons=False)
    ladder.forget_user(USER)
    usual = [item.item_id for item in ladder.from_lists(plain, error).recommendations]
    seen, raised = memory.seen(USER, None)[0], usual[-1]
    pinned = ["no such item", usual[3], seen, usual[3], usual[0]]
    asked = replace(plain, pinned=pinned, boosts={raised: 10.0, "nor this": 9.0}, exclude=frozenset([usual[0]]))
    answer = ladder.from_lists(asked, error)
    found = [item.item_id for item in answer.recommendations]
    assert found[:3] == [usual[3], seen, raised] and usual[0] not in found and len(set(found)) == 8
    assert [item.source for item in answer.recommendations[:3]] == ["rule", "rule", "popular"]
    assert "do not look at" not in answer.note
    looking = ladder.from_lists(replace(plain, diversity=0.5, viewed=[usual[0]], text="warm tone"), error)
    assert looking.note.endswith("counts do not look at diversity, what is viewed, the text")
    [category] = {triple[2].lower() for triple in memory.system.triples[1:] if triple[2] == "Category"}
    nodes = [ladder._nodes_of(item, category) for item in usual]
    few = ladder.from_lists(replace(plain, at_most={category: 1}), error)
    held = [node for item in few.recommendations for node in ladder._nodes_of(item.item_id, category)]
    assert any(nodes) and len(set(held)) == len(held)


def test_a_graph_that_can_t_be_read_is_not_taken_for_a_vector_engine_that_fails(settings: Settings) -> None:
    with opened(settings) as service:
        system = service.system("products")

        def ask_graph(request: Request) -> Answer:
            raise NotReadError("another process has it", "let it end")

        by_graph = cast(Recommends, ask_graph)
        ladder = Ladder(by_graph, system.memory, lambda: system.version, system.memory.graph_problem)
        answers = [ladder(Request(user_id=USER, k=5)) for _ in range(5)]
        assert {(answer.degraded, answer.note) for answer in answers} == {
            (True, "the graph can't be read; popular among users who chose the same")
        }
        assert ladder.breaker.state == "closed"


def test_a_vector_engine_that_fails_is_told_once_and_that_it_answers_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now, damage = 0.0, "v1/users/rows.jsonl is not what was written"
    monkeypatch.setattr(breaker_module, "time", SimpleNamespace(monotonic=lambda: now))
    with opened(settings) as service:
        system = service.system("products")

        class Damaged:
            """A recommender whose vectors are damaged for a while."""

            def __call__(self, request: Request) -> Answer:
                if now < REST_SECONDS:
                    raise ArtifactError(damage)
                return system.recommender(request)

            def __getattr__(self, name: str) -> Any:
                return getattr(system.recommender, name)

        ladder = Ladder(Damaged(), system.memory, lambda: system.version, system.memory.graph_problem)
        request = Request(user_id=USER, k=5, reasons=False)
        told = []
        for _ in range(2):
            answers = [ladder(request) for _ in range(FAILURES + 2)]
            told.append([record.getMessage() for record in caplog.records if record.name == "kindred.serving"])
            caplog.clear()
            assert {answer.degraded for answer in answers} == {now < REST_SECONDS}
            now += REST_SECONDS
    assert told == [
        [f"system products answers without the vector engine: {damage}"],
        ["system products answers from the vector engine again"],
    ]


def test_what_would_come_too_late_comes_from_lists(settings: Settings) -> None:
    with opened(settings) as service:
        system, gate = service.system("products"), threading.Event()

        class Loading:
            """A recommender that waits for a library."""

            def __call__(self, request: Request) -> Answer:
                gate.wait(60)
                raise StoreError("gone")

            def __getattr__(self, name: str) -> Any:
                return getattr(system.recommender, name)

        system.ladder = Ladder(Loading(), system.memory, lambda: system.version, system.memory.graph_problem)
        service.settings = settings.model_copy(update={"serve_deadline_ms": 20})
        request = {"user_id": USER, "k": 5, "reasons": True}
        reply = Client(service).post("/v1/products/recommendations", request)
        gate.set()
        answer = reply.json()
        assert (reply.status_code, answer["degraded"], len(answer["items"])) == (200, True, 5)
        assert answer["note"].startswith("the best answer would have come too late")


def test_what_none_waits_for_any_more_is_not_begun_and_does_not_begin_to_read_the_graph(settings: Settings) -> None:
    gate = threading.Event()
    begun: list[str] = []

    async def asked(service: Service) -> None:
        with pytest.raises(LateError, match=r"within 0\.02 s"):
            await service.in_thread(lambda: begun.append("too late"), 0.02)

    def read(service: Service) -> None:
        with service.graph.read():
            begun.append("read too late")

    with opened(settings) as service:
        for _ in range(NUM_THREADS):
            service._threads.submit(gate.wait, 60)
        anyio.run(asked, service)
        gate.set()
        assert service._threads.submit(len, "all are free again").result(60)
        with pytest.raises(LateError), deadline(1.0, since=time.monotonic() - 2.0):
            read(service)
        read(service)
    assert begun == ["read too late"], "with no deadline"


def test_texts_are_not_read_by_another_encoder_than_made_the_vectors_of_the_graph(settings: Settings) -> None:
    with graph_of(settings) as store:
        store.write_metadata("encoder", '{"name": "another", "dimension": 7}')
    with opened(settings) as service:
        del service.encoder  # that of the tests: the one of the settings is looked at
        client = Client(service)
        for _ in range(8):
            refused = client.post("/v1/products/recommendations", {"text": "a warm tone", "k": 3})
            assert refused.status_code == 503 and "another (7 dimensions)" in refused.json()["error"]["message"]
        answer = client.get(f"/v1/products/users/{USER}/recommendations?k=3").json()
        assert (answer["served_by"], answer["degraded"]) == ("engine", False)


def test_answers_without_the_texts_of_a_damaged_graph_say_so_however_long_they_take(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kindred.serving.state.graph_door.RETRY_SECONDS", 0.0)
    vectors = next((settings.data_dir / "graph/columns/User-REVIEWED-Product").glob("text_embedding*.f16"))
    vectors.write_bytes(bytes([vectors.read_bytes()[0] ^ 1]) + vectors.read_bytes()[1:])
    with opened(settings) as service:
        client = Client(service)
        item = client.get(f"/v1/products/users/{USER}/recommendations?k=1").json()["items"][0]["id"]
        assert client.post("/v1/events", {"user_id": USER, "item_id": item, "rating": 5}).status_code == 200
        answer = client.get(f"/v1/products/users/{USER}/recommendations?k=3").json()
        assert answer["level"] == "folded-in" and answer["degraded"], answer
        why = client.get(f"/v1/products/users/{USER}/why/{answer['items'][0]['id']}").json()
        assert {answer["note"], why["note"]} == {
            "the graph can't be read: without the user's texts",
            "the graph can't be read: without the words of users",
        }


def test_sampled_answers_are_compared_with_the_exact_ones(service: Service) -> None:
    recommender, shares = service.system("products").recommender, list[float]()
    recall = SampledRecall(recommender, shares.append, every=3)
    request = Request(user_id=USER, k=5, reasons=False)
    answer = recommender(request)
    assert [recall.is_due(request, answer) for _ in range(5)] == [True, False, False, True, False]
    assert not recall.is_due(replace(request, at=5), answer) and not recall.is_due(
        request, replace(answer, served_by="last")
    )
    best = answer.recommendations
    late = (*best[:3], *(replace(item, source="new") for item in best[3:]))
    for found in (best, (*best[:4], replace(best[4], item_id="no such")), late):
        recall.compare(request, replace(answer, recommendations=found))
    assert shares == [1.0, 0.8, 1.0]


def test_a_breaker_opens_rests_and_lets_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(breaker_module, "time", SimpleNamespace(monotonic=lambda: now))
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.allows()
        breaker.failed(StoreError("no"))
    assert not breaker.allows() and breaker.state == "open"
    now += REST_SECONDS
    assert breaker.allows() and not breaker.allows()
    breaker.succeeded()
    assert breaker.allows() and breaker.state == "closed"


def republish(settings: Settings) -> str:
    """A version that holds one more product."""
    with graph_of(settings) as store, vectors_of(settings) as vectors:
        write_product(store, "brand new", "warm tone", "warm tone guitar strings")
        return publish(PRODUCTS, find_run(settings.data_dir / "artifacts" / "products"), store, vectors).version


def until(check: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not check():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def test_versions_switch_and_roll_back_while_requests_run(settings: Settings) -> None:
    with opened(settings) as service:
        products: OpenedSystem = service.system("products")
        first = products.version
        service.graph.close()
        answers: list[dict[str, object]] = []

        async def requests(client: httpx.AsyncClient) -> None:
            async def ask_on() -> None:
                while True:
                    reply = await client.get(f"/v1/products/users/{USER}/recommendations?k=100&exclude_seen=false")
                    assert reply.status_code == 200
                    answers.append(reply.json())
                    await anyio.sleep(0.001)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask_on)
                tasks.start_soon(ask_on)
                second = await anyio.to_thread.run_sync(republish, settings)
                await anyio.to_thread.run_sync(until, lambda: products.version == second)
                await anyio.sleep(0.05)
                await anyio.to_thread.run_sync(lambda: rolled_back(settings))
                await anyio.to_thread.run_sync(until, lambda: products.version == first)
                await anyio.sleep(0.05)
                tasks.cancel_scope.cancel()

        ask(service, requests)
        by_version: dict[object, set[str]] = {}
        for answer in answers:
            assert not answer["degraded"]
            by_version.setdefault(answer["model"], set()).add(str(answer["items"]))
        assert len(by_version) == 2 and all(len(different) == 1 for different in by_version.values())
        assert ["brand new" in next(iter(by_version[name])) for name in (first, *(set(by_version) - {first}))] == [
            False,
            True,
        ]


def rolled_back(settings: Settings) -> None:
    with vectors_of(settings) as vectors:
        vectors.of("products").rollback()


def test_a_damaged_newer_version_is_not_taken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of its files it is, also those that only some answers read; once it is whole it is."""
    monkeypatch.setattr(opened_system, "RETRY_SECONDS", 0.0)
    with opened(settings) as service:
        products = service.system("products")
        first = products.version
        service.graph.close()
        second = republish(settings)
        folder = versions_of(settings) / second
        files = [file for part in ("items", "users", "anonymous") for file in (folder / part).iterdir()]
        assert len(files) > 6
        for file in [*files, folder / "manifest.json"]:
            whole = file.read_bytes()
            file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 255]))
            assert not products.follow(0) and products.version == first and str(file) in str(products.problem)
            file.write_bytes(whole)
        folder.rename(settings.data_dir / "away")
        assert not products.follow(0) and f"no version '{second}'" in str(products.problem)
        answer = Client(service).get(f"/v1/products/users/{USER}/recommendations").json()
        assert answer["model"] == first and answer["served_by"] == "engine"

        (settings.data_dir / "away").rename(folder)
        monkeypatch.undo()
        rolled_back(settings)
        assert not products.follow(0) and products.problem is None
        with vectors_of(settings) as vectors:
            vectors.of("products").publish(second)
        assert products.follow(0) and products.version == second, "tried at once"


def test_the_graph_is_gone_and_known_users_are_answered(settings: Settings) -> None:
    with opened(settings) as service:
        service.graph.close()
        shutil.rmtree(settings.data_dir / "graph")
        answer = Client(service).get(f"/v1/products/users/{USER}/recommendations").json()
        assert answer["level"] == "model" and not answer["degraded"]


@pytest.mark.parametrize("user", ["", "%00", "x" * 600])
def test_ids_that_are_none_are_refused(settings: Settings, user: str) -> None:
    with opened(settings) as service:
        assert Client(service).get(f"/v1/products/users/{user}/recommendations").status_code in (404, 422)
