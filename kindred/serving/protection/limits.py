"""What one caller may ask for in a time, and what the body of a request may be, decided before anything reads it."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_DEPTH = 16
"""Lists and objects inside each other that a body may hold."""
MOST_BRACKETS = 40_000
"""Lists and objects of a body: 1,000 events with some properties each need a tenth."""
_MOST_QUOTES = 400_000
_MOST_CALLERS = 10_000
# A string without an end goes to the end of the body: looked at once, not once a quote.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


class TokenBuckets:
    """A token bucket for each caller: `rate` requests a second for long, `burst` at once.

    Args:
        rate: tokens a second; 0 for no limit.
        burst: tokens that a caller can save up.
        clock: seconds, never going back.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Takes a token of a caller: 0 where there was one, else the seconds until there will be."""
        if not self._rate:
            return 0.0
        now = self._clock()
        left, at = self._left.pop(caller, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        is_there = left >= 1.0
        self._left[caller] = (left - 1.0 if is_there else left, now)
        if len(self._left) > _MOST_CALLERS:
            self._left.popitem(last=False)
        return 0.0 if is_there else (1.0 - left) / self._rate


def json_refusal(body: bytes) -> str | None:
    """Why a JSON body is not read, None where nothing is against it: it is nested too deep, or of too many parts.

    Whether it is JSON at all is for those to say who read it.
    """
    num_brackets = body.count(b"[") + body.count(b"{")
    if num_brackets <= MOST_DEPTH:
        return None
    if num_brackets > MOST_BRACKETS or body.count(b'"') > _MOST_QUOTES:
        return f"more than {MOST_BRACKETS:,} lists and objects, or {_MOST_QUOTES // 2:,} strings"
    depth = 0
    for token in _TOKENS.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth > MOST_DEPTH:
                return f"nested more than {MOST_DEPTH} deep"
        elif first in b"]}":
            depth -= 1
    return None
