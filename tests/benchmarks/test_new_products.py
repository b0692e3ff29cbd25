"""New products are placed by publishing and measured in the recommender's answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import new_products
from benchmarks.new_products import MODEL, Outcome, describe, make_case, one_fold
from benchmarks.product_graphs import ProductData
from kindred.linear.cold_items.rows import ColdItemConfig
from tests.recommenders.conftest import ENCODER, SMALL

FIRST_REVIEWS = (0, 1)


@pytest.fixture(scope="module")
def found(data: ProductData) -> dict[int, dict[str, Outcome]]:
    ranking = replace(SMALL.ranking, cold_items=ColdItemConfig(max_share=0.1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(new_products, "FIRST_REVIEWS", FIRST_REVIEWS)
        return one_fold(make_case(data, 0), SMALL.model_copy(update={"ranking": ranking}), ENCODER)


def test_a_case_keeps_new_products_and_held_out_reviews_from_the_training(data: ProductData) -> None:
    case = make_case(data, 0)
    assert not np.isin(case.events.item_index[case.known], case.new).any()
    assert not np.isin(case.events.item_index[case.held_out], case.new).any()
    assert len(case.known) + len(case.held_out) + len(case.reviews) == len(case.events)
    at = case.events.at
    assert at is not None
    for product in case.new:
        own = case.reviews[case.events.item_index[case.reviews] == product]
        assert (np.diff(at[own]) >= 0).all()


def test_every_way_gets_as_many_positions_as_the_model_took(found: dict[int, dict[str, Outcome]]) -> None:
    assert tuple(found) == FIRST_REVIEWS
    for outcomes in found.values():
        positions = {way: outcome.positions for way, outcome in outcomes.items()}
        assert positions[MODEL] > 0 and len(set(positions.values())) == 1
        assert len({outcome.before.sum() for outcome in outcomes.values()}) == 1


def test_new_products_take_positions_from_known_ones(found: dict[int, dict[str, Outcome]]) -> None:
    for outcomes in found.values():
        assert (outcomes[MODEL].after <= outcomes[MODEL].before).all()
    assert any(outcomes[MODEL].new.sum() > 0 for outcomes in found.values())


def test_the_line_says_what_is_gained_and_what_it_costs(found: dict[int, dict[str, Outcome]]) -> None:
    line = describe([found[1]])
    assert all(said in line for said in ("new recall@10 kindred", "lead over", "positions", "known"))
