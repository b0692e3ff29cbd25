"""A news site through ingest, training and publishing, to the service: articles for a reader at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kindred.graph.open import open_graph
from kindred.ingest.feed import click_files
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.systems import SYSTEMS
from kindred.recommenders.training import GraphState
from kindred.serving.service import Service
from kindred.settings import Settings
from kindred.training.fit import RunOptions
from kindred.vectorstore.open import open_vectors
from tests.clicks import ARTICLES, clicks_of
from tests.serving.conftest import Client, opened


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("news")
    (folder / "clicks.jsonl").write_text("\n".join(map(json.dumps, clicks_of(0))))
    store = open_graph(f"ladybug:{folder / 'graph'}")
    ingest_files(store, click_files([folder / "clicks.jsonl"]), None, IngestOptions(folder / "s", folder / "q"))
    run = folder / "artifacts/posts/20260101-000000-aaaaaa"
    module, config = SYSTEMS["posts"], ModelConfig(target="clicks")
    made = module.train(store, config, RunOptions(run, seed=1), GraphState("ladybug:", "hash"))
    vectors = open_vectors(f"qdrant-edge:{folder / 'vectors'}")
    module.publish(made, store, vectors)
    vectors.close()
    store.close()
    with opened(Settings(data_dir=folder, serve_port=0)) as service:
        yield service


def test_articles_for_a_reader_at_a_time(service: Service) -> None:
    client, rows = Client(service), clicks_of(0)
    row = max(rows, key=lambda row: row["click_timestamp"])
    reader, at = row["user_id"], row["click_timestamp"] // 1000
    own = {other["click_article_id"] for other in rows if other["user_id"] == reader}

    def asked(moment: int, **more: int) -> list[int]:
        when = datetime.fromtimestamp(moment, UTC).isoformat()
        return [post["id"] for post in client.get("/post/recommendations/", id=reader, time=when, **more).json()]

    after = asked(at + 1, limit=ARTICLES)
    assert set(after) == set(range(ARTICLES)) - own  # what the reader clicked is left out
    assert row["click_article_id"] in asked(at - 3600, limit=ARTICLES)  # and was there before the click
    assert asked(at + 1, limit=3) == after[:3]
    assert client.get("/post/recommendations/", id=reader, limit=-1).status_code == 422
    assert len(client.get("/post/recommendations/", id=10**9).json()) == 5  # somebody unknown, now
