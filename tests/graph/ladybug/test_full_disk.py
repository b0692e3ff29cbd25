"""A disk that fills up under the embedded graph: one clear error, nothing lost, and the same load completes it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.graph_neo4j import REVIEWED, Size, content_hash_of, load
from kindred.domain.errors import StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.ladybug.store import EmbeddedGraph

SIZE = Size(num_users=300, num_products=100, num_reviews=40_000, batch_rows=2_500)
DISK_MB = 96


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("NOT TESTED: a full disk (no command mount)")
    if mounted.returncode:
        pytest.skip(f"NOT TESTED: a full disk ({mounted.stderr.strip()})")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Content hash of the whole load."""
    with closing(EmbeddedGraph(tmp_path_factory.mktemp("whole") / "graph")) as store:
        list(load(store, SIZE))
        return content_hash_of(store)


@pytest.mark.parametrize("free_mb", [0, 8, 33, 35, 38])
def test_a_full_disk_loses_nothing(disk: Path, free_mb: int, undisturbed: str) -> None:
    (disk / "other files").write_bytes(bytes((DISK_MB - free_mb) << 20))
    acknowledged = 0
    with pytest.raises(StoreError) as refused, closing(EmbeddedGraph(disk / "graph")) as store:
        for acknowledged in load(store, SIZE):  # noqa: B007 - what it was when the disk was full
            pass
        store.count(REVIEWED)
    assert refused.value.exit_code == 4
    said = str(refused.value)
    assert "\n" not in said and str(disk) in said and ("free" in said or "No space left" in said)

    (disk / "other files").unlink()
    with closing(EmbeddedGraph(disk / "graph")) as store:
        store.create_schema(graph_schema())
        assert store.count(REVIEWED) >= acknowledged
        list(load(store, SIZE))
        assert content_hash_of(store) == undisturbed


def test_a_limit_of_the_size_of_files_is_told_before_the_engine_comes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (8 << 20, 8 << 20))
    with pytest.raises(StoreError, match="larger than 8 MB") as raised, closing(EmbeddedGraph(tmp_path)) as graph:
        graph.create_schema(graph_schema())
    assert "ulimit" in raised.value.next_step
