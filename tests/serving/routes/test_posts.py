"""A feed from the generator, through ingest, training and publishing, to its six endpoints."""

from __future__ import annotations

import csv
import html
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest

from kindred.domain.errors import ArtifactError, SettingsError
from kindred.domain.experiments import Arm, Experiment, bucket_of
from kindred.domain.recommendation import Request
from kindred.graph.open import open_graph
from kindred.ingest.feed import post_files
from kindred.ingest.generate.feed import FeedSample, generate_feed
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.feed.model import load_feed_model, load_posts
from kindred.recommenders.feed.recommender import FeedRecommender
from kindred.recommenders.systems import SYSTEMS
from kindred.recommenders.training import GraphState
from kindred.serving.service import Service
from kindred.settings import Settings
from kindred.steps import write_answers_to_all
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import Client, ask, opened

SALT = "a-salt-of-a-test"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    files = generate_feed(FeedSample(users=60, posts=40, events=4000, seed=3), folder / "sample")
    store = open_graph(f"ladybug:{folder / 'graph'}")
    options = IngestOptions(folder / "staging", folder / "quarantine")
    ingest_files(store, post_files(files.users, files.posts, [files.feed]), ENCODER, options)
    run = folder / "artifacts/posts/20260101-000000-aaaaaa"
    run.mkdir(parents=True)
    module = SYSTEMS["posts"]
    made = module.train(store, ModelConfig(), RunOptions(run, seed=1), GraphState("ladybug:", "hash"))
    vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
    module.publish(made, store, vectors)
    vectors.close()
    store.close()
    return folder


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "sample/feed.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with opened(Settings(data_dir=folder, serve_port=0)) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    return Client(service)


def ids(reply: Any) -> list[int]:
    return [post["id"] for post in reply.json()]


def test_a_like_is_left_out_after_it_and_unknown_before(client: Client, rows: list[dict[str, str]]) -> None:
    likes = [row for row in rows if row["action"] == "like"]
    first: dict[tuple[str, str], dict[str, str]] = {}
    for row in likes:
        first.setdefault((row["user_id"], row["post_id"]), row)
    like = list(first.values())[300]
    user, post, at = int(like["user_id"]), int(like["post_id"]), datetime.fromisoformat(like["timestamp"])

    def asked(when: datetime) -> list[int]:
        return ids(client.get("/post/recommendations/", id=user, time=when.isoformat(), limit=1000))

    assert post in asked(at)  # at that very second it is not known yet
    assert post not in asked(at.replace(microsecond=1)) and post not in asked(at.replace(year=2030))
    liked = {int(row["post_id"]) for row in likes if row["user_id"] == like["user_id"]}
    assert set(asked(at.replace(year=2030))) == set(range(1, 41)) - liked
    assert len(asked(at.replace(year=2000))) == 40


def test_best_first_and_as_the_contract_says(client: Client, service: Service, rows: list[dict[str, str]]) -> None:
    reply = client.get("/post/recommendations/", id=5, time="2021-12-20T12:00:00", limit=5)
    assert reply.status_code == 200 and [set(post) for post in reply.json()] == [{"id", "text", "topic"}] * 5
    recommender = service.system("posts").recommender
    at = int(datetime(2021, 12, 20, 12, tzinfo=UTC).timestamp())
    answer = recommender(Request(user_id="5", k=40, at=at))
    scores = [item.score for item in answer.recommendations]
    assert scores == sorted(scores, reverse=True) and scores[0] > scores[-1]
    assert [int(item.item_id) for item in answer.recommendations[:5]] == ids(reply)
    same = client.get("/post/recommendations/", id=5, time="2021-12-20T15:00:00+03:00", limit=5)
    assert same.json() == reply.json()  # the same time in another zone
    assert client.get("/post/recommendations/", id=5, time="2021-12-20T12:00:00Z").json() == reply.json()


def test_why_tells_the_score_of_the_answer_and_the_place_in_it(client: Client) -> None:
    for reader in range(1, 9):  # what they liked is in no answer, and holds no place
        best = client.get(f"/v1/posts/users/{reader}/recommendations", k=1).json()["items"][0]
        among = client.get(f"/v1/posts/users/{reader}/recommendations", k=40).json()["items"]
        assert among[0] == best, "the chance of a like does not go by how many posts are asked for"
        why = client.get(f"/v1/posts/users/{reader}/why/{best['id']}").json()
        assert why["now"] == {"score": pytest.approx(best["score"], rel=1e-4), "rank": 1}, reader


def test_a_post_s_page_shows_all_of_it(client: Client) -> None:
    post = client.get("/post/7").json()
    page = client.get("/ui/posts/item", id=7).text
    shown = client.get("/v1/posts/items/7/similar", k=1).json()
    assert post["text"].split("\n")[-1] in html.unescape(page)
    assert shown["graph_as_of"] == client.get("/v1/posts/users/7/recommendations").json()["graph_as_of"]


def test_readers_alike_in_profile_get_feeds_of_their_own(client: Client) -> None:
    feeds = {
        tuple(ids(client.get("/post/recommendations/", id=user, time="2021-12-29T00:00:00"))) for user in range(1, 21)
    }
    assert len(feeds) > 10


@pytest.mark.parametrize("path", ["/post/recommendations/", "/post/top"])
@pytest.mark.parametrize(
    "wrong", [{"limit": -1}, {"limit": 1001}, {"limit": "x"}, {"time": "yesterday"}, {"time": "12345"}, {"time": ""}]
)
def test_what_is_malformed_is_422(client: Client, path: str, wrong: dict[str, object]) -> None:
    reply = client.get(path, **{"id": 5, **wrong})
    assert reply.status_code == 422 and reply.json()["error"]["message"]


def test_the_edges_are_answered(client: Client) -> None:
    assert client.get("/post/recommendations/", id=2**63).status_code == 422
    for text in ("x", "-1", "1.5"):
        replies = [client.get(f"/{path}") for path in (f"user/{text}", f"post/{text}/feed")]
        for reply in (client.get("/post/recommendations/", id=text), *replies):
            assert reply.status_code == 422 and "/v1/posts/users/ID" in reply.json()["error"]["hint"]
    assert client.get("/post/recommendations/").status_code == 422
    assert len(ids(client.get("/post/recommendations/", id=987_654))) == 5  # nobody knows them
    assert ids(client.get("/post/recommendations/", id=5, limit=0)) == []
    for time in ("0001-01-01T00:00:00", "9999-12-31T23:59:59"):
        assert len(ids(client.get("/post/recommendations/", id=5, time=time))) == 5
    assert client.get("/user/987654").status_code == client.get("/post/987654").status_code == 404
    assert client.get("/user/987654/feed").json() == client.get("/post/987654/feed").json() == []
    assert client.get("/v1/posts/items/987654/similar").status_code == 404


def test_top_and_tables(client: Client, rows: list[dict[str, str]]) -> None:
    likes: dict[int, int] = {}
    for row in rows:
        if row["action"] == "like" and row["timestamp"] < "2021-11-15 00:00:00":
            likes[int(row["post_id"])] = likes.get(int(row["post_id"]), 0) + 1
    top = ids(client.get("/post/top", limit=10, time="2021-11-15T00:00:00"))
    assert [likes[post] for post in top] == sorted(likes.values(), reverse=True)[:10]
    user = client.get("/user/7").json()
    assert user["id"] == 7 and user["country"] == "Lumeria" and user["gender"] in (0, 1)
    assert set(user) == {"id", "gender", "age", "country", "city", "exp_group", "os", "source"}
    assert client.get("/post/3").json()["id"] == 3
    reader = rows[0]["user_id"]
    feed = client.get(f"/user/{reader}/feed", limit=1000).json()
    own = [row for row in rows if row["user_id"] == reader]
    assert len(feed) == len({tuple(row.values()) for row in own})
    assert [row["timestamp"] for row in feed] == sorted((row["timestamp"] for row in feed), reverse=True)
    assert feed[0]["timestamp"].replace("T", " ") == max(row["timestamp"] for row in own)
    assert {row["post_id"] for row in client.get("/post/3/feed").json()} == {3}


def test_an_experiment_wraps_answers_and_logs_them(folder: Path, tmp_path: Path) -> None:
    arms = (Arm(name="control", share=50), Arm(name="test", share=50))
    experiment = Experiment(name="feed", system="posts", arms=arms, salt=SALT)
    with opened(Settings(data_dir=folder, serve_port=0, experiments=(experiment,))) as service:
        client = Client(service)
        replies = {user: client.get("/post/recommendations/", id=user, limit=3).json() for user in range(1, 9)}
        recommender = service.system("posts").recommender
        assert isinstance(recommender, FeedRecommender)
        for user, reply in replies.items():
            group = "control" if bucket_of(user, SALT) < 50 else "test"
            assert set(reply) == {"exp_group", "recommendations"} and reply["exp_group"] == group
            answer = recommender.answer(Request(user_id=str(user), k=3), group)
            assert [post["id"] for post in reply["recommendations"]] == [int(i.item_id) for i in answer.recommendations]
    assert {reply["exp_group"] for reply in replies.values()} == {"control", "test"}
    assert list((folder / "exposures/feed").glob("*.jsonl"))


def test_only_posts_of_a_topic_or_of_those_given(client: Client, rows: list[dict[str, str]]) -> None:
    path = "/v1/posts/recommendations"
    topic = client.get("/post/7").json()["topic"]
    found = client.post(path, {"user_id": "5", "k": 40, "where": {"topic": topic}}).json()["items"]
    assert found and {client.get(f"/post/{post['id']}").json()["topic"] for post in found} == {topic}
    none = client.post(path, {"user_id": "5", "where": {"topic": "no such"}}).json()
    assert (none["items"], none["note"]) == ([], "no post is of topic no such")
    got = client.get("/v1/posts/users/5/recommendations", k=40, where=f"topic={topic}").json()["items"]
    assert got == found
    ranked = client.post("/v1/posts/rank", {"user_id": "5", "items": ["7", "none", "3"]}).json()
    assert {post["id"] for post in ranked["items"]} == {"7", "3"} and ranked["unknown"] == ["none"]
    assert ranked["note"].startswith("left aside, ") and ranked["note"].endswith(": none")
    left = client.post(path, {"user_id": "5", "exclude": ["7", "gone"]}).json()
    assert left["note"].endswith(": gone") and "7" not in {post["id"] for post in left["items"]}


@pytest.mark.parametrize(
    "more", [{"pinned": ["1"]}, {"boosts": {"1": 1}}, {"viewed": ["1"]}, {"text": "tea"}, {"diversity": 0.5},
             {"queries": ["tea"]}, {"where": {"age": {"max": 3}}}, {"where": {"category": "x"}}],
)  # fmt: skip
def test_what_a_feed_does_not_go_by_is_refused(client: Client, more: dict[str, object]) -> None:
    reply = client.post("/v1/posts/recommendations", {"user_id": "5", **more})
    assert reply.status_code == 422 and "posts" in reply.json()["error"]["message"]


def test_a_version_answers_as_the_one_that_it_is(client: Client, service: Service) -> None:
    recommender = service.system("posts").recommender
    assert recommender(Request("5", version="20260101-000000-aaaaaa")) == recommender(Request("5"))
    with pytest.raises(ArtifactError):
        recommender(Request("5", version="20260101-000000-bbbbbb"))


def test_the_address_ends_in_a_slash_or_not(client: Client) -> None:
    time = "2021-12-20T12:00:00"
    assert ids(client.get("/post/recommendations", id=5, time=time)) == ids(
        client.get("/post/recommendations/", id=5, time=time)
    )


def test_lists_for_everyone_are_the_answers_one_by_one(client: Client, service: Service, tmp_path: Path) -> None:
    assert write_answers_to_all(service.settings, "posts", tmp_path / "all.jsonl", 3, {}) == 60
    for line in (tmp_path / "all.jsonl").read_text().splitlines():
        told = json.loads(line)
        alone = client.get(f"/v1/posts/users/{told['user']}/recommendations", k=3).json()["items"]
        assert [post["id"] for post in alone] == told["posts"]
    with pytest.raises(SettingsError, match="so many of one label"):
        write_answers_to_all(service.settings, "posts", tmp_path / "all.jsonl", 3, {"topic": 1})
    with pytest.raises(SettingsError, match="one file"):
        write_answers_to_all(service.settings, "posts", tmp_path / "folder", 3, {})


def test_an_experiment_with_an_arm_that_its_system_does_not_go_by_is_refused(folder: Path) -> None:
    arms = (Arm(name="control", share=50), Arm(name="test", share=50, diversity=0.5))
    experiment = Experiment(name="e", system="posts", arms=arms, salt=SALT)
    with pytest.raises(SettingsError, match="diversity"), opened(Settings(data_dir=folder, experiments=(experiment,))):
        pass


def test_likes_that_views_alone_tell_of_are_left_out_and_counted(service: Service) -> None:
    feed = service.system("posts").recommender.feed()
    none = np.empty(0, dtype=np.int64)
    views_alone = replace(feed, like_reader=none, like_post=none, like_at=none)
    row = int(np.flatnonzero(feed.log.liked)[100])
    reader, post, at = int(feed.log.reader[row]), int(feed.log.post[row]), int(feed.log.at[row])
    assert post in views_alone.liked_by(reader, at + 181) and post not in replace(
        views_alone, log=replace(feed.log, liked=np.zeros_like(feed.log.liked))
    ).liked_by(reader, at + 181)
    first = min(int(feed.log.at[other]) for other in np.flatnonzero(feed.log.liked) if feed.log.post[other] == post)
    assert not views_alone.likes_before(first + 180)[post] and views_alone.likes_before(first + 181)[post]
    assert np.array_equal(views_alone.likes_before(2**40), np.bincount(feed.log.post[feed.log.liked], minlength=40))
    likes = feed.likes_before(2**40)  # where the table tells of likes by themselves they alone count
    assert np.array_equal(likes, np.bincount(feed.like_post, minlength=40))


def test_a_like_that_the_service_was_sent_counts_among_the_most_liked(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    with opened(Settings(data_dir=data, serve_port=0)) as service:
        client = Client(service)
        last = client.get("/post/top", limit=40).json()[-1]["id"]
        sent = [
            {"system": "posts", "user_id": f"new{n}", "item_id": str(last), "event_id": f"n{n}"} for n in range(500)
        ]
        now = datetime.now(UTC).replace(microsecond=0)
        assert client.post("/v1/events", [{**event, "at": now.isoformat()} for event in sent]).json()["accepted"] == 500
        assert ids(client.get("/post/top", time=(now + timedelta(seconds=1)).isoformat()))[0] == last
        assert ids(client.get("/post/top", limit=40, time=now.isoformat()))[-1] == last
        told = {"system": "posts", "user_id": "7", "item_id": str(last), "event_id": "own"}
        later = (now - timedelta(seconds=1)).isoformat()
        assert client.post("/v1/events", [told | {"at": later}]).json()["accepted"] == 1
        own = {"timestamp": later[:19], "user_id": 7, "post_id": last, "action": "like", "target": 0}
        assert client.get("/user/7/feed", limit=2).json()[0] == own
        assert len(client.get(f"/post/{last}/feed", limit=501).json()) == 501
        assert own in client.get(f"/post/{last}/feed", limit=501).json()


def test_posts_and_readers_that_come_are_answered_with_once_the_graph_holds_them(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    with opened(Settings(data_dir=data, serve_port=0)) as service:

        async def asks(client: httpx.AsyncClient) -> None:
            put = {"id": "901", "text": "A walk along the coast.", "topic": "travel"}
            assert (await client.put("/v1/posts/items", json=[put])).json()["accepted"] == 1
            assert (await client.put("/v1/posts/users", json=[{"id": "902", "country": "NZ"}])).json()["accepted"] == 1
            with anyio.fail_after(20):
                while (await client.get("/user/902")).status_code == 404:
                    await anyio.sleep(0.05)
            assert (await client.get("/post/901")).json() == {"id": 901, "text": put["text"], "topic": "travel"}
            whole = (await client.get("/v1/posts/users/902/recommendations?k=60")).json()["items"]
            assert {post["id"]: post["source"] for post in whole}["901"] == "new"
            assert {post["source"] for post in whole if post["id"] != "901"} == {"model"}
            recommender = service.system("posts").recommender
            feed, model = recommender.feed(), load_feed_model(folder / "artifacts/posts/20260101-000000-aaaaaa")
            came, spaces = feed.posts.position("901"), recommender._versions.of().order.scorer.spaces
            assert feed.text is not None and feed.text[came].any() and model.text_axes is not None
            there = load_posts(folder / "artifacts/posts/20260101-000000-aaaaaa")
            text = feed.text[feed.posts.positions(there.ids)]  # what the training read, and made its rows of
            np.testing.assert_allclose(model.text_axes.of(text), model.spaces["text"], atol=1e-6)
            np.testing.assert_array_equal(spaces["text"][came], model.text_axes.of(feed.text[[came]])[0])
            assert spaces["text"][came].any() and not spaces["readers"][came].any()

        ask(service, asks)


def test_a_reader_who_was_deleted_is_a_stranger_from_then_on(folder: Path, tmp_path: Path) -> None:
    """Before the graph and what was read of it have let them go, too."""
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    with opened(Settings(data_dir=data, serve_port=0)) as service:
        system = service.system("posts")
        reader = system.memory.busy_users(1)[0]

        async def asks(client: httpx.AsyncClient) -> None:
            ways = (f"/v1/posts/users/{reader}/recommendations?k=60", f"/post/recommendations/?id={reader}&limit=60")
            before = (await client.get(ways[0])).json()
            assert before["level"] == "model" and len(before["items"]) < 40, "what they liked is left out"
            await client.delete(f"/v1/posts/users/{reader}")
            with anyio.fail_after(20):
                while system._leaving:
                    found, plain = [(await client.get(way)).json() for way in ways]
                    assert (found["level"], found["user_id"]) == ("popular", reader)
                    assert len(found["items"]) == len(plain) == 40
                    await anyio.sleep(0.05)
            assert system.recommender.feed().readers.position(reader) is None
            assert (await client.get(ways[0])).json()["level"] == "popular"

        ask(service, asks)


def test_a_post_and_a_reader_that_were_deleted_are_in_no_answer_at_once(folder: Path, tmp_path: Path) -> None:
    """Before what was read of the graph has let them go, too."""
    shutil.copytree(folder, tmp_path / "data")
    with opened(Settings(data_dir=tmp_path / "data", serve_port=0)) as service:
        client, system = Client(service), service.system("posts")
        gone, other = (post["id"] for post in client.get("/post/top", limit=2).json())
        near = client.get(f"/v1/posts/items/{gone}/similar").json()["items"][0]["id"]
        reader = next(row["user_id"] for row in client.get(f"/post/{other}/feed", limit=1000).json())
        system.memory.forget_item(str(gone))  # as when deletions are told, and the graph holds them still
        system.forget_user(str(reader))
        assert gone not in ids(client.get("/post/top", limit=1000))
        assert client.get(f"/post/{gone}").status_code == client.get(f"/user/{reader}").status_code == 404
        assert client.get(f"/post/{gone}/feed").json() == client.get(f"/user/{reader}/feed").json() == []
        assert client.get(f"/v1/posts/items/{gone}/similar").status_code == 404
        similar = client.get(f"/v1/posts/items/{near}/similar", k=200).json()["items"]
        assert similar and str(gone) not in [post["id"] for post in similar]
        left = client.get(f"/post/{other}/feed", limit=1000).json()
        assert left and reader not in [row["user_id"] for row in left]
        somebody = left[0]["user_id"]
        assert gone not in [row["post_id"] for row in client.get(f"/user/{somebody}/feed", limit=1000).json()]
        told = client.get(f"/v1/posts/users/{reader}/why/{other}").json()
        assert (told["level"], told["user_id"]) == ("popular", str(reader))
