"""Publishes a second version again and again, killed each time one file operation later; prints how often it was.

Run by test_folders.py as a process of its own, because it forks: python kill_points.py FOLDER
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np

from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap
from kindred.vectorstore.open import open_vectors
from kindred.vectorstore.publish import publish_collections

CHANGES = {"open", "os.rename", "os.mkdir", "os.truncate", "os.remove", "os.rmdir", "shutil.rmtree", "fcntl.flock"}
SIZES = {"first": 30, "second": 40}


def vectors(version: str, name: str) -> Embeddings:
    num = SIZES[version] + len(name)
    sign = 1 if version == "first" else -1
    ids = IdMap(f"{name}-{row}" for row in range(num))
    return Embeddings(ids, sign * np.random.default_rng(num).normal(size=(num, 4)).astype(np.float32))


def publish(folder: Path, version: str) -> None:
    collections = {name: vectors(version, name) for name in ("users", "products")}
    publish_collections(open_vectors(f"exact:{folder}").of("products"), version, collections)


def publish_and_die(folder: Path, after: int) -> None:
    """Never returns: killed at the `after`th file operation, or exits with 0 where there are fewer."""
    left = after

    def count_down(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        if event in CHANGES:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count_down)
    publish(folder, "second")
    os._exit(0)


def check_whole(folder: Path) -> str:
    """The published version, every vector of it as it should be."""
    store = open_vectors(f"exact:{folder}").of("products")
    version = store.published()
    assert version in SIZES, version
    for name in ("users", "products"):
        expected = vectors(version, name)
        assert store.count(version, name) == len(expected.ids)
        np.testing.assert_array_equal(store.fetch(version, name, expected.ids.ids).vectors, expected.vectors)
        best = store.search(version, name, expected.vectors[0], 1)[0]
        assert best.item_id == expected.ids.external(int(np.argmax(expected.vectors @ expected.vectors[0])))
    return version


def main(root: Path) -> None:
    base = root / "base"
    publish(base, "first")
    seen = []
    for after in range(1, 1_000):
        folder = root / "store"
        shutil.copytree(base, folder)
        child = os.fork()
        if child == 0:
            publish_and_die(folder, after)
        _, status = os.waitpid(child, 0)
        seen.append(check_whole(folder))
        publish(folder, "second")  # what the kill left must not be in the way
        assert check_whole(folder) == "second"
        shutil.rmtree(folder)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
    assert seen == sorted(seen), "once the second version is published it stays so"
    sys.stdout.write(f"{seen.count('first')} {seen.count('second')}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
