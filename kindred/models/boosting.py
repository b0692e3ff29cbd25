"""Gradient boosted trees for the probability of a yes and for the order of candidates (extra `posts`).

They are LightGBM's, kept in its text format.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import SettingsError, install_hint
from kindred.domain.interactions import DoubleArray

if TYPE_CHECKING:
    import lightgbm

ROUNDS = 60
_SETTINGS = {
    "objective": "binary",
    "num_leaves": 4,
    "learning_rate": 0.05,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "verbose": -1,
    "num_threads": 1,
    "deterministic": True,
}

RANKING_ROUNDS = 300
_RANKING = {
    **_SETTINGS,
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "num_leaves": 15,
    "min_data_in_leaf": 500,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
}


@dataclass(frozen=True)
class Boosting:
    """Fitted trees.

    Attributes:
        text: the trees in LightGBM's text format.
    """

    text: str

    def probability(self, features: DoubleArray) -> DoubleArray:
        """The probability of a yes, of each row, `[num_rows]`."""
        found: DoubleArray = np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)
        return found

    def score(self, features: DoubleArray | NDArray[np.float32]) -> DoubleArray:
        """The sum of the trees, of each row, higher is better, `[num_rows]`."""
        found = self._booster.predict(features, raw_score=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)

    def gains(self) -> list[float]:
        """The share of each feature in what the trees gained, `num_features` of them."""
        gains = self._booster.feature_importance("gain")
        return (gains / max(gains.sum(), 1e-9)).tolist()  # type: ignore[no-any-return]

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        booster: lightgbm.Booster = _lightgbm().Booster(model_str=self.text)
        return booster


def fit_boosting(features: DoubleArray, yes: NDArray[np.bool_], seed: int) -> Boosting:
    """Trees fitted by LightGBM (Ke et al., 2017) with the logistic loss.

    Args:
        features: `[num_rows, num_features]`.
        yes: `[num_rows]`.
        seed: of the trees.

    Raises:
        SettingsError: LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    data = lightgbm.Dataset(features, yes.astype(np.float64))
    return Boosting(lightgbm.train({**_SETTINGS, "seed": seed}, data, ROUNDS).model_to_string())


def fit_ranking(
    features: NDArray[np.float32], chosen: NDArray[np.bool_], sizes: NDArray[np.int64], seed: int
) -> Boosting:
    """Trees that put the chosen row of each request first: LambdaMART (Burges, "From RankNet to LambdaRank", 2010).

    Args:
        features: rows of one request beside each other, `[num_rows, num_features]`.
        chosen: `[num_rows]`.
        sizes: rows of each request, `[num_requests]`.
        seed: of the trees.

    Raises:
        SettingsError: LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    data = lightgbm.Dataset(features, chosen.astype(np.int32), group=sizes)
    return Boosting(lightgbm.train({**_RANKING, "seed": seed}, data, RANKING_ROUNDS).model_to_string())


def _lightgbm() -> ModuleType:
    try:
        import lightgbm
    except ImportError as error:
        raise SettingsError("LightGBM is not installed", install_hint("posts")) from error
    return lightgbm
