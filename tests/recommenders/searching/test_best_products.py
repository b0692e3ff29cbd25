"""The best products are those of comparing all in full, whatever the weights, and it is said what found each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kindred.domain.ids import IdMap
from kindred.models.two_tower import HISTORY
from kindred.recommenders.searching.best_products import best_products
from kindred.recommenders.searching.product_index import AskedQueries, ProductIndex, Weights, build_index
from kindred.recommenders.searching.search_log import Products

NUM, DIMENSION, WIDTH, GROUPS = 3_000, 48, 16, 7
WORDS = [f"word{number}" for number in range(200)]
EVERYTHING = Weights(words=0.6, title=1, text=0.3, feedback=0.5, groups=0.2, tower=0.7, popularity=0.1, decay=0.5)
ONE = Weights(words=0, title=0, feedback=0, groups=0)
ALONE = [replace(ONE, **{name: 1.0}) for name in ("words", "title", "tower")]
FEEDBACK_ALONE = replace(EVERYTHING, title=0, text=0, feedback=1.0)
MUCH_FEEDBACK = replace(EVERYTHING, words=0.1, title=0.2, feedback=3.0)


def unit(rng: np.random.Generator, num: int, width: int) -> np.ndarray:
    rows = rng.normal(size=(num, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def index() -> ProductIndex:
    rng = np.random.default_rng(4)
    titles = [" ".join(rng.choice(WORDS, 6)) for _ in range(NUM)]
    groups = csr_matrix((np.ones(NUM, np.float32), (np.arange(NUM), rng.integers(0, GROUPS, NUM))), (NUM, GROUPS))
    vectors = unit(rng, NUM, DIMENSION)
    vectors[50:60], titles[50:60] = vectors[50], [titles[50]] * 10  # the same in all but their id
    vectors[70] = 0
    texts = 0.8 * vectors + 0.2 * unit(rng, NUM, DIMENSION)
    names = tuple(f"category {number}" for number in range(GROUPS))
    ids = IdMap(f"P{row:05}" for row in range(NUM))
    products = Products(ids, titles, titles, vectors, texts, groups, names, {})
    return build_index(products, rng.integers(0, 50, NUM).astype(np.float32), unit(rng, NUM, WIDTH))


def asked(seed: int, index: ProductIndex) -> AskedQueries:
    """Three queries near one of the products, with words of its title."""
    rng = np.random.default_rng(seed)
    near = int(rng.integers(0, NUM))
    vectors = np.zeros((1, HISTORY, DIMENSION), np.float32)
    vectors[0, :3] = index.title_vectors[near] + 0.1 * rng.normal(size=(3, DIMENSION))
    return AskedQueries([list(rng.choice(WORDS, 3))], vectors, unit(rng, 1, WIDTH))


@pytest.mark.parametrize("weights", [Weights(), EVERYTHING, FEEDBACK_ALONE, MUCH_FEEDBACK, *ALONE], ids=str)
@pytest.mark.parametrize("k", [1, 10, 200])
def test_the_best_are_those_of_all_scores(index: ProductIndex, weights: Weights, k: int) -> None:
    rng = np.random.default_rng(5)
    for seed in range(6):
        history = asked(seed, index)
        allowed = rng.random(NUM) < (1.0, 0.3)[seed % 2]
        scores = index.scores(history, weights)[0]
        found = best_products(index, history, weights, allowed, k)
        order = np.lexsort((np.arange(NUM), -np.where(allowed, scores, -np.inf)))[:k]
        np.testing.assert_allclose(found.scores, scores[order], rtol=1e-5, atol=1e-6)
        apart = np.abs(np.diff(scores[order], append=-np.inf, prepend=np.inf))
        sure = (apart[:-1] > 1e-5) & (apart[1:] > 1e-5)
        np.testing.assert_array_equal(found.rows[sure], order[sure])
        assert allowed[found.rows].all() and len(found.rows) == k


def test_who_found_a_product_is_who_alone_would_have_listed_it(index: ProductIndex) -> None:
    k, everything = 20, np.ones(NUM, np.bool_)
    for seed in range(4):
        history = asked(seed, index)
        found = best_products(index, history, EVERYTHING, everything, k)
        parts = index.parts(history, EVERYTHING, ["words"])
        words, all_scores = parts["words"][0], index.scores(history, EVERYTHING)[0]
        others = all_scores - np.float32(EVERYTHING.words) * words
        for place, row in enumerate(found.rows):
            assert found.by_words[place] == (words[row] > 0 and (words > words[row]).sum() < k)
            assert found.by_vectors[place] == ((others > others[row] + 1e-6).sum() < k)


def test_equal_products_come_in_the_order_of_ids(index: ProductIndex) -> None:
    vectors = np.zeros((1, HISTORY, DIMENSION), np.float32)
    vectors[0, 0] = index.title_vectors[50]
    history = AskedQueries([["nothing"]], vectors)
    only_titles = Weights(words=0, title=1, feedback=0, groups=0)
    found = best_products(index, history, only_titles, np.ones(NUM, np.bool_), 4)
    assert found.rows.tolist() == [50, 51, 52, 53]
    assert best_products(index, history, only_titles, np.zeros(NUM, np.bool_), 4).rows.tolist() == []
