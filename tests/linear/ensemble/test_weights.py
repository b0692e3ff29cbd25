import numpy as np
import pytest

from kindred.domain.interactions import Interactions
from kindred.linear.ensemble.validation import HeldOut, WeightConfig, make_folds
from kindred.linear.ensemble.weights import ValidationScores, learn_weights, usual_weights
from kindred.linear.scorers.propagation_network import NETWORK, RECENT_NETWORK
from kindred.linear.scorers.scorer import LinearScorer

NUM_USERS, NUM_ITEMS = 25, 120
CONFIG = WeightConfig(list_length=5, folds=1)


def scored(*scorers):
    """The scores of these scorers, which read who the user is, on a random fold of made-up events."""
    rng = np.random.default_rng(0)
    users, items = np.nonzero(rng.random((NUM_USERS, NUM_ITEMS)) < 0.2)
    (fold,) = make_folds(Interactions(users, items, NUM_USERS, NUM_ITEMS), False, CONFIG, seed=0)
    features = {"who": np.eye(NUM_USERS, dtype=np.float32)}
    return ValidationScores.of(scorers, features, HeldOut.of(fold, CONFIG, seed=0))


def random_scores(seed=1):
    return np.random.default_rng(seed).normal(size=(NUM_USERS, NUM_ITEMS)).astype(np.float32)


@pytest.fixture
def validation():
    """Two scorers with made-up scores, one of them with many ties."""
    even = random_scores()
    return scored(LinearScorer("even", "who", even), LinearScorer("tied", "who", np.round(even[::-1])))


@pytest.mark.parametrize("weights", [{"even": 1.0}, {"even": 1.0, "tied": 0.3}, {"even": 0.2, "tied": 1.0}])
def test_short_lists_are_worth_the_same(validation, weights):
    short = validation.shortened(30)
    assert (~short.targets.removed).sum(1).max() == short.targets.removed.shape[1] < 60
    assert short.targets.value(short.mix(weights)) == pytest.approx(validation.targets.value(validation.mix(weights)))


def test_short_lists_hold_no_seen_item_and_none_twice(validation):
    short = validation.shortened(30)
    assert (~short.targets.removed).sum(1).max() <= (~validation.targets.removed).sum(1).max()
    assert len(short.targets.rows) <= len(validation.targets.rows)
    for name, scores in short.scores.items():
        held_out = scores[short.targets.rows, short.targets.columns].sort().values
        all_scores = validation.scores[name][validation.targets.rows, validation.targets.columns]
        assert set(held_out.tolist()) <= set(all_scores.tolist())


def test_a_small_catalogue_is_left_as_it_is(validation):
    assert validation.shortened(NUM_ITEMS // 2) is validation


def test_a_sample_of_short_lists_is_a_short_list_of_the_sample(validation):
    sampled = [
        part.targets.value(part.scores["even"])
        for part in (
            validation.shortened(30).sample(np.random.default_rng(3), 0.5),
            validation.sample(np.random.default_rng(3), 0.5).shortened(30),
        )
    ]
    assert sampled[0] == pytest.approx(sampled[1])


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e6])
def test_a_scorer_that_is_constant_within_users_weighs_nothing_whatever_its_size(size):
    """Rounding noise must not be divided by itself: the constant is other for each user, blurred in the last bit."""
    of_users = np.linspace(1, 3, NUM_USERS, dtype=np.float32)[:, None] * np.float32(size)
    constant = (of_users * (1 + 1e-7 * random_scores(2))).astype(np.float32)
    scores = scored(LinearScorer("even", "who", random_scores()), LinearScorer("constant", "who", constant))
    assert not scores.scores["constant"].any()
    assert learn_weights([scores], CONFIG) == {"even": pytest.approx(1.0), "constant": 0.0}


def test_small_scores_count_as_much_as_large_ones():
    scores = [scored(LinearScorer("tiny", "who", random_scores() * np.float32(factor))) for factor in (1e-15, 1.0)]
    np.testing.assert_allclose(scores[0].scores["tiny"], scores[1].scores["tiny"], rtol=1e-4)


@pytest.mark.parametrize("temporal", [False, True])
def test_knowing_which_items_were_held_out_whole_is_worth_nothing(temporal):
    """In a long tail the items without a known event are just those to be found; no list can tell them in use."""
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 40, 600), rng.integers(0, 900, 600)
    events = Interactions(users, items, 40, 900, at=np.arange(600) if temporal else None)
    folds = make_folds(events, temporal, WeightConfig(), seed=0)
    features = {"who": np.eye(40, dtype=np.float32)}
    told = []
    for fold in folds:
        is_left = ~fold.is_known
        assert is_left.any() and not is_left[fold.targets[1]].any()
        tells = LinearScorer("tells", "who", np.tile(is_left.astype(np.float32), (40, 1)))
        noise = LinearScorer("noise", "who", rng.normal(size=(40, 900)).astype(np.float32))
        told.append(ValidationScores.of([tells, noise], features, HeldOut.of(fold, WeightConfig(), seed=0)))
        assert told[-1].targets.removed[:, is_left].all()
        assert told[-1].targets.value(told[-1].scores["tells"]) == 0


def test_usual_weights_are_shares_of_the_scorers_that_there_are():
    weights = usual_weights(["ease", "factors", "popularity"])
    assert weights == {"ease": pytest.approx(4 / 7), "factors": 0.0, "popularity": pytest.approx(3 / 7)}
    assert usual_weights(["popularity"]) == {"popularity": 1.0}


def of_targets(noise):
    """Scores that tell every held-out item of `scored`, more or less."""
    validation = scored(LinearScorer("even", "who", random_scores()))
    scores = random_scores(3) * np.float32(noise)
    users = np.flatnonzero(np.bincount(validation.targets.rows.numpy()) > 0)
    scores[users[validation.targets.rows], validation.targets.columns] += 1
    return scores


def test_a_network_is_weighed_against_the_sum_of_all_others():
    others = [LinearScorer("even", "who", of_targets(0.8)), LinearScorer("odd", "who", of_targets(1.0)[:, ::-1].copy())]
    alone = learn_weights([scored(*others)], CONFIG)
    strong = learn_weights([scored(*others, LinearScorer(NETWORK, "who", of_targets(0.3)))], CONFIG)
    assert strong[NETWORK] > 0 and sum(strong.values()) == pytest.approx(1)
    assert strong["even"] / strong["odd"] == pytest.approx(alone["even"] / alone["odd"])
    for name in (NETWORK, RECENT_NETWORK):
        useless = learn_weights([scored(*others, LinearScorer(name, "who", -of_targets(0.3)))], CONFIG)
        assert useless == pytest.approx({**alone, name: 0})


def test_of_two_networks_the_better_one_counts():
    others = [LinearScorer("even", "who", of_targets(1.5))]
    networks = [LinearScorer(NETWORK, "who", random_scores(9)), LinearScorer(RECENT_NETWORK, "who", of_targets(0.2))]
    weights = learn_weights([scored(*others, *networks)], CONFIG)
    assert weights[NETWORK] == 0 < weights[RECENT_NETWORK]
