"""Integers choose, floats decide: the answer is that of comparing all in full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap
from kindred.vectorstore import int8
from kindred.vectorstore.exact import ExactSearch
from kindred.vectorstore.folder_store import FolderVectors
from kindred.vectorstore.int8 import CODES_FILE
from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits
from kindred.vectorstore.store import SystemVectors, Wanted

MakeEmbeddings = Callable[..., Embeddings]
Seal = Callable[[SystemVectors, str, dict[str, Embeddings]], None]


@pytest.mark.parametrize("num_seen", [0, 50, 1_000])
@pytest.mark.parametrize("dimension", [1, 32, 67])
def test_the_best_are_those_of_exact_search(
    num_seen: int, dimension: int, tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal
) -> None:
    items = embeddings_of(5_000, dimension=dimension)
    items.vectors[100:160] = items.vectors[7]  # more that are equal than are asked for
    items.vectors[200] = 0
    integers = FolderVectors("", tmp_path, EdgeSearch(IndexLimits(codes_bytes=0))).of("products")
    sealed(integers, "v1", {"items": items})
    assert (tmp_path / "products" / "versions" / "v1" / "items" / CODES_FILE).exists()
    late = Embeddings(IdMap(["late", "item-00009"]), np.stack([3 * items.vectors[7], -items.vectors[9]]))
    integers.upsert("v1", "items", late)
    exact = FolderVectors("", tmp_path, ExactSearch()).of("products")
    queries = [*embeddings_of(20, dimension=dimension, seed=4).vectors, items.vectors[7], 0 * items.vectors[7]]
    nearest = [[c.item_id for c in exact.search("v1", "items", query, num_seen + 20)] for query in queries]
    asked = [Wanted(query, 20, near[:num_seen]) for query, near in zip(queries, nearest, strict=True)]
    expected = [exact.search("v1", "items", one.vector, one.k, exclude=one.exclude) for one in asked]
    assert [integers.search("v1", "items", one.vector, one.k, exclude=one.exclude) for one in asked] == expected
    assert integers.search_all("v1", "items", asked) == expected


def test_one_long_row_does_not_make_a_search_compare_all_rows_in_full(
    tmp_path: Path, embeddings_of: MakeEmbeddings, sealed: Seal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What most items score is less than how far the codes of the longest may be off, as in rows of linear models."""
    items = embeddings_of(5_000, dimension=64)
    items.vectors[17] *= 200
    integers = FolderVectors("", tmp_path, EdgeSearch(IndexLimits(codes_bytes=0))).of("products")
    sealed(integers, "v1", {"items": items})
    exact = FolderVectors("", tmp_path, ExactSearch()).of("products")
    queries, longest = embeddings_of(20, dimension=64, seed=4).vectors, items.ids.external(17)
    expected = [exact.search("v1", "items", query, 10, exclude=[longest]) for query in queries]
    monkeypatch.setattr(int8, "best_exact", lambda view, question: pytest.fail("all rows are compared in full"))
    assert [integers.search("v1", "items", query, 10, exclude=[longest]) for query in queries] == expected
