from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from kindred.domain.interactions import Interactions
from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble
from kindred.linear.ensemble.validation import WeightConfig
from kindred.linear.inputs.event_text import EventText, TextVectors
from kindred.linear.inputs.user_features import HistoryStatistics, build_user_features, middle_rating
from kindred.linear.scorers import propagation_network
from kindred.linear.scorers.propagation_network import NETWORK, RECENT_NETWORK, network_scorers, principal_axes
from kindred.linear.scorers.scorer_config import NetworkConfig
from tests.checkerboard import checkerboard
from tests.small_scorers import SCORERS

SMALL = NetworkConfig(dim=16, text_dim=4)
DAY = 86_400


def statistics_of(events, event_text=None, exponent=0.5):
    """Those that the features need."""
    return HistoryStatistics(
        num_items=events.num_items,
        history_exponent=exponent,
        recency_decay=0.8,
        text_mean=np.zeros(0, dtype=np.float32) if event_text is None else event_text.mean(),
        time_knots=np.zeros(0),
        time_bins=1,
        time_bandwidth=1.0,
        middle_rating=middle_rating(events),
    )


def reviews(seed=0, num_users=30, num_items=12, num_events=150, text_dim=6):
    """Events with times, stars and texts of no meaning."""
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, num_users, num_events), rng.integers(0, num_items, num_events)
    stars = rng.integers(1, 6, num_events).astype(np.float32)
    events = Interactions(users, items, num_users, num_items, rating=stars, at=np.arange(num_events) * DAY)
    vectors = rng.normal(size=(num_events, text_dim)).astype(np.float32)
    vectors[::7] = 0
    return events, EventText.of(vectors), rng.normal(size=(num_items, text_dim)).astype(np.float32)


def parts_of(events, text, exponent=0.5):
    """Statistics, what is said, and the events as the network sees them."""
    statistics = statistics_of(events, text[0], exponent)
    said = propagation_network._Said.of(events, text, statistics, SMALL.text_dim)
    return statistics, said, propagation_network._Events.of(events, said, statistics)


def test_it_completes_the_checkerboard():
    train, held_out = checkerboard(36, 12)
    statistics = statistics_of(train)
    (scorer,) = network_scorers(train, (None, None), statistics, replace(SMALL, steps=200), seed=0)
    scores = scorer.scores(build_user_features(train, None, statistics), np.arange(36))
    scores[train.user_index, train.item_index] = -np.inf
    assert scores.argmax(1)[held_out.user_index].tolist() == held_out.item_index.tolist()


@pytest.mark.parametrize(("rounds", "exponent"), [(1, 0.5), (2, 0.5), (3, 0.5), (2, 0.3)])
def test_a_user_of_the_scorer_is_the_user_of_the_messages(rounds, exponent):
    events, event_text, item_text = reviews()
    statistics, said, seen = parts_of(events, (event_text, item_text), exponent)
    network = propagation_network.PropagationNetwork(12, said, replace(SMALL, rounds=rounds)).eval()
    with torch.no_grad():
        states = network(seen.messages(torch.ones(len(events))))
        expected = (states.users @ functional.normalize(states.items, dim=1).T).numpy()
    scorer = propagation_network._scorers(network, seen, said, has_order=False)[0]
    features = build_user_features(events, event_text, statistics)
    np.testing.assert_allclose(scorer.scores(features, np.arange(30)), expected, atol=1e-5)


def test_a_hidden_event_leaves_no_trace_in_the_messages():
    events, event_text, item_text = reviews()
    kept = np.random.default_rng(1).random(len(events)) < 0.7
    statistics, said, seen = parts_of(events, (event_text, item_text))
    network = propagation_network.PropagationNetwork(12, said, SMALL).eval()
    rows = np.flatnonzero(kept)
    without = propagation_network._Events.of(
        events.take(rows), replace(said, columns=said.columns[torch.from_numpy(rows)]), statistics
    )
    # liked or not is told by a user's own mean, of all events in one and of the kept ones in the other
    seen = replace(seen, counts=torch.ones_like(seen.counts))
    without = replace(without, counts=torch.ones_like(without.counts))
    with torch.no_grad():
        by_user = np.argsort(events.user_index, kind="stable")
        hidden = network(seen.messages(torch.from_numpy(kept[by_user]).float()))
        gone = network(without.messages(torch.ones(len(rows))))
    torch.testing.assert_close(hidden.users, gone.users)
    torch.testing.assert_close(hidden.items, gone.items)


def two_tastes(num_users=200, num_items=400):
    """Each item is chosen once or twice, so that only texts tell which taste it is of, `(events, vectors)`."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(num_users), 3)
    items = rng.integers(0, num_items // 2, len(users)) * 2 + users % 2
    vectors = rng.normal(0, 0.5, (len(users), 6)).astype(np.float32)
    vectors[:, 0] += np.where(users % 2, 1, -1)
    return Interactions(users, items, num_users, num_items), EventText.of(vectors)


def test_it_learns_from_texts_where_ids_tell_nothing():
    events, event_text = two_tastes()

    def share_of_own(text):
        statistics = statistics_of(events, text)
        (scorer,) = network_scorers(events, (text, None), statistics, SMALL, seed=0)
        scores = scorer.scores(build_user_features(events, text, statistics), np.arange(200))
        scores[events.user_index, events.item_index] = -np.inf
        seen = np.bincount(events.item_index, minlength=400) > 0
        best = np.argsort(-np.where(seen, scores, -np.inf), axis=1)[:, :10]
        return float((best % 2 == np.arange(200)[:, None] % 2).mean())

    assert share_of_own(event_text) > 0.9 > share_of_own(None)


def test_the_same_seed_gives_the_same_scorers_and_other_random_numbers_stay():
    events, event_text, item_text = reviews()
    statistics = statistics_of(events, event_text)
    torch.manual_seed(3)
    first = network_scorers(events, (event_text, item_text), statistics, SMALL, seed=1)
    following = torch.rand(1)
    second = network_scorers(events, (event_text, item_text), statistics, SMALL, seed=1)
    torch.manual_seed(3)
    assert torch.equal(following, torch.rand(1))
    assert [scorer.name for scorer in first] == [NETWORK, RECENT_NETWORK]
    assert first[0].feature == "items" and first[1].feature == "recent_items"
    np.testing.assert_array_equal(first[0].left, second[0].left)
    np.testing.assert_array_equal(first[0].right, second[0].right)


def test_more_items_take_a_lower_temperature():
    assert NetworkConfig().temperature_among(10) == NetworkConfig().temperature_among(1000) == 0.25
    assert NetworkConfig().temperature_among(41_000) == pytest.approx(0.106, abs=0.001)


def test_principal_axes_give_the_spread_of_the_strongest_directions():
    vectors = np.random.default_rng(0).normal(size=(5000, 4)).astype(np.float32) * np.array([1, 4, 2, 0.1], "float32")
    projected = vectors @ principal_axes(vectors, 2)
    assert projected.shape == (5000, 2)
    np.testing.assert_allclose(projected.var(0), [16 / 10, 4 / 10], rtol=0.05)


QUICK = RankingConfig(weights=WeightConfig(rounds=1, folds=1))
BRIEF = replace(SMALL, steps=5)


def weights_of(events, event_text, network):
    config = replace(QUICK, scorers=replace(SCORERS, network=network))
    return fit_linear_ensemble(events, config, 0, TextVectors(event_text)).scorer_weights


def test_the_ensemble_weighs_it_where_there_are_events_enough():
    events, event_text, _ = reviews()
    assert {NETWORK, RECENT_NETWORK} <= set(weights_of(events, event_text, BRIEF))
    few = np.arange(49)
    assert NETWORK not in weights_of(events.take(few), event_text.take(few), BRIEF)
    assert NETWORK not in weights_of(events, event_text, replace(BRIEF, most_events=150))
    assert NETWORK not in weights_of(events, event_text, None)
