"""What a service holds of a system: the version that answers, and those that requests name."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from pathlib import Path

import pytest

from kindred.recommenders.answering.held_versions import HeldVersions
from kindred.recommenders.products import PRODUCTS
from kindred.vectorstore.open import open_vectors


@dataclass
class Loaded:
    """A version in memory."""

    name: str


@pytest.mark.parametrize("num_others", [1, 2])
def test_a_replaced_version_leaves_the_memory_unless_a_request_named_it(tmp_path: Path, num_others: int) -> None:
    loads: list[str] = []

    def load(name: str) -> Loaded:
        loads.append(name)
        return Loaded(name)

    held = HeldVersions(PRODUCTS, open_vectors(f"exact:{tmp_path}").of(PRODUCTS.name), load, num_others)
    held.hold(held.of("first"))
    first = weakref.ref(held.of())
    held.hold(held.of("second"))
    gc.collect()
    assert first() is None and held.of().name == "second"
    named = held.of("second")  # as a test of two versions asks
    held.hold(held.of("third"))
    assert held.of("second") is named and held.of().name == "third" and loads == ["first", "second", "third"]
    held.hold(held.of("fourth"))
    assert held.of("second") is named or num_others == 1
