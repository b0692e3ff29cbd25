"""What training of rankings minimises: the sampled softmax."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sampled_softmax_loss(
    scores: Tensor, positive: Tensor, log_expected: Tensor | None = None, excluded: Tensor | None = None
) -> Tensor:
    """Mean of −log softmax(score − log expected count)[positive] over the rows.

    The correction makes a sampled softmax estimate the full one: Yi et al., "Sampling-Bias-Corrected Neural Modeling
    for Large Corpus Item Recommendations", 2019; Bengio and Senécal, "Adaptive Importance Sampling to Accelerate
    Training of a Neural Probabilistic Language Model", 2008.

    Args:
        scores: score of each candidate, `[num_rows, num_candidates]`.
        positive: column of the right answer, `[num_rows]`.
        log_expected: log of how often each candidate was expected in the sample, `[num_candidates]`; None where all
            were taken.
        excluded: true where a candidate is another right answer (a false negative), `[num_rows, num_candidates]`; the
            positive itself always counts.
    """
    if log_expected is not None:
        scores = scores - log_expected
    if excluded is not None:
        wrong = excluded.clone()
        wrong[torch.arange(len(positive), device=positive.device), positive] = False
        scores = scores.masked_fill(wrong, -torch.inf)
    return functional.cross_entropy(scores, positive)
