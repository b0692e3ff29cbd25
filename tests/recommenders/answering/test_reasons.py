"""Reasons say what is known: who liked an item where there are ratings, else only who had to do with it."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.ids import IdMap
from kindred.recommenders.answering.reasons import Told, explain
from kindred.recommenders.evidence import Evidence, Lists
from kindred.recommenders.system import System
from kindred.recommenders.systems import SYSTEMS

USERS, ITEMS = IdMap(["me", "u1", "u2"]), IdMap(["mine", "theirs"])
EVERYBODY = Lists.group(np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 1, 2]), 2)


def reason(system: System, *, rated: bool) -> str:
    evidence = Evidence(USERS, ITEMS, EVERYBODY, {})
    told = Told("me", ["mine"], np.array([True]), np.ones((1, 1), dtype=np.float32), rated)
    return explain(system, evidence, told, ["theirs"], {"mine": "Mine"})["theirs"].text


@pytest.mark.parametrize("name", SYSTEMS)
def test_only_ratings_tell_who_liked_an_item(name: str) -> None:
    system = SYSTEMS[name].system
    did = system.words.did
    assert reason(system, rated=True) == f"you {did} “Mine”; 2 others liked both"
    assert reason(system, rated=False) == f"you {did} “Mine”; 2 others {did} both"
