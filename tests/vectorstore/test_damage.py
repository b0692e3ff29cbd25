"""Every file of a published version, damaged in four ways: a right answer or an error, mended by publishing again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.vectorstore.publish import publish_collections
from kindred.vectorstore.store import VectorStore

pytestmark = pytest.mark.long

Opener = Callable[[Path], VectorStore]
MakeEmbeddings = Callable[..., Embeddings]

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "overwritten": lambda content: b"{}" + bytes(max(0, len(content) - 2)),
    "flipped": lambda content: flipped(content, len(content) // 2),
}


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


@cache
def stored(path: str) -> tuple[bytes, int]:
    """A file without the zeros at its end, and its size."""
    content = Path(path).read_bytes()
    return content.rstrip(b"\0"), len(content)


def copy_sparse(source: str, target: str) -> None:
    """A copy in which the engine's empty pages of 32 MB take no room, and nearly no time."""
    content, size = stored(source)
    Path(target).write_bytes(content)
    os.truncate(target, size)


def collections(embeddings_of: MakeEmbeddings) -> dict[str, Embeddings]:
    return {"users": embeddings_of(20, prefix="user"), "items": embeddings_of(150)}


def answer(store: VectorStore) -> list[object]:
    """What a recommender asks for: the published version, a user, the best items."""
    vectors = store.of("products")
    version = vectors.published()
    assert version is not None
    user = vectors.fetch(version, "users", ["user-00003"]).vectors[0]
    found = vectors.search(version, "items", user, 10, exclude=["item-00005"])
    return [version, user.tolist(), [(c.item_id, c.score) for c in found]]


def publish(store: VectorStore, made: dict[str, Embeddings]) -> None:
    payloads = {"items": [{"kind": "ab"[row % 3 // 2]} for row in range(150)]}
    publish_collections(store.of("products"), "v1", made, payloads)


@pytest.mark.parametrize("engine", ["exact", "edge-indexed"])
def test_damage_is_noticed_not_served(
    engine: str, openers: dict[str, Opener], tmp_path: Path, embeddings_of: MakeEmbeddings
) -> None:
    made, kept, folder = collections(embeddings_of), tmp_path / "kept", tmp_path / "store"
    with closing(openers[engine](kept)) as store:
        publish(store, made)
        late = Embeddings(IdMap(["late-1", "late-2"]), 2 * made["items"].vectors[:2])
        store.of("products").upsert("v1", "items", late, [{"kind": "a"}] * 2)
        expected = answer(store)
    damaged = 0
    for path in sorted(path for path in (kept / "products").rglob("*") if path.is_file() and path.stat().st_size):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder, copy_function=copy_sparse)
        file = folder / path.relative_to(kept)
        for change in DAMAGES.values():
            file.write_bytes(change(path.read_bytes()))
            with closing(openers[engine](folder)) as store:
                try:
                    assert answer(store) == expected, path
                except ArtifactError as error:
                    damaged += 1
                    assert str(file) in error.message or file.name in error.message, path
                    assert "publish" in error.next_step, path
                if file.name != "published.json":
                    assert store.of("products").damage("v1") is not None, path
    assert damaged >= 4 * 6


def test_publishing_again_mends_a_damaged_version(
    openers: dict[str, Opener], tmp_path: Path, embeddings_of: MakeEmbeddings
) -> None:
    made = collections(embeddings_of)
    with closing(openers["exact"](tmp_path)) as store:
        publish_collections(store.of("products"), "v0", made)
        publish(store, made)
        expected = answer(store)
    file = tmp_path / "products" / "versions" / "v1" / "items" / "vectors.f32"
    file.write_bytes(DAMAGES["flipped"](file.read_bytes()))
    with closing(openers["exact"](tmp_path)) as store:
        with pytest.raises(ArtifactError, match=r"vectors\.f32 is not what was written"):
            answer(store)
        publish(store, made)
        assert answer(store) == expected and store.of("products").previous() == "v0"


@pytest.mark.parametrize("file", ["rows.jsonl", "vectors.f32"])
def test_what_was_appended_is_checked_too(
    file: str, openers: dict[str, Opener], tmp_path: Path, embeddings_of: MakeEmbeddings
) -> None:
    with closing(openers["exact"](tmp_path)) as store:
        publish(store, collections(embeddings_of))
        store.of("products").upsert("v1", "items", Embeddings(IdMap(["late"]), np.ones((1, 8), np.float32)))
    path = tmp_path / "products" / "versions" / "v1" / "items" / file
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with closing(openers["exact"](tmp_path)) as store, pytest.raises(ArtifactError, match="'late' is not what was"):
        answer(store)
