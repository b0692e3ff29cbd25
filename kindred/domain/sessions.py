"""Sessions: what one person did without a long silence."""

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
