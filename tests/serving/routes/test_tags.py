"""Tags from the generator through ingest, training, predicting and publishing to the routes, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from numpy.typing import NDArray

from kindred.domain.errors import RecordError
from kindred.domain.recommendation import Request
from kindred.domain.records import Tagged
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.graph.open import open_graph
from kindred.ingest.generate.tags import TagFiles, TagSample, generate_tags
from kindred.ingest.loading.frame_files import write_frames
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.music import tag_files
from kindred.models.sequence_tagger import TaggerConfig
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.runs import Run, find_run
from kindred.recommenders.systems import SYSTEMS
from kindred.recommenders.tagging.file import read_asked
from kindred.recommenders.tagging.recommender import TagRecommender
from kindred.recommenders.training import GraphState
from kindred.serving.service import Service
from kindred.settings import Settings
from kindred.steps import predict_tags, publish_run, write_answers_to_all
from kindred.stores import graph_of, graph_to_read, vectors_of
from kindred.training.fit import RunOptions
from tests.recommenders.conftest import ENCODER
from tests.serving.conftest import Client, ask, forgotten, opened

TINY = ModelConfig(tagger=TaggerConfig(encoder="frames", width=8, heads=2, epochs=1))
EDGE = edge_type_of(Tagged)
Edges = dict[tuple[str, str], tuple[float | None, str | None]]


@dataclass(frozen=True)
class Audio:
    """A data folder in which a run of tags is published, the sample that it learned from, and its given tags."""

    settings: Settings
    files: TagFiles
    run: Run
    given: Edges


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Audio:
    folder = tmp_path_factory.mktemp("audio")
    settings = Settings(data_dir=folder, serve_port=0, serve_body_bytes=4096)
    files = generate_tags(TagSample(tracks=90, tags=10, asked=6, dim=6, frames=(1, 9)), folder / "sample")
    (folder / "more.csv").write_text('track,tags\nunheard,"1,2"\n')
    store = open_graph(settings.effective_graph_url)
    store.create_schema(graph_schema())
    sources = tag_files([files.tags, folder / "more.csv"], [files.frames], partial(write_frames, folder / "frames"))
    ingest_files(store, sources, ENCODER, IngestOptions(folder / "staging", folder / "quarantine", max_bad=0.5))
    options = RunOptions(folder / "artifacts/tags/20260101-000000-aaaaaa", seed=3, device="cpu")
    run = SYSTEMS["tags"].train(store, TINY, options, GraphState(store.url, "test"))
    store.close()
    given = edges(settings)
    publish_run(settings, run)
    return Audio(settings, files, run, given)


@pytest.fixture(scope="module")
def service(audio: Audio) -> Iterator[Service]:
    with opened(audio.settings) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    return Client(service)


def edges(settings: Settings) -> Edges:
    with graph_to_read(settings) as store:
        rows = [row for batch in store.read_edges(EDGE) for row in batch.to_pylist()]
    return {(row["source_id"], row["target_id"]): (row["probability"], row["run"]) for row in rows}


def asked(audio: Audio) -> list[str]:
    return audio.files.asked.read_text().split()[1:]


def npy(array: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def frames_of(audio: Audio, track: str) -> bytes:
    return (audio.files.frames / f"{track}.npy").read_bytes()


def test_the_file_of_answers_has_a_row_a_line_in_its_order(audio: Audio, tmp_path: Path) -> None:
    first, second = asked(audio)[:2]
    (tmp_path / "test.csv").write_text(f'track\n{second}\nnobody\n{first}\nunheard\n{second}\n""\n"x,""y"\n')
    out = tmp_path / "out" / "submission.csv"
    ask = read_asked(tmp_path / "test.csv")
    done = predict_tags(audio.settings, None, ask, out)
    lines = out.read_bytes().decode().split("\n")
    assert lines[0] == "track,prediction" and lines[-1] == "" and "\r" not in out.read_text()
    assert all(line.count('"') == 2 for line in lines[1:6]) and lines[6].startswith('"x,""y","0.')
    with out.open(newline="") as file:
        rows = dict(enumerate(csv.reader(file)))
    assert [rows[n][0] for n in range(1, 7)] == [second, "nobody", first, "unheard", second, 'x,"y']
    numbers = np.array([[float(p) for p in rows[n][1].split(",")] for n in range(1, 7)])
    assert numbers.shape == (6, 10) and ((numbers >= 0) & (numbers <= 1)).all()
    assert (numbers[0] == numbers[4]).all() and (numbers[1] == numbers[5]).all()  # the same track, the same prior
    assert numbers[3, 1] == numbers[3, 2] == 1  # its tags are given
    assert done.rests_on == {"sound": 3, "tags": 1, "prior": 2} and done.tracks == 6
    assert (done.unknown, done.repeated, len(ask.bad)) == (("nobody", 'x,"y'), (second,), 1)


@pytest.mark.parametrize(
    ("content", "message"), [('track\n""\n', "asks for no track"), ("track\nnobody\n", "knows none")]
)
def test_a_file_that_asks_for_nothing_known_is_explained(
    audio: Audio, tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "test.csv").write_text(content)
    with pytest.raises(RecordError, match=message):
        predict_tags(audio.settings, None, read_asked(tmp_path / "test.csv"), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_predicted_tags_are_edges_beside_given_ones_and_the_next_run_replaces_them(
    audio: Audio, tmp_path: Path
) -> None:
    settings = audio.settings.model_copy(update={"data_dir": tmp_path / "data"})
    copytree(audio.settings.data_dir, settings.data_dir)
    runs, name = settings.data_dir / "artifacts" / "tags", audio.run.name
    now = edges(settings)
    predicted = {pair: said for pair, said in now.items() if said[0] is not None}
    assert {pair: said for pair, said in now.items() if said[0] is None} == audio.given
    assert len(predicted) > 100 and {run for _, run in predicted.values()} == {name}
    assert min(chance for chance, _ in predicted.values() if chance is not None) >= 0.1
    assert not set(predicted) & set(audio.given)
    assert publish_run(settings, find_run(runs, name)).replaced is None and edges(settings) == now
    with graph_of(settings) as store:
        other = RunOptions(runs / "20260101-000001-bbbbbb", seed=4, device="cpu")
        again = SYSTEMS["tags"].train(store, TINY, other, GraphState(store.url, "test"))
    publish_run(settings, again)
    after = edges(settings)
    assert {run for _, run in after.values()} == {None, again.name}
    assert {pair: said for pair, said in after.items() if said[0] is None} == audio.given
    publish_run(settings, find_run(runs, name))
    assert {run for _, run in edges(settings).values()} == {None, name}


def test_tags_of_a_track_are_those_that_were_published(client: Client, audio: Audio) -> None:
    track = asked(audio)[0]
    reply = client.get(f"/v1/tags/tracks/{track}", k=10).json()
    chances = [tag["probability"] for tag in reply["tags"]]
    assert reply["track"] == track and reply["rests_on"] == "sound" and reply["model"].startswith(audio.run.name)
    assert len(chances) == 10 and chances == sorted(chances, reverse=True)
    assert not any(tag["given"] for tag in reply["tags"])
    told = {(track, tag["tag"]): tag["probability"] for tag in reply["tags"] if tag["probability"] >= 0.1}
    assert told == {pair: said[0] for pair, said in edges(audio.settings).items() if pair[0] == track}
    unheard = client.get("/v1/tags/tracks/unheard", k=2).json()
    assert unheard["rests_on"] == "tags" and {tag["tag"] for tag in unheard["tags"] if tag["given"]} == {"1", "2"}
    unknown = client.get("/v1/tags/tracks/nobody")
    assert unknown.status_code == 404 and unknown.json()["error"]["code"] == "unknown"
    listed = client.get("/v1/tags/users/unheard/recommendations", k=10).json()
    told = client.post("/v1/tags/recommendations", {"user_id": "unheard", "exclude": ["1", "gone"]}).json()
    assert told["note"].startswith("left aside, ") and told["note"].endswith(": gone")
    assert {"1", "2"}.isdisjoint(item["id"] for item in listed["items"])


def test_an_answer_without_a_tag_says_why(client: Client) -> None:
    every = [item["id"] for item in client.post("/v1/tags/recommendations", {"k": 200}).json()["items"]]
    answer = client.post("/v1/tags/recommendations", {"exclude": every}).json()
    assert answer["items"] == [] and answer["note"].startswith("there is no tag left that was asked for")


def test_frames_that_are_sent_get_the_answer_of_the_track_that_they_are_of(client: Client, audio: Audio) -> None:
    track = asked(audio)[1]
    sent = client.send("/v1/tags/predict", frames_of(audio, track), k=10)
    known = client.get(f"/v1/tags/tracks/{track}", k=10).json()
    assert sent.status_code == 200 and sent.json()["track"] is None
    said, published = ({tag["tag"]: tag["probability"] for tag in r["tags"]} for r in (sent.json(), known))
    assert set(said) == set(published) and all(abs(said[tag] - published[tag]) < 1e-5 for tag in said)
    given = client.send("/v1/tags/predict", frames_of(audio, track), k=10, given=["3"]).json()
    assert {tag["tag"]: tag["probability"] for tag in given["tags"]}["3"] == 1


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (npy(np.zeros((200, 6))), 413, "more than 4,096 bytes"),
        (npy(np.array([[{}, 1]])), 422, "can't be read as .npy: Object arrays"),
        (pickle.dumps([[1.0] * 6]), 422, "can't be read as .npy"),
        (b'{"frames": [[1, 2]]}', 422, "can't be read as .npy"),
        (b"", 422, "can't be read as .npy"),
        (npy(np.zeros((3, 6)))[:-8], 422, "can't be read as .npy"),
        (npy(np.zeros((3, 7))), 422, "frames of width 7, 6 is wanted"),
        (npy(np.zeros(6)), 422, "has the shape"),
        (npy(np.zeros((0, 6))), 422, "has the shape"),
        (npy(np.full((2, 6), np.nan)), 422, "not finite"),
        (npy(np.full((3, 6), 3e38, np.float32)), 422, "too great"),
        (npy(np.array([["a"] * 6])), 422, "numbers are wanted"),
    ],
)
def test_what_is_no_array_of_frames_is_refused(client: Client, body: bytes, status: int, message: str) -> None:
    reply = client.send("/v1/tags/predict", body)
    assert reply.status_code == status and message in reply.json()["error"]["message"]


def test_an_array_may_hold_any_bytes_and_a_tag_must_be_known(client: Client, audio: Audio) -> None:
    brackets = np.frombuffer(b"[{" * 72, np.uint8).reshape(24, 6)  # bytes that would be JSON nested too deep
    assert client.send("/v1/tags/predict", npy(brackets)).status_code == 200
    reply = client.send("/v1/tags/predict", frames_of(audio, asked(audio)[0]), given="nope")
    assert reply.status_code == 422 and "there is no tag 'nope'" in reply.json()["error"]["message"]


def test_similar_tracks_are_those_that_sound_alike(client: Client, audio: Audio) -> None:
    track = asked(audio)[0]
    reply = client.get(f"/v1/tags/items/{track}/similar", k=5).json()
    scores = [item["score"] for item in reply["items"]]
    assert len(scores) == 5 and scores == sorted(scores, reverse=True) and scores[0] <= 1 + 1e-5
    assert track not in [item["id"] for item in reply["items"]]
    assert "no frames" in client.get("/v1/tags/items/unheard/similar").json()["note"]
    assert "no track 'none'" in client.get("/v1/tags/items/none/similar").json()["error"]["message"]


def test_lists_of_all_tracks_hold_what_each_was_not_given(audio: Audio, tmp_path: Path) -> None:
    assert write_answers_to_all(audio.settings, "tags", tmp_path / "all.jsonl", 3, {}) == 97
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert all(0 < len(row["tags"]) <= 3 and row["scores"] == sorted(row["scores"], reverse=True) for row in rows)
    assert not {(row["user"], tag) for row in rows for tag in row["tags"]} & set(audio.given)


def test_pages_show_runs_whose_figures_are_not_those_of_a_ranking(client: Client, audio: Audio) -> None:
    report = audio.run.folder / "evaluation/temporal/report.json"
    report.parent.mkdir(parents=True)
    report.write_text('{"figures": {"macro_ap": 0.4321}, "summary": ["126 tracks held out"]}')
    page = client.get("/ui/runs")
    assert page.status_code == 200 and "0.4321" in page.text
    run = client.get("/ui/run", system="tags", name=audio.run.name)
    assert run.status_code == 200 and "126 tracks held out" in run.text
    status = client.get("/ui/status").text
    assert "macro ap when evaluated" in status and "did something since" not in status, "tracks do nothing"


def test_why_a_tag_says_how_likely_it_is(client: Client, audio: Audio) -> None:
    track = asked(audio)[0]
    best = client.get(f"/v1/tags/tracks/{track}", k=1).json()["tags"][0]
    why = client.get(f"/v1/tags/users/{track}/why/{best['tag']}").json()
    unknown = client.get(f"/v1/tags/users/{track}/why/nothing").json()["error"]
    assert unknown["message"] == "there is no tag 'nothing'"
    assert unknown["hint"] == "search for it by its name at /ui/tags", "tags are not sold"
    assert why["now"]["rank"] == 1 and why["now"]["score"] == best["probability"] and "sounds like" in why["note"]


def test_why_a_tag_ranks_it_among_those_that_are_recommended(client: Client, audio: Audio) -> None:
    track, given = next(pair for pair, (probability, _) in audio.given.items() if probability is None)
    first = client.get(f"/v1/tags/users/{track}/recommendations", k=1).json()["items"][0]
    assert client.get(f"/v1/tags/users/{track}/why/{first['id']}").json()["now"]["rank"] == 1
    why = client.get(f"/v1/tags/users/{track}/why/{given}").json()
    assert why["now"] == {"score": 1.0, "rank": None} and "was given this tag" in why["note"]


def test_the_pages_speak_of_tracks_and_offer_nothing_to_try(client: Client) -> None:
    found = client.get("/ui/tags").text
    assert "Tracks to begin with" in found and "Try it" not in found
    refused = client.get("/ui/tags/try")
    assert refused.status_code == 404 and "find a track instead" in refused.text and "Track id" in refused.text


def test_what_tags_do_not_go_by_is_refused(client: Client) -> None:
    for more in (
        {"where": {"tag": "1"}},
        {"pinned": ["1"]},
        {"text": "loud"},
        {"diversity": 0.5},
        {"at": "2026-01-01"},
    ):
        reply = client.post("/v1/tags/recommendations", {"user_id": "1", **more})
        assert reply.status_code == 422 and "tags does not go by" in reply.json()["error"]["message"], more


def test_what_a_run_predicted_is_not_what_a_track_carries(client: Client, service: Service, audio: Audio) -> None:
    heard = {track for (track, _), (probability, _) in edges(audio.settings).items() if probability is not None}
    track = min(track for track, _ in audio.given if track in heard and track != "unheard")
    given = {tag for of, tag in audio.given if of == track}
    memory = service.system("tags").memory
    assert set(memory.seen(track, None)) == given
    page = client.get("/ui/tags/user", id=track).text
    assert f'Tags it has <span class="soft">{len(given)}</span>' in page
    assert "from what the track sounds like" in page and "embeddings" not in page
    of_tag = client.get("/ui/tags/item", id=min(given)).text
    assert "About" in of_tag and "Suits those who" not in of_tag, "tracks are alike, tags are not"
    assert "/ui/tags/map" not in page and client.get("/ui/tags/map").status_code == 404
    why = client.get("/ui/tags/why", user=track, item=min(given)).text
    assert "The track was given this tag: it is not predicted." in why and "Rank now" not in why
    of_nobody = client.get("/ui/tags/user", id="nothing").text
    assert "No track of this id has tags." in of_nobody
    assert "tag id or name" in client.get("/ui/tags").text


def test_pages_call_what_a_system_counts_by_its_own_words(client: Client, audio: Audio) -> None:
    for page in (client.get("/ui/status"), client.get("/ui/run", system="tags", name=audio.run.name)):
        said = page.text.casefold()
        assert page.status_code == 200
        assert "<dt>tracks</dt>" in said and "<dt>tags</dt>" in said and "<dt>tags of tracks</dt>" in said
        assert "<dt>users" not in said and "<dt>items</dt>" not in said and "<dt>events</dt>" not in said


def test_a_deleted_tag_or_track_is_in_no_answer_then_nor_after_a_restart_nor_of_a_command(
    audio: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kindred.serving.background.applying.FORGET_SECONDS", 0.0)
    copytree(audio.settings.data_dir, tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data", serve_port=0)
    tag, track, near = "", "", ""

    def check(client: Client) -> None:
        asked = f"/v1/tags/users/{track}/recommendations"
        stranger = client.get(asked, k=10, exclude_seen=False).json()
        assert stranger["level"] == "popular" and tag not in [item["id"] for item in stranger["items"]]
        assert client.get(f"/v1/tags/users/{track}/why/{stranger['items'][0]['id']}").json()["level"] == "popular"
        assert client.get(f"/v1/tags/tracks/{track}").status_code == 404
        assert client.get(f"/v1/tags/items/{track}/similar").status_code == 404
        assert track not in [item["id"] for item in client.get(f"/v1/tags/items/{near}/similar", k=90).json()["items"]]
        assert tag not in [of["tag"] for of in client.get(f"/v1/tags/tracks/{near}", k=10).json()["tags"]]
        assert client.post("/v1/tags/rank", {"items": [tag]}).json()["items"] == []
        assert f"user?id={track}" not in client.get("/ui/tags").text

    with opened(settings) as first:
        client = Client(first)
        track = first.system("tags").recommender.example_users(1)[0]
        near = client.get(f"/v1/tags/items/{track}/similar").json()["items"][0]["id"]
        tag = client.get(f"/v1/tags/tracks/{near}").json()["tags"][0]["tag"]
        client.delete(f"/v1/tags/items/{tag}")
        client.delete(f"/v1/tags/users/{track}")
        check(client)
        ask(first, forgotten(first, track))
        check(client)
        version = first.system("tags").version
        assert not len(first.vectors.of("tags").fetch(version, "items", [track]).ids)
    with opened(settings) as again:
        check(Client(again))
    with graph_to_read(settings) as store, vectors_of(settings) as vectors:
        read = Opened(store, vectors, settings.data_dir / "artifacts/tags", lambda: ENCODER)
        command = TagRecommender(SYSTEMS["tags"].system, read)
        assert command(Request(user_id=track)).level == "popular"
        listed = {user: tags for user, tags, _ in command.everyone(10)}
        assert track not in listed and near in listed and tag not in listed[near]
