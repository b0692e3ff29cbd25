"""Queries as they were meant: one slip, words run together, the wrong keyboard; what is known stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kindred.domain.queries import query_id
from kindred.linear.words.bm25 import fit_bm25, words_of
from kindred.linear.words.spelling import Spelling, fit_spelling, other_layout

DOCUMENTS = ["The Book of Dragons", "Fire TV Stick", "fire place", "Rugged Tent", "палатка зимняя", "tenon saw"]
QUERIES = ["wugyol", "blue wugyol", "wugyol xl", "my wugyol", "a wugyol", "wugyal"]


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    return fit_spelling(fit_bm25(DOCUMENTS), QUERIES)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("fragon book", "dragon book"),
        ("rugegd tent", "rugged tent"),
        ("firestick", "fire stick"),
        ("gfkfnrf", "палатка"),
        ("кгппув tent", "rugged tent"),
        ("wugyl", "wugyol"),
        ("wugyol tent", "wugyol tent"),
        ("tnt", "tnt"),
        ("vinpositine", "vinpositine"),
        ("dragon1", "dragon1"),
        ("", ""),
    ],
)
def test_slips_are_read_as_what_was_meant(spelling: Spelling, typed: str, meant: str) -> None:
    assert spelling.meant(typed) == meant


def test_a_word_of_one_query_is_no_known_word(spelling: Spelling) -> None:
    assert spelling.meant("wugyal") == "wugyol"


@given(st.lists(st.sampled_from(["book", "dragon", "fire", "tent", "палатка", "wugyol"])).map(" ".join))
def test_known_words_stay(query: str) -> None:
    assert fit_spelling(fit_bm25(DOCUMENTS), QUERIES).meant(query) == query


@given(st.text(max_size=60).map(query_id))
def test_any_query_has_a_meaning_of_known_words_or_its_own(query: str) -> None:
    spelling = fit_spelling(fit_bm25(DOCUMENTS), QUERIES)
    changed = set(words_of(spelling.meant(query))) - set(words_of(query))
    assert changed <= set(spelling.catalogue.vocabulary) | set(spelling.used)


def test_the_other_layout_is_its_own_inverse() -> None:
    assert other_layout("ghbdtn") == "привет" and other_layout(other_layout("хъжэбю tent")) == "хъжэбю tent"
