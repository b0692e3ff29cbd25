"""The row of users of whom nothing is known, for whom new items come after those that somebody took.

Where new items stand in lists is learned from users with histories. To those without one little speaks for any item,
so that what all new items have in common can weigh more than all that is known of the others.
"""

from __future__ import annotations

import numpy as np

from kindred.domain.interactions import DoubleArray, FloatArray
from kindred.linear.cold_items.folds import LIST
from kindred.linear.cold_items.rows import ColdItemMap

_EXAMPLES = 500
"""So many known items stand for new ones, each with its own text."""
_LOW = 0.1
"""Where new items are brought: so large a part of the known ones stands below."""
_RIDGE = 1e-6


def row_without_history(row: FloatArray, items: FloatArray, counts: DoubleArray, cold: ColdItemMap) -> FloatArray:
    """The row, or where most new items would come among its first ten, the nearest one for which they stand low.

    It gives the known items the scores that they have and new ones a low one, by least squares of both alike.

    Args:
        row: of a user without events, `[width]`.
        items: rows of the items, `[num_items, width]`, at least one of which has events.
        counts: events of each, `[num_items]`.
        cold: makes the rows of new items.
    """
    known = items[counts > 0]
    kinds = [new for new in (items[counts == 0], *_examples(cold)) if len(new)]
    scores = known @ row
    tenth = np.sort(scores)[-LIST:][0]
    if all(np.median(new @ row) <= tenth for new in kinds):
        return row
    known, others = known.astype(np.float64), np.concatenate(kinds).astype(np.float64)
    lowered = np.minimum(np.quantile(scores, _LOW) - others @ row, 0)
    gram = known.T @ known / len(known) + others.T @ others / len(others)
    gram[np.diag_indices_from(gram)] += _RIDGE * gram.trace() / len(gram)
    found: FloatArray = (row + np.linalg.solve(gram, others.T @ lowered / len(others))).astype(np.float32)
    return found


def _examples(cold: ColdItemMap) -> list[FloatArray]:
    """Rows of new items with the texts of known ones, for each of `EVENT_COUNTS`, `[num_examples, width]` each."""
    step = max(1, len(cold.known_text) // _EXAMPLES)
    first = cold.encode(cold.text_mean + cold.known_text[::step])
    return [first + (offset - cold.offsets[0]) * cold.constant for offset in cold.offsets]
