"""Tags that always come with another one, and probabilities that respect it."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray

ALWAYS, FEWEST = 0.95, 20
"""From which share of a tag's tracks, and of how many, another tag counts as its parent."""


def parents_of(labels: sp.csr_matrix) -> NDArray[np.bool_]:
    """Which tags come with each tag always, i.e. in 95 of 100 lists, `[num_tags, num_tags]`; true at child, parent.

    Args:
        labels: which track has which tag, `[num_tracks, num_tags]`.
    """
    counts = np.asarray(labels.sum(axis=0)).ravel()
    together = np.asarray((labels.T.astype(np.float32) @ labels.astype(np.float32)).todense())
    always: NDArray[np.bool_] = (together >= ALWAYS * counts[:, None]) & (counts[:, None] >= FEWEST)
    np.fill_diagonal(always, False)
    return always


def with_parents(probabilities: FloatArray, parents: NDArray[np.bool_]) -> FloatArray:
    """The probabilities, a parent's raised to its likeliest child's where that is more, `[num_rows, num_tags]`.

    Never a child's lowered: what speaks for a child speaks for its parent.
    """
    raised = probabilities.copy()
    has_children = np.flatnonzero(parents.any(axis=0))
    changed = True
    while changed:  # a parent of a parent takes another round; each round only raises, so there is an end
        changed = False
        for parent in has_children:
            best = raised[:, parents[:, parent]].max(axis=1)
            more = best > raised[:, parent]
            if more.any():
                raised[more, parent] = best[more]
                changed = True
    return raised
