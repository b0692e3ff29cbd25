"""Sessions: what one person did without a long silence."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import IntArray

SILENCE = 1800
"""Seconds without an event, after which a session is over."""


def sessions_of(person: IntArray, at: IntArray, silence: int = SILENCE) -> IntArray:
    """The session of each event, numbered by person and time, `[num_events]`.

    Args:
        person: who, `[num_events]`.
        at: when, `[num_events]`.
        silence: how long, in units of `at`, nothing is done between two sessions.
    """
    order = np.lexsort((at, person))
    new = (np.diff(person[order], prepend=-1) != 0) | (np.diff(at[order], prepend=0) > silence)
    sessions = np.empty(len(person), dtype=np.int64)
    sessions[order] = np.cumsum(new) - 1
    return sessions
