"""The area under the ROC curve: how well a score tells two kinds apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def roc_auc(
    scores: NDArray[np.floating], labels: NDArray[np.floating] | NDArray[np.bool_], otherwise: float = np.nan
) -> float:
    """Chance that a row with the label scores above one without, ties half; `otherwise` where there is only one kind.

    Args:
        scores: `[num_rows]`.
        labels: above 0 where a row has the label, `[num_rows]`.
        otherwise: the answer where no two rows can be compared.
    """
    has_label = np.asarray(labels > 0)
    if has_label.all() or not has_label.any():
        return otherwise
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    num_labelled = int(has_label.sum())
    above = ranks[has_label].sum() - num_labelled * (num_labelled + 1) / 2
    return float(above / (num_labelled * (len(scores) - num_labelled)))
