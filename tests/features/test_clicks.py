"""Counts that fade and features of clicks: nothing later enters, nor the time that lies before a click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindred.features.click_candidates import CandidateFinder
from kindred.features.click_log import CODES, MINUTE, SESSION, ClickLog
from kindred.features.clicks import ClickFeatures
from kindred.features.decayed import DecayedCounts

NUM_READERS, NUM_ARTICLES, BEGIN = 6, 9, 1_506_826_800_000


def log_of(seed: int, num: int = 80) -> ClickLog:
    rng = np.random.default_rng(seed)
    at = BEGIN + np.sort(rng.integers(0, 3 * SESSION, num))
    reader, article = rng.integers(0, NUM_READERS, num), rng.integers(0, NUM_ARTICLES, num)
    codes = {name: rng.integers(-1, 3, num) for name in CODES}
    return ClickLog(reader, article, at, codes, NUM_READERS + 1, NUM_ARTICLES)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), at=st.integers(-5, 5_000))
def test_a_faded_count_is_the_sum_over_earlier_events(seed: int, at: int) -> None:
    rng = np.random.default_rng(seed)
    keys, times = rng.integers(-1, 4, 50), rng.integers(0, 4_000, 50)
    counts = DecayedCounts(keys, times, np.array([1.0, 30.0, 900.0]))
    asked = np.arange(6)
    for key, found in zip(asked.tolist(), counts.before(asked, np.full(6, at)), strict=True):
        ages = at - times[(keys == key) & (times < at)]
        wanted = [float(np.exp2(-ages / half_life).sum()) for half_life in (1.0, 30.0, 900.0)]
        assert found == pytest.approx(wanted, rel=1e-6, abs=1e-9)
    number, first, last = counts.history(asked, np.full(6, at))
    for key in range(4):
        before = times[(keys == key) & (times < at)]
        assert number[key] == len(before)
        assert (first[key], last[key]) == ((before.min(), before.max()) if len(before) else (-1, -1))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), after=st.integers(0, 3 * SESSION + MINUTE), reader=st.integers(0, NUM_READERS))
def test_rows_of_training_are_those_of_an_answer_and_know_nothing_later(seed: int, after: int, reader: int) -> None:
    log, at = log_of(seed), BEGIN + after
    articles = np.arange(NUM_ARTICLES)
    alone, whole = np.zeros(NUM_ARTICLES, np.int64), ClickFeatures(log)
    names, rows = whole.rows(whole.asked(np.array([reader]), np.array([at])), alone, articles)
    assert rows.shape == (NUM_ARTICLES, len(names)) and not np.isinf(rows).any()
    # The same as one of many requests, as in training.
    many = whole.asked(np.append(log.reader, reader), np.append(log.at, at))
    assert np.array_equal(rows, whole.rows(many, alone + len(log), articles)[1], equal_nan=True)
    # And from a log that ends at the moment.
    cut = ClickFeatures(log.until(at))
    assert np.allclose(
        rows, cut.rows(cut.asked(np.array([reader]), np.array([at])), alone, articles)[1], rtol=1e-6, equal_nan=True
    )
    here, there = (
        CandidateFinder(of).find(np.array([reader]), of.asked(np.array([reader]), np.array([at])))
        for of in (whole, cut)
    )
    assert np.array_equal(here.article, there.article) and np.array_equal(here.is_short, there.is_short)
    assert set(here.article.tolist()).isdisjoint(log.article[(log.reader == reader) & (log.at < at)].tolist())
    # What was worked out of the candidates is taken over.
    some = whole.asked(np.array([reader]), np.array([at])), here.request[here.is_short], here.article[here.is_short]
    shares = {name: of[here.is_short] for name, of in here.shares.items()}
    assert np.array_equal(whole.rows(*some)[1], whole.rows(*some, here.keys, shares)[1], equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), row=st.integers(0, 79), wait=st.integers(1, SESSION - MINUTE))
def test_how_long_a_reader_waited_before_the_click_says_nothing(seed: int, row: int, wait: int) -> None:
    """The last click of a session may bear a made-up time: rows of counts of one time are the same after any wait."""
    log, articles = log_of(seed), np.arange(NUM_ARTICLES)
    reader, at = log.reader[[row]], int(log.at[row]) + 1
    known = log.until(at)
    features, alone = ClickFeatures(known), np.zeros(NUM_ARTICLES, np.int64)
    soon = features.asked(reader, np.array([at]))
    late = features.asked(reader, np.array([at + wait]), wait)
    assert np.array_equal(
        features.rows(soon, alone, articles)[1], features.rows(late, alone, articles)[1], equal_nan=True
    )


def test_a_session_is_over_after_half_an_hour() -> None:
    log = ClickLog(
        np.array([0, 0]),
        np.array([0, 1]),
        np.array([BEGIN, BEGIN + 5]),
        {name: np.array([1, 1]) for name in CODES},
        2,
        3,
    )
    features = ClickFeatures(log)
    asked = features.asked(np.array([0, 0, 0, 1]), BEGIN + 5 + np.array([1, SESSION, SESSION + 1, 1]))
    assert asked.place.tolist() == [2, 2, 0, 0]
    assert asked.row[:, :3].tolist() == [[1, 0, -1], [1, 0, -1], [1, 0, -1], [-1, -1, -1]]
    assert asked.left.tolist() == [-1, -1, 1, -1]  # whose session before this one ended, and with which click


def test_an_empty_log_has_features_too() -> None:
    none = np.empty(0, np.int64)
    features = ClickFeatures(ClickLog(none, none, none, dict.fromkeys(CODES, none), 1, 2))
    asked = features.asked(np.array([0]), np.array([5]))
    assert not np.isinf(features.rows(asked, np.zeros(2, np.int64), np.arange(2))[1]).any()
    assert not len(CandidateFinder(features).find(np.array([0]), asked).article)


def test_what_was_clicked_beside_it_a_week_ago_is_a_candidate() -> None:
    """A shop's pairs stay, where a news site's are gone in a day."""
    old, num_new = 3, 600
    reader = np.concatenate([np.repeat(np.arange(old), 2), old + np.arange(num_new + 1)])
    article = np.concatenate([np.tile([1, 0], old), 2 + np.arange(num_new), [0]])
    now = 7 * 24 * 60 * MINUTE
    at = BEGIN + np.concatenate([np.arange(2 * old) * 1_000, now - np.arange(num_new, -1, -1) * 1_000])
    codes = {name: np.full(len(at), -1) for name in CODES}
    log = ClickLog(reader, article, at, codes, int(reader.max()) + 2, num_new + 2)
    features, last = ClickFeatures(log), reader[-1:]
    found = CandidateFinder(features).find(last, features.asked(last, at[-1:] + 1))
    assert found.ranked(lasting=True)[found.article == 1].tolist() == [True]
    assert not found.ranked(lasting=False)[found.article == 1].any()
    assert found.article[found.shares["together"][:, 0].argmax()] == 1
