"""Faults of the soak are made and undone, and what counts as passed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.service_soak import FAULTS, Soak

FILE = "v1/items/vectors.f32"


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    versions = tmp_path / "vectors" / "products" / "versions"
    (versions / FILE).parent.mkdir(parents=True)
    (versions / FILE).write_bytes(b"as it was")
    return versions


def test_the_engine_is_broken_in_three_ways_and_whole_again_after_each(tmp_path: Path, versions: Path) -> None:
    broken = {}
    for kind in ("engine gone", "engine garbage", "engine no folder"):
        with FAULTS[kind](tmp_path, 0.0):
            file = versions / FILE
            broken[kind] = (versions.exists(), versions.is_dir(), file.exists() and file.read_bytes() == b"as it was")
        assert (versions / FILE).read_bytes() == b"as it was" and len(list(versions.parent.iterdir())) == 1
    assert broken == {
        "engine gone": (False, False, False),
        "engine garbage": (True, True, False),
        "engine no folder": (True, False, False),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"statuses": Counter({"200": 9, "none": 1})},
        {"statuses": Counter({"200": 9, "500": 1})},
        {"lost": 1},
        {"twice": 1},
        {"degraded_well": 1},
        {"recoveries": [1.0, 11.0]},
        {"threads": [20] * 50 + [23] * 50},
        {"megabytes": [500.0 + 2 * second for second in range(100)]},
    ],
    ids=str,
)
def test_one_thing_wrong_is_not_passed(wrong: dict[str, object]) -> None:
    statuses = Counter({"200": 90, "503": 2})
    fine = Soak(statuses, degraded=5, recoveries=[0.2], acknowledged=9, threads=[20] * 100, megabytes=[500.0] * 100)
    assert fine.passed() and not replace(fine, **wrong).passed()
