"""Rows that are encoded for answers, once for all of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from kindred.recommenders.answering.askers import EncodedRows
from kindred.recommenders.answering.known import Known
from kindred.recommenders.answering.opened import Version


class SlowGraph:
    """What is known of users, where the graph gives no answer about one of them until it is let go."""

    def __init__(self) -> None:
        self.asked, self.goes_on = Event(), Event()

    def load(self, user_id: str) -> None:
        if user_id == "slow":
            self.asked.set()
            assert self.goes_on.wait(30)

    def histories(self, user_ids: Sequence[str], items: object) -> Sequence[str]:
        return user_ids

    def state(self, user_id: str) -> Hashable:
        return user_id


def test_who_waits_for_the_graph_holds_no_others() -> None:
    model = SimpleNamespace(items=None, encode_both=lambda users: (np.array([[len(user)] for user in users]), None))
    version = cast(Version, SimpleNamespace(name="v1", model=model))
    known: Any = SlowGraph()
    rows = EncodedRows(cast(Known, known))
    with ThreadPoolExecutor(2) as others:
        slow = others.submit(rows.encoded, version, "slow")
        assert known.asked.wait(10)
        assert others.submit(rows.encoded, version, "quick").result(10).vector.tolist() == [5]
        known.goes_on.set()
        assert slow.result(10).vector.tolist() == [4]
