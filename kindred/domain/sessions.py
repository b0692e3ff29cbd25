"""Sessions: what one person did without a long silence; and how many of a group come before each of its members."""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import IntArray


def sessions_of(person: IntArray, at: IntArray, silence: int) -> IntArray:
    """The session of each event, numbered by person and time, `[num_events]`; `at` grows.

    Args:
        person: who, `[num_events]`.
        at: seconds, `[num_events]`.
        silence: seconds after which a session is over.
    """
    order = np.lexsort((at, person))
    new = (np.diff(person[order], prepend=-1) != 0) | (np.diff(at[order], prepend=0) > silence)
    sessions = np.empty(len(person), dtype=np.int64)
    sessions[order] = np.cumsum(new) - 1
    return sessions


def place_in(group: IntArray) -> IntArray:
    """How many of its group, a number from 0 on, come before each one in the order given, `[num]`."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    ranks = np.empty(len(group), dtype=np.int64)
    ranks[order] = np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))
    return ranks
