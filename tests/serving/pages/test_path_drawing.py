"""Paths as they are drawn: names stay in their cards, words apart."""

from __future__ import annotations

from itertools import combinations

import pytest

from kindred.domain.explanation import EvidencePath, Explanation, PathNode, Standing
from kindred.serving.pages.path_drawing import Drawing, drawing_of


def drawing(title: str, is_wide: bool, through: tuple[str, ...] = ("User",) * 3) -> Drawing:
    """Three paths, each from a product of its own through a node of these labels; those through a user meet there."""
    last = PathNode("Product", "p", title)
    paths = tuple(
        EvidencePath(
            "people",
            "you liked both",
            (PathNode("User", "u"), PathNode("Product", first, title), PathNode(label, "v", title), last),
            ("REVIEWED",) * 3,
            0.3,
            Standing(1.0, 2),
        )
        for first, label in zip(("a", "b", "c"), through, strict=True)
    )
    return drawing_of(
        Explanation("products", "u", "p", title, Standing(2.0, 1), paths, None, "model", "1", None), is_wide
    )


@pytest.mark.parametrize(
    "title", ["W" * 200, "Campañero Mistral Minimal Reading Lamp", "傘" * 40, "🎸" * 20, "", "x" * 99]
)
def test_a_name_stays_in_its_card(title: str) -> None:
    for is_wide, room in ((True, 22), (False, 12)):
        for card in drawing(title, is_wide).cards:
            assert 1 <= len(card.lines) <= 3
            assert all(sum(1 + (letter in "W傘🎸") for letter in line) <= room for line in card.lines)


@pytest.mark.parametrize("is_wide", [True, False])
@pytest.mark.parametrize(("through", "count"), [(("User",) * 3, 7), (("User", "Category", "User"), 8)])
def test_words_of_paths_that_meet_stand_apart(through: tuple[str, ...], count: int, is_wide: bool) -> None:
    edges = drawing("tent", is_wide, through=through).edges
    assert len(edges) == count
    assert all(abs(a.x - b.x) > 45 or abs(a.y - b.y) > 20 for a, b in combinations(edges, 2))
