import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp

from kindred.domain.interactions import Interactions
from kindred.linear.cold_items.rows import FirstEvents
from kindred.linear.ensemble import compression
from kindred.linear.ensemble.compression import compress
from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble
from kindred.linear.ensemble.list_fit import ListFitConfig
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.ensemble.scorer_sum import ScorerSum
from kindred.linear.ensemble.validation import WeightConfig, make_folds
from kindred.linear.inputs.event_text import EventText, TextVectors
from kindred.linear.scorers import history_scorers
from kindred.linear.scorers.availability import availability
from kindred.linear.scorers.scorer import LinearScorer
from kindred.linear.scorers.scorer_config import SpectralFilter
from tests.checkerboard import checkerboard
from tests.small_scorers import SCORERS

DAY = 86_400
QUICK = RankingConfig(scorers=SCORERS, weights=WeightConfig(rounds=1, folds=1, samples=2))
SMALL_FILTERS = (SpectralFilter(0.5, 1.0, 8), SpectralFilter(0.4, 0.0, 8))
FILTERED = replace(SCORERS, max_dense=0, ordered_filters=SMALL_FILTERS[1:], unordered_filters=SMALL_FILTERS)
MIDDLE = replace(QUICK, scorers=FILTERED)
LARGE = replace(MIDDLE, scorers=replace(MIDDLE.scorers, max_squared=0))
FEW_USERS = replace(MIDDLE, scorers=replace(MIDDLE.scorers, max_dense=40, max_squared=0))


def clustered(seed=0, num_users=80, num_items=40, text_dim=6):
    """Two tastes with times and texts that tell them apart; the text of an event is near its item's."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(num_users), 6)
    items = rng.integers(0, num_items // 2, len(users)) * 2 + users % 2
    at = rng.integers(0, 900, len(users)) * DAY
    events = Interactions(users, items, num_users, num_items, at=at)
    item_text = rng.normal(0, 0.3, (num_items, text_dim)).astype(np.float32)
    item_text[:, 0] = np.where(np.arange(num_items) % 2 == 0, 1, -1)
    event_text = (item_text[items] + rng.normal(0, 0.3, (len(items), text_dim))).astype(np.float32)
    return events, item_text, EventText.of(event_text)


def on_users(events, users):
    """The events of a few users, numbered anew."""
    rows = np.flatnonzero(np.isin(events.user_index, users))
    part = events.take(rows)
    return replace(part, user_index=np.searchsorted(users, part.user_index), num_users=len(users)), rows


@pytest.mark.parametrize(
    "config", [QUICK, MIDDLE, LARGE, FEW_USERS], ids=["items by items", "both", "spectrum", "users by users"]
)
def test_completes_the_checkerboard(config):
    train, held_out = checkerboard(36, 12)
    ensemble = fit_linear_ensemble(train, config, seed=0)
    scores = ensemble.encode_users(train) @ ensemble.items.T
    scores[train.user_index, train.item_index] = -np.inf
    best = scores.argmax(1)
    assert best[held_out.user_index].tolist() == held_out.item_index.tolist()


@pytest.mark.parametrize("temporal", [False, True])
def test_a_user_is_encoded_alike_alone_and_among_others(temporal):
    events, item_text, event_text = clustered()
    ensemble = fit_linear_ensemble(events, replace(QUICK, temporal=temporal), 0, TextVectors(event_text, item_text))
    together = ensemble.encode_users(events, event_text)
    for user in (0, 41, 79):
        alone, rows = on_users(events, np.array([user]))
        np.testing.assert_allclose(ensemble.encode_users(alone, event_text.take(rows))[0], together[user], atol=1e-5)


def test_width_is_a_bound_and_the_order_of_scores_survives_it():
    events, _, event_text = clustered()
    wide = fit_linear_ensemble(events, QUICK, 0, TextVectors(event_text))
    narrow = fit_linear_ensemble(events, replace(QUICK, width=24), 0, TextVectors(event_text))
    assert narrow.items.shape == (40, 24)
    full, short = (ensemble.encode_users(events, event_text) @ ensemble.items.T for ensemble in (wide, narrow))
    assert np.corrcoef(full.ravel(), short.ravel())[0, 1] > 0.98


def test_factors_are_reduced_to_the_best_approximation_where_users_count_alike():
    rng = np.random.default_rng(0)
    known = rng.random((30, 20)) < 0.2
    features = {
        "items": sp.csr_matrix(known.astype(np.float32)),
        "constant": np.ones((30, 1), dtype=np.float32),
    }
    left, right = rng.normal(size=(20, 4)).astype(np.float32), rng.normal(size=(20, 4)).astype(np.float32)
    scorers = [
        (LinearScorer("low rank", "items", left, right), 0.5),
        (LinearScorer("prior", "constant", rng.normal(size=(1, 20)).astype(np.float32)), 2.0),
    ]
    exact = sum(factor * scorer.scores(features, np.arange(30)) for scorer, factor in scorers)

    def scores(width):
        rows, items = compress(ScorerSum(scorers), features, width, 0, ListFitConfig(rounds=0))
        assert items.shape == (20, min(width, 5))
        return sum(features[name] @ part for name, part in rows.items()) @ items.T

    np.testing.assert_allclose(scores(512), exact, atol=1e-4)
    by_item = np.maximum(known.sum(0), 1) ** -0.5
    weighted = exact * by_item
    by_user = 1 / np.linalg.norm(weighted, axis=1, keepdims=True)
    left_out = np.linalg.svd(weighted * by_user, compute_uv=False)[3:]
    error = np.linalg.norm((scores(3) - exact) * by_item * by_user)
    assert error == pytest.approx(np.linalg.norm(left_out), rel=1e-3)


@pytest.mark.parametrize("width", [20, 512])
def test_a_scorer_of_several_features_is_the_sum_of_its_parts(width):
    rng = np.random.default_rng(0)
    features = {
        "items": sp.csr_matrix((rng.random((30, 20)) < 0.2).astype(np.float32)),
        "text": rng.normal(size=(30, 6)).astype(np.float32),
    }
    of_items, of_text, right = (rng.normal(size=(size, 4)).astype(np.float32) for size in (20, 6, 20))
    scorer = LinearScorer("both", "items", of_items, right, (("text", of_text),))
    expected = (features["items"] @ of_items + features["text"] @ of_text) @ right.T
    np.testing.assert_allclose(scorer.scores(features, np.arange(30)), expected, atol=1e-4)
    np.testing.assert_allclose(scorer.scores(features, np.array([4, 2])), expected[[4, 2]], atol=1e-4)
    rows, items = compress(ScorerSum([(scorer, 0.5)]), features, width, 0)
    np.testing.assert_allclose(sum(features[n] @ part for n, part in rows.items()) @ items.T, expected / 2, atol=1e-3)


def test_save_and_load_give_equal_answers():
    events, _, event_text = clustered()
    ensemble = fit_linear_ensemble(events, QUICK, 0, TextVectors(event_text))
    arrays, numbers = ensemble.state()
    loaded = LinearEnsemble.from_state(arrays, json.loads(json.dumps(numbers)))
    assert np.array_equal(ensemble.encode_users(events, event_text), loaded.encode_users(events, event_text))
    assert np.array_equal(ensemble.encode_cold_items(event_text.stored), loaded.encode_cold_items(event_text.stored))


def test_the_same_seed_gives_the_same_core():
    events, _, event_text = clustered()
    first, second = (fit_linear_ensemble(events, LARGE, 5, TextVectors(event_text)) for _ in range(2))
    assert first.scorer_weights == second.scorer_weights
    assert np.array_equal(first.items, second.items)


def test_items_known_by_text_only_go_to_the_right_taste():
    events, item_text, event_text = clustered()
    known = events.item_index < 30
    train = events.take(known)
    ensemble = fit_linear_ensemble(train, QUICK, 0, TextVectors(event_text.take(known), item_text))
    cold = ensemble.encode_cold_items(item_text[30:])  # even items first taste, odd items second
    scores = ensemble.encode_users(train, event_text.take(known)) @ cold.T
    even_users, even_items = np.arange(80) % 2 == 0, np.arange(30, 40) % 2 == 0
    own = scores[np.ix_(even_users, even_items)].mean() + scores[np.ix_(~even_users, ~even_items)].mean()
    other = scores[np.ix_(even_users, ~even_items)].mean() + scores[np.ix_(~even_users, even_items)].mean()
    assert own > other


def test_where_nothing_has_a_text_an_item_goes_to_those_who_are_like_its_first_users():
    events, _, _ = clustered()
    train = events.take(events.item_index < 30)
    ensemble = fit_linear_ensemble(train, QUICK, 0)
    users = ensemble.encode_users(train)
    even_users = np.arange(80) % 2 == 0
    choosers = np.stack([users[even_users][:3].sum(axis=0), users[~even_users][:3].sum(axis=0)])
    told = FirstEvents(choosers, np.array([3, 3]))
    scores = users @ ensemble.encode_cold_items(np.zeros((2, 1), dtype=np.float32), told).T
    assert (scores[even_users, 0] > scores[even_users, 1]).mean() > 0.9
    assert (scores[~even_users, 1] > scores[~even_users, 0]).mean() > 0.9


def test_from_one_item_nothing_is_learned_of_new_ones():
    events = Interactions(np.arange(4), np.zeros(4, dtype=np.int64), 4, 1)
    ensemble = fit_linear_ensemble(events, QUICK, 0)
    with pytest.raises(ValueError, match="fewer than two items"):
        ensemble.encode_cold_items(np.zeros((1, 1), dtype=np.float32))


def test_a_user_without_events_gets_the_most_popular_items():
    events, _, _ = clustered()
    popular = np.concatenate([events.item_index, np.zeros(60, dtype=np.int64)])
    users = np.concatenate([events.user_index, np.arange(60)])
    train = Interactions(users, popular, events.num_users, events.num_items)
    ensemble = fit_linear_ensemble(train, QUICK, 0)
    assert ensemble.scorer_weights["popularity"] > 0
    anonymous = train.take(np.zeros(len(train), dtype=bool))
    assert int((ensemble.encode_users(anonymous) @ ensemble.items.T)[0].argmax()) == 0


def test_a_learned_scorer_is_one_more_and_never_sees_the_held_out_events():
    events = replace(clustered()[0], at=None)  # with times, others know the tastes as well, and it may get no weight
    sizes = []

    def learned(known):
        sizes.append(len(known))
        taste = np.eye(2, dtype=np.float32)
        return taste[np.arange(known.num_users) % 2], taste[np.arange(known.num_items) % 2]

    ensemble = fit_linear_ensemble(events, QUICK, 0, learned=learned)
    assert sizes.index(len(events)) > 0  # the folds come first
    assert max(sizes) == len(events)
    assert ensemble.scorer_weights["learned"] > 0
    taste = np.eye(2, dtype=np.float32)[np.arange(events.num_users) % 2]
    assert not np.allclose(ensemble.encode_users(events, learned=taste), ensemble.encode_users(events))


def test_what_all_learned_items_share_is_in_no_score():
    events, _, _ = clustered()
    rng = np.random.default_rng(0)
    items = rng.normal(size=(events.num_items, 4)).astype(np.float32)

    def learned(known, shared):
        users = np.zeros((known.num_users, 4), dtype=np.float32)
        np.add.at(users, known.user_index, items[known.item_index])
        return users, items + np.float32(shared)

    scores = []
    for shared in (0.0, 1024.0):
        ensemble = fit_linear_ensemble(events, QUICK, 0, learned=partial(learned, shared=shared))
        scores.append(ensemble.encode_users(events, learned=learned(events, 0.0)[0]) @ ensemble.items.T)
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-2)


@pytest.mark.parametrize("temporal", [False, True])
def test_validation_folds_divide_the_training_events(temporal):
    events, _, _ = clustered()
    for fold in make_folds(events, temporal, WeightConfig(), seed=0):
        assert len(fold.known) == len(fold.known_rows)
        assert np.array_equal(events.item_index[fold.known_rows], fold.known.item_index)
        if temporal:
            latest = np.full(events.num_users, -1)
            np.maximum.at(latest, fold.known.user_index, fold.known.at)
            assert (fold.held_out.at >= latest[fold.held_out.user_index]).all()


def test_more_history_than_training_saw_is_no_obstacle():
    events, _, event_text = clustered()
    ensemble = fit_linear_ensemble(events, QUICK, 0, TextVectors(event_text))
    users = np.zeros(40, dtype=np.int64)
    newcomer = Interactions(users, np.arange(40), 1, 40, at=np.arange(40) * DAY + 10**9)
    rows = ensemble.encode_users(newcomer, EventText.of(np.zeros((40, event_text.dim), dtype=np.float32)))
    assert np.isfinite(rows).all()


def test_a_few_users_get_the_space_that_their_scores_span():
    """Twice the same users are many, and need the same space: only the way to it is another."""
    rng = np.random.default_rng(0)
    known = (rng.random((12, 20)) < 0.3).astype(np.float32)
    full = (LinearScorer("full", "items", rng.normal(size=(20, 20)).astype(np.float32)), 0.5)
    prior = (LinearScorer("prior", "constant", rng.normal(size=(1, 20)).astype(np.float32)), 2.0)
    spaces = []
    for times in (1, 2):
        features = {
            "items": sp.csr_matrix(np.tile(known, (times, 1))),
            "constant": np.ones((12 * times, 1), np.float32),
        }
        rows, items = compress(ScorerSum([full, prior]), features, 5, 0, ListFitConfig(rounds=0))
        spaces.append(sum(features[name][:12] @ part for name, part in rows.items()) @ items.T)
    exact = 0.5 * known @ full[0].left + 2.0 * prior[0].left
    left_out = np.linalg.svd(exact, compute_uv=False)[5:]
    for found in spaces:
        assert np.linalg.norm(found - exact) == pytest.approx(np.linalg.norm(left_out), rel=1e-3)
    np.testing.assert_allclose(spaces[0], spaces[1], atol=1e-3)


def test_a_few_users_of_many_factors_get_the_same_space_as_many_users(monkeypatch):
    """Twice the same users are more than the columns, and need the same space, where it may not be wider."""
    monkeypatch.setattr(compression, "HELD", 0.0)
    rng = np.random.default_rng(0)
    known = (rng.random((12, 30)) < 0.3).astype(np.float32)
    known[np.arange(30) % 12, np.arange(30)] = 1
    factors = LinearScorer("factors", "items", *rng.normal(size=(2, 30, 20)).astype(np.float32))
    spaces = []
    for times in (1, 2):
        features = {"items": sp.csr_matrix(np.tile(known, (times, 1)))}
        rows, items = compress(ScorerSum([(factors, 1.0)]), features, 5, 0, ListFitConfig(rounds=0))
        spaces.append(known @ rows["items"] @ items.T)
    assert items.shape == (30, 5)
    np.testing.assert_allclose(spaces[0], spaces[1], atol=1e-2)


def scores_left_out(rank: int, num_users: int) -> tuple[int, float]:
    """Width of a space of 5 where scores have that rank, and the share of squared scores that it leaves out."""
    rng = np.random.default_rng(0)
    known = (rng.random((num_users, 90)) < 0.3).astype(np.float32)
    known[np.arange(90) % num_users, np.arange(90)] = 1
    left = rng.normal(size=(90, rank)).astype(np.float32) @ rng.normal(size=(rank, 50)).astype(np.float32)
    factors = LinearScorer("factors", "items", left, rng.normal(size=(90, 50)).astype(np.float32))
    features = {"items": sp.csr_matrix(known)}
    rows, items = compress(ScorerSum([(factors, 1.0)]), features, 5, 0)
    exact = known @ left @ factors.right.T
    missing = known @ rows["items"] @ items.T - exact
    return items.shape[1], float((missing**2).sum() / (exact**2).sum())


def test_few_users_whose_scores_lie_in_many_directions_get_a_wider_space(monkeypatch):
    width, lost = scores_left_out(rank=4, num_users=40)
    assert width == 5 and lost < 0.01
    width, lost = scores_left_out(rank=40, num_users=40)
    assert width == 5 * compression.WIDER and lost < 0.15
    assert scores_left_out(rank=40, num_users=60)[0] == 5, "more users than columns"
    monkeypatch.setattr(compression, "MOST_NUMBERS", 90 * 7)
    assert scores_left_out(rank=40, num_users=40)[0] == 7
    monkeypatch.setattr(compression, "MOST_NUMBERS", 90 * 3)
    width, before = scores_left_out(rank=40, num_users=40)
    assert width == 5 and before > 2 * lost


def test_vectors_found_at_once_are_those_that_iterations_find(monkeypatch):
    scores = np.random.default_rng(0).normal(size=(30, 80)).astype(np.float32)
    scores *= np.linspace(3, 0.1, 80, dtype=np.float32)
    at_once, share = compression._right_vectors(scores, 12, 0)
    monkeypatch.setattr(compression, "MOST_EXACT", 0)
    monkeypatch.setattr(compression, "ITERATIONS", 30)
    found, its_share = compression._right_vectors(scores, 12, 0)
    assert share == pytest.approx(its_share, rel=1e-4) and 0.4 < share < 1
    np.testing.assert_allclose(at_once @ at_once.T, found @ found.T, atol=2e-3)


@pytest.mark.parametrize(("users", "items", "rank"), [(50, 70, 50), (40, 100, 512), (41, 100, 0), (10, 60, 0)])
def test_ease_comes_from_the_side_of_users_where_there_are_few_scores_or_few_users(users, items, rank):
    config = replace(SCORERS, max_dense=40, max_squared=60)
    train = Interactions(np.arange(items) % users, np.arange(items), users, items)
    found = availability(train, event_text=False, item_text=False, config=config)
    assert found.ease_rank == rank
    assert found.ease == (rank > 0 or items == 60)


@pytest.mark.parametrize("config", [QUICK, LARGE], ids=["items by items", "spectrum"])
def test_how_many_events_are_read_together_changes_nothing(config, monkeypatch):
    events, item_text, event_text = clustered()
    events = replace(
        events, user_index=np.where(events.user_index < 4, 3, events.user_index)
    )  # one has more than a part
    text = TextVectors(event_text, item_text)
    config = replace(config, scorers=replace(config.scorers, network=None))
    whole = fit_linear_ensemble(events, config, 0, text)
    assert any("next item" in name and weight for name, weight in whole.scorer_weights.items())
    monkeypatch.setattr(history_scorers, "EVENTS_A_PART", 10)
    parts = fit_linear_ensemble(events, config, 0, text)
    assert parts.scorer_weights == pytest.approx(whole.scorer_weights, abs=1e-4)
    scores = [one.encode_users(events, event_text) @ one.items.T for one in (whole, parts)]
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-3 * np.abs(scores[0]).max())
