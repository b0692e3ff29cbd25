"""Sessions: what one person did without a long silence, and where in its session each event stood."""

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


def place_in(session: IntArray) -> IntArray:
    """The place of each event in its session, from 0, in the order they are given in, `[num_events]`."""
    order = np.argsort(session, kind="stable")
    starts = np.flatnonzero(np.diff(session[order], prepend=-1))
    ranks = np.empty(len(session), dtype=np.int64)
    ranks[order] = np.arange(len(session)) - np.repeat(starts, np.diff(np.append(starts, len(session))))
    return ranks
