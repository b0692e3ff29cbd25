from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from kindred.domain.interactions import FloatArray
from kindred.domain.recommendation import Candidate, Request
from kindred.recommenders.diversity import diversify
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
from tests.recommenders.conftest import Shop

SHELF = [Candidate("a2", 0.95), Candidate("a1", 1.0), Candidate("b1", 0.8), Candidate("a3", 0.9), Candidate("c1", 0.0)]


def same_letter(ids: object) -> FloatArray:
    """Products of one letter are alike, others not at all."""
    letters = np.array([str(item)[0] for item in ids])  # type: ignore[attr-defined]
    return (letters[:, None] == letters[None, :]).astype(np.float32)


def ids(diversity: float, k: int = 3) -> list[str]:
    return [candidate.item_id for candidate in diversify(SHELF, same_letter, k, diversity)]


def test_nothing_changes_at_0() -> None:
    assert ids(0) == ["a1", "a2", "a3"] and ids(0, k=9) == ["a1", "a2", "a3", "b1", "c1"]


@pytest.mark.parametrize(("diversity", "expected"), [(0.05, "a1 a2 a3"), (0.3, "a1 b1 a2"), (1, "a1 b1 c1")])
def test_mmr_by_hand(diversity: float, expected: str) -> None:
    """At 0.3 after a1: a2 has .7 · .95 − .3 = .365, b1 .7 · .8 = .56; then a2 is above a3 and above c1's 0."""
    assert " ".join(ids(diversity)) == expected


def test_the_unit_of_scores_does_not_matter_and_each_keeps_its_own() -> None:
    scaled = [Candidate(c.item_id, 1000 * c.score - 7) for c in SHELF]
    chosen = diversify(scaled, same_letter, 5, 0.3)
    assert [c.item_id for c in chosen] == ids(0.3, k=5) and set(chosen) == set(scaled)


def test_short_and_level_lists_are_ordered_too() -> None:
    assert diversify([], same_letter, 3, 0.5) == []
    level = [Candidate(item, 1.0) for item in ("a2", "b1", "a1")]
    assert [c.item_id for c in diversify(level, same_letter, 9, 0.5)] == ["a1", "b1", "a2"]


def test_answers_grow_more_varied_and_0_is_today_s_list(shop: Shop) -> None:
    model = load_model(PRODUCTS, shop.run.folder)
    counts = Counter(str(row["reviewerID"]) for row in shop.reviews)
    users = [user for user, count in sorted(counts.items()) if count < 20][:20]

    def lists(diversity: float | None) -> list[list[str]]:
        asked = Request(k=5, reasons=False) if diversity is None else Request(k=5, reasons=False, diversity=diversity)
        answers = [shop.recommender(replace(asked, user_id=user)) for user in users]
        return [[item.item_id for item in answer.recommendations] for answer in answers]

    def similarity(found: list[list[str]]) -> float:
        return float(np.mean([model.similarity(products)[np.triu_indices(5, 1)].mean() for products in found]))

    plain, varied, most = lists(None), lists(0.5), lists(1.0)
    assert lists(0.0) == plain
    assert similarity(most) < similarity(varied) < similarity(plain)
    assert all(v[0] == p[0] and len(set(v)) == 5 for v, p in zip(varied, plain, strict=True))


def test_similarity_is_a_cosine(shop: Shop) -> None:
    model = load_model(PRODUCTS, shop.run.folder)
    between = model.similarity(list(model.items))
    assert np.allclose(np.diag(between), 1, atol=1e-4) and np.allclose(between, between.T, atol=1e-4)
    assert float(np.abs(between).max()) <= 1.001
