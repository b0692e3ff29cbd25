"""What the steps of the flow say when the one before has not been taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import NotPublishedError
from kindred.domain.ids import IdMap
from kindred.domain.recommendation import Request
from kindred.settings import Settings
from kindred.steps import recommender_of
from kindred.stores import graph_of, vectors_of


def test_who_asks_a_system_that_is_not_published_is_told_which_are(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with graph_of(settings):
        pass
    request = Request(user_id="u")
    with recommender_of(settings, "products") as recommender, pytest.raises(NotPublishedError) as alone:
        recommender(request)
    assert "kindred train products" in str(alone.value) and "--system interactions" not in str(alone.value)
    with vectors_of(settings) as vectors:
        version = vectors.of("interactions")
        version.create("20260101-000000-aaaaaa", "items", 2)
        version.upsert("20260101-000000-aaaaaa", "items", Embeddings(IdMap(["a"]), np.ones((1, 2), np.float32)))
        version.seal("20260101-000000-aaaaaa", {"items": 1})
        version.publish("20260101-000000-aaaaaa")
    with (
        pytest.raises(NotPublishedError, match="ask `--system interactions`, or train with `kindred train products`"),
        recommender_of(settings, "products") as recommender,
    ):
        recommender(request)
