"""Weighted matrix factorisation by alternating least squares, on the `implicit` package."""

from __future__ import annotations

from functools import partial

from kindred.domain.errors import SettingsError, install_hint
from kindred.domain.interactions import FloatArray, Interactions, Scorer
from kindred.linear.inputs.known_items import dot_scores, relative_confidence

_RIDGE, _ITERATIONS = 50.0, 15
ALS_CONFIDENCE = 10.0
"""How much more an event counts than its absence; at 1 no more, which fits the absences (gowalla: .1145 for .1655)."""


def fit_als(train: Interactions, seed: int, factors: int) -> Scorer:
    """Weighted matrix factorisation: scores are dot products of `als_factors`."""
    return partial(dot_scores, *als_factors(train, seed, factors))


def als_factors(train: Interactions, seed: int, factors: int) -> tuple[FloatArray, FloatArray]:
    """Users and items by the `implicit` package, `[num_users, factors]` and `[num_items, factors]`.

    Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", 2008.

    Raises:
        SettingsError: the extra is not installed.
    """
    try:
        from implicit.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits  # comes with implicit
    except ImportError as missing:
        raise SettingsError("the ALS baseline needs the package implicit", install_hint("als")) from missing
    model = AlternatingLeastSquares(
        factors=factors,
        regularization=_RIDGE,
        alpha=ALS_CONFIDENCE,
        iterations=_ITERATIONS,
        random_state=seed,
        num_threads=1,
    )
    with threadpool_limits(limits=1):  # more threads wait for one another in its small products
        model.fit(relative_confidence(train), show_progress=False)
    return model.user_factors, model.item_factors
