from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from kindred.recommenders.releases import Release, load_release, next_version, run_of

RELEASE = Release("r.2", ("ann", "bob"), np.array([1, 2**64 - 1], np.uint64), ("new",), 1_600_000_000, None, {"a": "A"})


def test_versions_are_named_after_their_run_and_counted() -> None:
    assert next_version("r", []) == "r" and next_version("r", ["q", "r-other"]) == "r"
    assert next_version("r", ["r"]) == "r.2" and next_version("r", ["r", "r.2", "q.7"]) == "r.3"
    assert next_version("r", ["r.4"]) == "r.5"
    assert [run_of(version) for version in ("r", "r.2")] == ["r", "r"]


def test_a_release_comes_back_the_same(tmp_path: Path) -> None:
    RELEASE.save(tmp_path)
    again = load_release(tmp_path, "r.2")
    assert again.same_content(RELEASE) and again.version == "r.2"
    assert (again.key("ann"), again.key("bob"), again.key("cy")) == (1, 2**64 - 1, None)


def test_any_difference_is_noticed() -> None:
    assert RELEASE.same_content(replace(RELEASE, version="r.3"))
    changed = [
        replace(RELEASE, keys=np.array([1, 3], np.uint64)),
        replace(RELEASE, users=("ann", "cy")),
        replace(RELEASE, new_items=()),
        replace(RELEASE, as_of=None),
        replace(RELEASE, titles={}),
    ]
    assert not any(RELEASE.same_content(other) for other in changed)
