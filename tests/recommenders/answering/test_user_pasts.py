"""What users did is read once for all answers, until it is something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from kindred.domain.interactions import IntArray
from kindred.domain.recommendation import Request
from kindred.recommenders.answering import user_pasts
from kindred.recommenders.answering.known import Known
from kindred.recommenders.answering.user_pasts import UserPast, UserPasts
from kindred.recommenders.histories import BEFORE_ALL

NOTHING_BARRED: frozenset[str] = frozenset()


class Events:
    """What users did, and how often it was asked for."""

    def __init__(self, **seen: list[str]) -> None:
        self.items = seen
        self.num_changes = 0
        self.num_reads = 0

    def seen_with_times(self, user_id: str, until: int | None) -> tuple[Sequence[str], IntArray]:
        self.num_reads += 1
        seen = list(self.items.get(user_id, ()))
        return seen, 100 * np.arange(1, len(seen) + 1)

    def skipped(self, user_id: str, until: int | None) -> Sequence[str]:
        return ["skip"]

    def state(self, user_id: str) -> int | None:
        return self.num_changes


def pasts_of(events: Events) -> UserPasts:
    return UserPasts(cast(Known, events))


def test_a_past_is_read_again_only_when_something_else_is_known() -> None:
    events = Events(ann=["a", "b"])
    pasts = pasts_of(events)
    first = pasts.of("ann", None)
    assert pasts.of("ann", None) is first and events.num_reads == 1
    events.items["ann"].append("c")
    events.num_changes += 1
    assert list(pasts.of("ann", None).seen) == ["a", "b", "c"] and events.num_reads == 2
    assert pasts.of("ann", 7) is not pasts.of("ann", 7), "a past up to a time is not the present one"


def test_what_is_looked_at_now_belongs_to_the_last_session() -> None:
    past = pasts_of(Events(ann=["a", "b"])).of("ann", None).with_viewed(["x", "y"])
    assert list(past.seen) == ["a", "b", "x", "y"] and past.seen_at.tolist() == [100, 200, 200, 200]
    assert list(past.skipped) == ["skip"]
    assert UserPast().with_viewed(["x"]).seen_at.tolist() == [BEFORE_ALL]


def test_what_is_excluded_is_one_object_until_other_items_are_barred() -> None:
    past = pasts_of(Events(ann=["a", "b"])).of("ann", None)
    excluded = past.excluded(Request("ann"), NOTHING_BARRED, "bought")
    assert excluded == {"a": "already bought", "b": "already bought", "skip": "skipped before"}
    assert past.excluded(Request("ann", k=3), NOTHING_BARRED, "bought") is excluded
    gone = frozenset(["z"])
    assert past.excluded(Request("ann"), gone, "bought") == excluded | {"z": "not there at that time"}
    own = past.excluded(Request("ann", exclude=frozenset(["y"])), gone, "bought")
    assert own["y"] == "excluded by the request"
    assert past.excluded(Request("ann", exclude_seen=False), NOTHING_BARRED, "bought") == {}
    assert past.excluded(Request("ann"), NOTHING_BARRED, "bought") == excluded


def test_only_so_much_is_kept_and_nothing_of_who_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_pasts, "ITEMS_KEPT", 10)
    events = Events(ann=["a"] * 4, bob=["b"] * 2, cem=["c"])
    pasts = pasts_of(events)
    kept = {user: pasts.of(user, None) for user in ("ann", "bob", "cem")}
    assert pasts.of("bob", None) is kept["bob"] and pasts.of("cem", None) is kept["cem"]
    assert pasts.of("ann", None) is not kept["ann"], "six, four and three items are more than ten"
    pasts.forget("ann")
    pasts.forget("ann")
    assert events.num_reads == 4 and pasts.of("ann", None) and events.num_reads == 5
