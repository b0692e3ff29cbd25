"""Gradient boosted trees for the probability of a yes, by LightGBM, kept as its text format (extra `posts`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import SettingsError, install_hint

if TYPE_CHECKING:
    import lightgbm

FloatArray = NDArray[np.float64]
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


@dataclass(frozen=True)
class Boosting:
    """Fitted trees.

    Attributes:
        text: the trees in LightGBM's text format.
    """

    text: str

    def probability(self, features: FloatArray) -> FloatArray:
        """The probability of a yes, of each row, `[num_rows]`."""
        found: FloatArray = np.asarray(self._booster.predict(features, num_threads=1), dtype=np.float64)
        return found

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        booster: lightgbm.Booster = _lightgbm().Booster(model_str=self.text)
        return booster


def fit_boosting(features: FloatArray, yes: NDArray[np.bool_], seed: int, rounds: int = ROUNDS) -> Boosting:
    """Trees fitted by LightGBM (Ke et al., 2017) with the logistic loss.

    Args:
        features: `[num_rows, num_features]`.
        yes: `[num_rows]`.
        seed: of the trees.
        rounds: how many trees.

    Raises:
        SettingsError: LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    data = lightgbm.Dataset(features, yes.astype(np.float64))
    return Boosting(lightgbm.train({**_SETTINGS, "seed": seed}, data, rounds).model_to_string())


def _lightgbm() -> ModuleType:
    try:
        import lightgbm
    except ImportError as error:
        raise SettingsError("LightGBM is not installed", install_hint("posts")) from error
    return lightgbm
