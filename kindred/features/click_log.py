"""The clicks of a news site as arrays, oldest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kindred.domain.groups import place_in
from kindred.domain.interactions import IntArray
from kindred.domain.sessions import SILENCE, sessions_of

MINUTE = 60_000
SESSION = 1_000 * SILENCE
"""Milliseconds without a click, after which a session is over."""
CODES = ("os", "region", "referrer", "country", "device")
"""What is known of the request of a click."""


@dataclass(frozen=True)
class ClickLog:
    """Clicks, oldest first.

    Attributes:
        reader, article: positions, `[num_clicks]`.
        at: milliseconds UTC, `[num_clicks]`.
        codes: by name, ≥ 0, −1 where unknown, `[num_clicks]` each.
        num_readers, num_articles: how many there are.
    """

    reader: IntArray
    article: IntArray
    at: IntArray
    codes: Mapping[str, IntArray]
    num_readers: int
    num_articles: int

    def __len__(self) -> int:
        return len(self.reader)

    @cached_property
    def num_codes(self) -> Mapping[str, int]:
        """By name of the codes: more than the highest."""
        return {name: int(code.max(initial=0)) + 1 for name, code in self.codes.items()}

    @cached_property
    def session(self) -> IntArray:
        """The session of each click."""
        return sessions_of(self.reader, self.at, SESSION)

    @cached_property
    def place(self) -> IntArray:
        """The place of each click in its session, from 0."""
        return place_in(self.session)

    @cached_property
    def is_first(self) -> NDArray[np.bool_]:
        """Whether the reader had not clicked the article before."""
        _, rows = np.unique(self.reader * self.num_articles + self.article, return_index=True)
        first = np.zeros(len(self), dtype=np.bool_)
        first[rows] = True
        return first

    def until(self, at: int) -> ClickLog:
        """The clicks before a time."""
        rows = slice(0, int(np.searchsorted(self.at, at)))
        codes = {name: code[rows] for name, code in self.codes.items()}
        return ClickLog(
            self.reader[rows], self.article[rows], self.at[rows], codes, self.num_readers, self.num_articles
        )
