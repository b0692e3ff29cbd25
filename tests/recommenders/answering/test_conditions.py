"""Conditions as people write them."""

from __future__ import annotations

import pytest

from kindred.domain.errors import SettingsError
from kindred.domain.recommendation import Bounds
from kindred.recommenders.answering.conditions import conditions_of
from kindred.recommenders.queries import QUERIES
from kindred.recommenders.tags import TAGS
from kindred.recommenders.tracks import TRACKS


def test_labels_and_numbers_are_told_apart() -> None:
    given = ["category=Rock & Roll = loud", "price<=20", " Price >= 5 ", "in_stock=yes"]
    assert conditions_of(QUERIES, given) == (
        {"category": "Rock & Roll = loud"},
        {"price": Bounds(5, 20), "in_stock": Bounds(1, 1)},
    )
    assert conditions_of(TRACKS, ["duration<=300.5"]) == ({}, {"duration": Bounds(None, 300.5)})


def test_conditions_hold_all_together_in_any_order() -> None:
    for given in (["price<=20", "price<=10"], ["price<=10", "price<=20"]):
        assert conditions_of(QUERIES, [*given, "price>=3", "price>=2"]) == ({}, {"price": Bounds(3, 10)})
    assert conditions_of(QUERIES, ["price=5", "price<=9"]) == ({}, {"price": Bounds(5, 5)})
    assert conditions_of(QUERIES, ["category=Tents", "Category=Tents"]) == ({"category": "Tents"}, {})
    with pytest.raises(SettingsError, match="two of category: 'Tents' and 'Stoves'"):
        conditions_of(QUERIES, ["category=Tents", "category=Stoves"])


def test_who_leads_to_nothing_is_told_so() -> None:
    with pytest.raises(SettingsError, match="they have no labels"):
        conditions_of(TAGS, ["category=Tents"])


@pytest.mark.parametrize(
    "text", ["red", "=x", "price<=", "price<=cheap", "price=nan", "price<20", "colour=red", "size<=3"]
)
def test_what_can_not_be_asked_for_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        conditions_of(QUERIES, [text])


@pytest.mark.parametrize(
    ("value", "inside"), [(5.0, True), (20.0, True), (4.99, False), (None, False), (float("nan"), False)]
)
def test_bounds_hold_only_what_is_known(value: float | None, inside: bool) -> None:
    assert Bounds(5, 20).admit(value) is inside
