from __future__ import annotations

from pathlib import Path

import numpy as np

from kindred.domain.ids import IdMap
from kindred.domain.rating_scale import STARS
from kindred.recommenders.answering.reasons import Told, explain
from kindred.recommenders.evidence import Evidence, Lists, are_liked, load_evidence
from kindred.recommenders.listens import LISTENS
from kindred.recommenders.products import PRODUCTS

USERS, ITEMS = IdMap(["ann", "bob", "cy"]), IdMap(["a", "b", "c"])


def evidence(names: dict[str, dict[str, str]] | None = None, shared: str = "MADE_BY") -> Evidence:
    """Ann and Bob liked a and b, Cy liked c; b and c are of one brand."""
    fans = Lists.group(np.array([0, 1, 0, 1, 2, 0]), np.array([0, 0, 1, 1, 2, 0]), 3)
    brands = Lists.group(np.array([1, 2]), np.array([0, 0]), 3)
    return Evidence(USERS, ITEMS, fans, {shared: (brands, IdMap(["Acme"]))}, names or {})


def told(shares: list[list[float]], liked: list[bool], items: list[str]) -> Told:
    return Told("ann", items, np.array(liked), np.array(shares, dtype=np.float32))


def test_what_two_items_have_in_common() -> None:
    assert evidence().common_fans("a", "b") == ["ann", "bob"]
    assert evidence().common_fans("a", "b", besides="ann") == ["bob"]
    assert list(evidence().in_common("b", "c")) == [("MADE_BY", "Acme")]
    assert evidence().common_fans("a", "elsewhere") == [] and list(evidence().in_common("a", "c")) == []
    assert evidence().members("b", "MADE_BY") == ["Acme"] and evidence().members("elsewhere", "MADE_BY") == []


def test_evidence_comes_back_from_its_folder(tmp_path: Path) -> None:
    evidence().save(tmp_path)
    again = load_evidence(tmp_path, USERS, ITEMS)
    assert again.common_fans("a", "b") == ["ann", "bob"] and list(again.in_common("b", "c")) == [("MADE_BY", "Acme")]


def test_a_reason_names_the_event_that_added_most_and_is_not_the_asker_s_own_path() -> None:
    reasons = explain(PRODUCTS, evidence(), told([[0.1], [0.9]], [True, True], ["c", "a"]), ["b"], {"a": "An A"})
    assert reasons["b"].text == "you reviewed “An A”; 1 other liked both"
    assert reasons["b"].path == ("ann", "REVIEWED", "a", "REVIEWED", "bob", "REVIEWED", "b")


def test_the_next_event_speaks_where_the_strongest_has_no_path() -> None:
    reasons = explain(PRODUCTS, evidence(), told([[0.1], [0.9]], [True, True], ["b", "a"]), ["c"], {})
    assert reasons["c"].text == "you reviewed b; both made by Acme"
    assert reasons["c"].path == ("ann", "REVIEWED", "b", "MADE_BY", "Acme", "MADE_BY", "c")


def test_two_items_have_what_one_has() -> None:
    reasons = explain(LISTENS, evidence({}, "HAS_GENRE"), told([[0.1]], [True], ["b"]), ["c"], {})
    assert reasons["c"].text == f"you {LISTENS.words.did} b; both have genre Acme"


def test_what_items_share_goes_by_its_name_where_it_has_one(tmp_path: Path) -> None:
    evidence({"MADE_BY": {"Acme": "The Acme Company"}}).save(tmp_path)
    again = load_evidence(tmp_path, USERS, ITEMS)
    reasons = explain(PRODUCTS, again, told([[0.1]], [True], ["b"]), ["c"], {})
    assert reasons["c"].text == "you reviewed b; both made by The Acme Company"
    assert reasons["c"].path[-3:] == ("Acme", "MADE_BY", "c")


def test_no_reason_is_made_up() -> None:
    disliked = told([[0.9]], [False], ["a"])
    against = told([[-0.1]], [True], ["a"])
    nothing_shared = told([[0.9]], [True], ["a"])
    assert explain(PRODUCTS, evidence(), disliked, ["b"], {}) == {}
    assert explain(PRODUCTS, evidence(), against, ["b"], {}) == {}
    assert explain(PRODUCTS, evidence(), nothing_shared, ["c"], {}) == {}


def test_four_stars_are_liked_and_so_is_the_best_of_a_strict_user() -> None:
    users = np.array([0, 0, 0, 1, 1, 1, 2])
    stars = {"rating": np.array([5, 4, 2, 4, 3.5, 1, 2], np.float32)}
    assert are_liked(PRODUCTS, users, stars, STARS).tolist() == [True, True, False, True, True, False, False]


def test_an_event_without_a_rating_says_nothing_among_rated_ones_and_everything_where_none_is() -> None:
    users = np.array([0, 0])
    columns = {"rating": np.array([5, 0], np.float32), "has_rating": np.array([True, False])}
    assert are_liked(PRODUCTS, users, columns, STARS).tolist() == [True, False]
    assert are_liked(LISTENS, users, {}, None).all() and are_liked(PRODUCTS, users, columns, None).all()
