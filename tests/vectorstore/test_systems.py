"""Two systems in one store: whatever is done to one, the other keeps its versions, pointers and vectors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import ArtifactError, StoreError
from kindred.domain.ids import IdMap
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.store import SystemVectors, VectorStore

Opener = Callable[[Path], VectorStore]
MakeEmbeddings = Callable[..., Embeddings]

# What the stand-in for a server says about itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection"),
]

SYSTEMS = ("products", "listens")
VERSIONS = ("a", "b", "c", "d")


def test_the_third_publish_of_one_leaves_the_other_published(
    opener: Opener, tmp_path: Path, embeddings_of: MakeEmbeddings
) -> None:
    with closing(opener(tmp_path)) as store:
        publish_collections(store.of("listens"), "v1", {"items": embeddings_of(5)})
        for number in range(1, 5):
            publish_collections(store.of("products"), f"v{number}", {"items": embeddings_of(9, seed=number)})
        assert store.systems() == ["listens", "products"]
        assert (store.of("listens").published(), store.of("listens").versions()) == ("v1", ["v1"])
        assert store.of("listens").count("v1", "items") == 5
        assert (store.of("products").published(), store.of("products").versions()) == ("v4", ["v3", "v4"])


class Expected:
    """What one system should hold: the versions, oldest first, with what each one's vectors are."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[str, list[float]]] = {}
        self.published: str | None = None
        self.previous: str | None = None

    def publish(self, version: str) -> None:
        if version != self.published:
            self.published, self.previous = version, self.published

    def prune(self, keep: int) -> None:
        needed = {self.published, self.previous} - {None}
        spare = [version for version in self.versions if version not in needed]
        for version in spare[: max(0, len(spare) + len(needed) - max(keep, 2))]:
            del self.versions[version]


class TwoSystems(RuleBasedStateMachine):
    """Publishes, switches, rolls back, prunes, drops and adds to two systems in any order, and compares."""

    opener: Opener

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = type(self).opener(Path(self.folder.name))
        self.expected = {system: Expected() for system in SYSTEMS}
        self.made = 0

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def _of(self, system: str) -> tuple[SystemVectors, Expected]:
        return self.store.of(system), self.expected[system]

    @rule(system=st.sampled_from(SYSTEMS), version=st.sampled_from(VERSIONS), keep=st.integers(1, 4))
    def publish_new(self, system: str, version: str, keep: int) -> None:
        vectors, expected = self._of(system)
        if version == expected.published:
            return
        self.made += 1
        content = {f"{system}-{row}": [float(self.made), float(row)] for row in range(1, 4)}
        items = Embeddings(IdMap(content), np.array(list(content.values()), np.float32))
        if version == expected.previous:  # it is published as it is or not at all
            with pytest.raises(StoreError, match="publish under another name"):
                publish_collections(vectors, version, {"items": items}, options=PublishOptions(keep))
            return
        publish_collections(vectors, version, {"items": items}, options=PublishOptions(keep))
        expected.versions.pop(version, None)
        expected.versions[version] = content
        expected.publish(version)
        expected.prune(keep)

    @rule(system=st.sampled_from(SYSTEMS), version=st.sampled_from(VERSIONS))
    def switch(self, system: str, version: str) -> None:
        vectors, expected = self._of(system)
        if version in expected.versions:
            vectors.publish(version)
            expected.publish(version)
        else:
            with pytest.raises(StoreError, match=version):
                vectors.publish(version)

    @rule(system=st.sampled_from(SYSTEMS))
    def roll_back(self, system: str) -> None:
        vectors, expected = self._of(system)
        if expected.previous is None:
            with pytest.raises(ArtifactError, match="no earlier version"):
                vectors.rollback()
        else:
            assert vectors.rollback() == expected.previous
            expected.published, expected.previous = expected.previous, None

    @rule(system=st.sampled_from(SYSTEMS), version=st.sampled_from(VERSIONS))
    def drop(self, system: str, version: str) -> None:
        vectors, expected = self._of(system)
        if version not in expected.versions or version == expected.published:
            with pytest.raises(StoreError):
                vectors.drop(version)
            return
        vectors.drop(version)
        del expected.versions[version]
        if version == expected.previous:
            expected.previous = None

    @rule(system=st.sampled_from(SYSTEMS), row=st.integers(1, 6))
    def add_to_the_published(self, system: str, row: int) -> None:
        vectors, expected = self._of(system)
        if expected.published is not None:
            self.made += 1
            item, vector = f"{system}-{row}", [float(self.made), float(row)]
            vectors.upsert(expected.published, "items", Embeddings(IdMap([item]), np.array([vector], np.float32)))
            expected.versions[expected.published][item] = vector

    @invariant()
    def each_holds_what_it_should(self) -> None:
        for system in SYSTEMS:
            vectors, expected = self._of(system)
            assert vectors.versions() == list(expected.versions)
            assert (vectors.published(), vectors.previous()) == (expected.published, expected.previous)
            for version, content in expected.versions.items():
                fetched = vectors.fetch(version, "items", list(content))
                assert dict(zip(fetched.ids, fetched.vectors.tolist(), strict=True)) == content
                found = vectors.search(version, "items", np.ones(2, np.float32), 10)
                assert [c.item_id for c in found] == sorted(content, key=lambda item: (-sum(content[item]), item))


def test_two_systems_never_touch(opener: Opener, openers: dict[str, Opener]) -> None:
    machine = type("TwoSystemsOfAnEngine", (TwoSystems,), {"opener": staticmethod(opener)})
    takes_long = opener is openers["edge-indexed"]  # it builds an index with each version
    limits = settings(max_examples=2 if takes_long else 8, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(machine, settings=limits)
