"""What is known of a reader before a click, by kind of context: the article clicked last, the device, the place …

One function makes the contexts of the clicks that are counted, of the rows of training and of those of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import IntArray
from kindred.features.click_log import CODES, ClickLog

DEPTH = 8
"""Clicks of a reader that are looked back at."""
_FAR = 3
"""Positions in a session from which on all count as one."""


@dataclass(frozen=True)
class Asked:
    """Requests, and what is known of who asks.

    Attributes:
        at: as of when counts are, milliseconds, `[num_requests]`.
        row: the reader's last clicks, newest first, as rows of the log; −1 where there are no more,
            `[num_requests, DEPTH]`.
        place: of the next click in its session, `[num_requests]`.
        left: row of the last click of the session before, −1 where there is none, `[num_requests]`.
    """

    at: IntArray
    row: IntArray
    place: IntArray
    left: IntArray

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True)
class Kind:
    """A kind of context: the half-lives of its counts in minutes, and the kind whose shares stand in for few counts."""

    half_lives: tuple[float, ...]
    prior: str = "everyone"


LAST = "last"
"""The kind of the article clicked last, and whether its session goes on."""
SLOW = 43_200.0
"""A half-life of 30 days, in minutes: a shop or an archive stays as it is, where news is gone in a day."""
KINDS: Mapping[str, Kind] = {
    "everyone": Kind((1, 3, 10, 30, 120, 720, SLOW)),
    LAST: Kind((3, 15, 60, 360, SLOW)),
    "second": Kind((15, 60)),
    "third": Kind((15, 60)),
    "two": Kind((15, 60), LAST),
    "place": Kind((3, 15)),
    **{name: Kind((15, 60)) for name in CODES},
    **{f"{LAST}_{name}": Kind((15, 60), LAST) for name in ("os", "region", "referrer")},
}
TOGETHER = "together"
"""Names how often an article was clicked in one session with those that the reader clicked last."""
AFTER = "after_"
"""Begins the name of a share in what followed an article."""
SHARES = (*KINDS, f"{AFTER}second", f"{AFTER}third")
"""Kinds, and articles before the last one looked up among what followed right after them; priors come first."""
PRIOR_AT = {"everyone": 2, LAST: 1}
"""Which half-life of a prior is taken."""


def contexts(log: ClickLog, asked: Asked) -> dict[str, IntArray]:
    """The context of each request by kind, ≥ 0, −1 where it is unknown, `[num_requests]` each."""
    article = np.where(asked.row >= 0, log.article[asked.row], -1) if len(log) else asked.row
    going = asked.place > 0
    last = both(article[:, 0], going.astype(np.int64), 2)
    second, third = (np.where(asked.place > k, article[:, k], -1) for k in (1, 2))
    found = {
        "everyone": np.zeros(len(asked), dtype=np.int64),
        LAST: last,
        "second": second,
        "third": third,
        "two": both(second, article[:, 0], log.num_articles),
        "place": np.minimum(asked.place, _FAR),
    }
    for name, code in log.codes.items():
        of = np.where(asked.row[:, 0] >= 0, code[asked.row[:, 0]], -1) if len(log) else last
        found[name] = of
        if f"{LAST}_{name}" in KINDS:
            found[f"{LAST}_{name}"] = both(last, of, log.num_codes[name])
    return found


def both(first: IntArray, second: IntArray, num_second: int) -> IntArray:
    """One key for two, −1 where either is unknown."""
    return np.where((first < 0) | (second < 0), -1, first * num_second + second)


def last_article(log: ClickLog, asked: Asked) -> IntArray:
    """The article that each reader clicked last, −1 where there is none, `[num_requests]`."""
    return np.where(asked.row[:, 0] >= 0, log.article[asked.row[:, 0]], -1) if len(log) else asked.row[:, 0]
