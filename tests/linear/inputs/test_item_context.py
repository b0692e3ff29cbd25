from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from kindred.domain.interactions import Interactions
from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble
from kindred.linear.ensemble.validation import WeightConfig
from kindred.linear.inputs.event_text import TextVectors
from kindred.linear.inputs.item_context import MOST_DIMENSIONS, context_counts, fit_context
from tests.small_scorers import SCORERS

QUICK = RankingConfig(temporal=True, scorers=replace(SCORERS, network=None), weights=WeightConfig(rounds=1, samples=2))
SPECTRUM = replace(QUICK, scorers=replace(QUICK.scorers, max_dense=0, max_squared=0))


def context_vectors(counts, seed=0):
    return fit_context(counts, seed).vectors(counts)


def likeness(rows):
    vectors = context_vectors(sp.csr_matrix(np.array(rows, dtype=np.float32)))
    return vectors @ vectors.T


def test_the_rarer_a_shared_node_is_the_more_alike_are_the_items():
    # nodes: every item's; of three; of two; of one alone
    alike = likeness([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert alike[0, 1] > alike[0, 2] > 0
    np.testing.assert_allclose(np.diag(alike), [1, 1, 1, 0, 0], atol=1e-6)
    assert alike[3].max() == 0, "what all items share, or one alone has, says nothing"


def test_how_often_counts_and_likely_counts_as_it_is():
    alike = likeness([[9, 1, 0], [1, 9, 0], [9, 1, 0], [0.1, 1, 0], [0, 0, 1], [0, 0, 1]])
    assert alike[0, 2] > alike[0, 1] > alike[0, 4] == 0
    assert alike[1, 3] > alike[0, 3]


def test_nothing_shared_is_no_context():
    assert fit_context(sp.csr_matrix((4, 0), dtype=np.float32), 0) is None
    assert fit_context(sp.identity(4, dtype=np.float32, format="csr"), 0) is None


def test_many_nodes_are_narrowed_and_keep_what_is_alike():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 40, 900)
    nodes = kinds[:, None] * 10 + rng.integers(0, 10, (900, 4))
    counts = sp.csr_matrix((np.ones(3_600, np.float32), (np.repeat(np.arange(900), 4), nodes.ravel())), (900, 400))
    vectors, again = context_vectors(counts, 3), context_vectors(counts, 3)
    assert vectors.shape == (900, MOST_DIMENSIONS)
    np.testing.assert_array_equal(vectors, again)
    alike = vectors @ vectors.T
    same = kinds[:, None] == kinds
    assert alike[same].mean() > 10 * abs(alike[~same]).mean()


def shop(seed=0, num_users=240, num_items=160, num_kinds=16):
    """Everybody stays with a kind of item for a while; items are so many that who took which tells little."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(num_items) % num_kinds
    users, items = [], []
    for user in range(num_users):
        of_kinds = np.repeat(rng.choice(num_kinds, 2, replace=False), 3)
        taken = [rng.choice(np.flatnonzero(kinds == kind)) for kind in of_kinds]
        users += [user] * 6
        items += taken
    at = np.tile(np.arange(6), num_users)
    return Interactions(np.array(users), np.array(items), num_users, num_items, at=at), kinds


def found(ensemble, train, held_out):
    scores = ensemble.encode_users(train) @ ensemble.items.T
    scores[train.user_index, train.item_index] = -np.inf
    best = np.argsort(-scores[held_out.user_index], axis=1)[:, :10]
    return (best == held_out.item_index[:, None]).any(axis=1).mean()


def test_what_the_last_items_lead_to_tells_what_comes_next():
    events, kinds = shop()
    last = events.at == 5
    train, held_out = events.take(~last), events.take(last)
    context = context_vectors(sp.csr_matrix((np.ones(160, np.float32), (np.arange(160), kinds)), (160, 16)))
    for config in (QUICK, SPECTRUM):
        plain = fit_linear_ensemble(train, config, 0)
        told = fit_linear_ensemble(train, config, 0, TextVectors(context=context))
        assert found(told, train, held_out) > found(plain, train, held_out) + 0.1
        names = {name for name, weight in told.scorer_weights.items() if weight > 0}
        assert names & {"latest item context similarity", "recent item context similarity"}


def test_an_item_that_nobody_took_comes_to_those_who_like_what_it_leads_to():
    events, kinds = shop()
    untaken = np.arange(160) % 20 == 7
    train = events.take(~untaken[events.item_index])
    context = context_vectors(sp.csr_matrix((np.ones(160, np.float32), (np.arange(160), kinds)), (160, 16)))
    told = fit_linear_ensemble(train, QUICK, 0, TextVectors(context=context))
    scores = told.encode_users(train) @ told.items.T
    taken = np.zeros((240, 16), dtype=bool)
    taken[train.user_index, kinds[train.item_index]] = True
    for item in np.flatnonzero(untaken):
        fans = taken[:, kinds[item]]
        assert scores[fans, item].mean() > scores[~fans, item].mean()
    best = np.argsort(-scores, axis=1)[:, :10]
    assert untaken[best].mean() < 0.05, "and to few others"


def test_a_predicted_edge_counts_as_much_as_it_is_likely_and_an_impossible_one_is_none() -> None:
    likely = np.array([np.nan, 0.25, 0.0, 0.5], dtype=np.float32)
    counts = context_counts(np.array([0, 0, 1, 0]), np.array([0, 1, 1, 1]), likely, (2, 2))
    assert counts.toarray().tolist() == [[1.0, 0.75], [0.0, 0.0]] and counts.nnz == 2
    assert context_counts(np.array([0, 0]), np.array([1, 1]), None, (1, 2)).toarray().tolist() == [[0.0, 2.0]]
