"""A model of the feed says what it lacks where it can't be fitted."""

from __future__ import annotations

import numpy as np
import pytest

from kindred.domain.errors import RecordError
from kindred.features.feed_log import LABEL_SECONDS, FeedLog
from kindred.recommenders.feed.model import fit_feed_model

AT = 1_700_000_000


@pytest.mark.parametrize(
    ("liked", "said"),
    [
        (False, "no view of the feed was liked — load more"),
        (
            True,
            f"40 views of the feed were liked, none of them {LABEL_SECONDS} s before 2023-11-14T22:13:21Z, .*of day",
        ),
    ],
)
def test_a_feed_without_known_likes_says_which_of_the_two_it_lacks(liked: bool, said: str) -> None:
    """Views that all bear one time, such as that of a date, are none that a like is known of."""
    numbers, none = np.arange(40), np.zeros(40, np.int64)
    log = FeedLog(numbers, none, np.full(40, AT), np.full(40, liked), none[:1], none, 1, 1)
    with pytest.raises(RecordError, match=said):
        fit_feed_model(log, None, AT + 1, 0)
