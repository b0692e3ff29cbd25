from functools import partial

import numpy as np
import pytest

from kindred.domain.interactions import Interactions
from kindred.linear.ensemble.history_shrinkage import SHRINKAGES, ShortHistories
from kindred.linear.ensemble.validation import ValidationFold
from kindred.linear.inputs.user_features import HistoryStatistics, build_user_features
from kindred.linear.scorers.scorer import LinearScorer

USERS, ITEMS, KNOWN, HALF = 600, 20, 6, 10
STATISTICS = HistoryStatistics(ITEMS, 0.5, 1.0, np.zeros(0, dtype=np.float32), np.zeros(0), 1, 1.0)
WEIGHTS = {"same half": 0.5, "popularity": 0.5}


def simulated(*, last_event_tells):
    """Validation users whose next item is of the half of the catalogue in which they chose most, or chose last.

    Within its half an item is as likely as its popularity. Where a single event tells little, of six events two are
    of the other half.
    """
    rng = np.random.default_rng(0)
    half = rng.integers(0, 2, USERS)
    strays = np.zeros((USERS, KNOWN), dtype=bool) if last_event_tells else rng.random((USERS, KNOWN)) < 0.4
    popularity = np.linspace(1, 3, HALF)
    sampled = rng.choice(HALF, (USERS, KNOWN + 1), p=np.exp(popularity) / np.exp(popularity).sum())
    items = sampled + HALF * np.column_stack([half[:, None] ^ strays, half])
    users = np.repeat(np.arange(USERS), KNOWN)
    at = np.tile(np.arange(KNOWN), USERS)
    known = Interactions(users, items[:, :KNOWN].ravel(), USERS, ITEMS, at=at)
    held_out = Interactions(np.arange(USERS), items[:, KNOWN], USERS, ITEMS, at=np.full(USERS, KNOWN))
    same = np.kron(np.eye(2), np.ones((HALF, HALF))).astype(np.float32)
    scorers = [
        LinearScorer("same half", "items", same),
        LinearScorer("popularity", "constant", np.tile(popularity, 2)[None, :].astype(np.float32)),
    ]
    return ValidationFold(known, np.arange(len(known)), held_out), scorers


def features_of(known, rows, users):
    own = rows[np.isin(known.user_index[rows], users)]
    return build_user_features(known.take(own), None, STATISTICS)


@pytest.mark.parametrize("last_event_tells", [True, False])
def test_short_histories_are_trusted_as_far_as_they_tell(last_event_tells):
    fold, scorers = simulated(last_event_tells=last_event_tells)
    encode = partial(features_of, fold.known)
    short = ShortHistories(fold, scorers, encode(fold.known_rows, np.arange(USERS)), encode)
    found = short.best_shrinkage(WEIGHTS)
    assert found == 0 if last_event_tells else found >= SHRINKAGES[2]
