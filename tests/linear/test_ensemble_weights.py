import numpy as np
import pytest

from kindred.domain.interactions import Interactions
from kindred.linear.ensemble_weights import ValidationScores, WeightConfig, make_folds
from kindred.linear.scorer import LinearScorer

NUM_USERS, NUM_ITEMS = 25, 120


@pytest.fixture
def validation():
    """Two blocks of made-up scores, one of them with many ties, and a random cut of made-up events."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((NUM_USERS, NUM_ITEMS)) < 0.2)
    config = WeightConfig(list_length=5, cuts=1)
    cut = make_folds(Interactions(users, items, NUM_USERS, NUM_ITEMS), False, config, seed=0)[0]
    even = rng.normal(size=(NUM_USERS, NUM_ITEMS)).astype(np.float32)
    blocks = [LinearScorer("even", "who", even), LinearScorer("tied", "who", np.round(even[::-1]).astype(np.float32))]
    return ValidationScores(blocks, {"who": np.eye(NUM_USERS, dtype=np.float32)}, cut, config, seed=0)


@pytest.mark.parametrize("weights", [{"even": 1.0}, {"even": 1.0, "tied": 0.3}, {"even": 0.2, "tied": 1.0}])
def test_short_lists_are_worth_the_same(validation, weights):
    short = validation.shortened(30)
    assert short.removed.shape == (NUM_USERS, 60)
    assert short.value(short.mix(weights)) == pytest.approx(validation.value(validation.mix(weights)))


def test_short_lists_hold_no_seen_item_and_none_twice(validation):
    short = validation.shortened(30)
    assert (~short.removed).sum(1).max() <= (~validation.removed).sum(1).max()
    assert len(short.rows) <= len(validation.rows)
    for name, scores in short.scores.items():
        held_out = scores[short.rows, short.items].sort().values
        assert set(held_out.tolist()) <= set(validation.scores[name][validation.rows, validation.items].tolist())


def test_a_small_catalogue_is_left_as_it_is(validation):
    assert validation.shortened(NUM_ITEMS // 2) is validation


def test_a_draw_of_short_lists_is_a_short_list_of_the_draw(validation):
    drawn = [
        part.value(part.scores["even"])
        for part in (
            validation.shortened(30).draw(np.random.default_rng(3), 0.5),
            validation.draw(np.random.default_rng(3), 0.5).shortened(30),
        )
    ]
    assert drawn[0] == pytest.approx(drawn[1])
