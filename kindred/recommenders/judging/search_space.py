"""The settings of a model that `kindred tune` searches, and how they become a config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from kindred.recommenders.config import ModelConfig

if TYPE_CHECKING:
    from optuna.trial import Trial

Params = Mapping[str, Any]
"""Setting → value, named by its place in the config: `gnn.dropout`, `ranking.scorers.next_ridge`."""


@dataclass(frozen=True)
class Between:
    """A number from `low` to `high`; whole where both ends are, on a log scale where `log`."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of these values; of numbers the greater ones cost more."""

    values: tuple[str | int, ...]


SPACE: Mapping[str, Between | OneOf] = {
    "gnn.conv": OneOf(("transformer", "gat")),
    "gnn.hidden_dim": OneOf((32, 64, 128)),
    "gnn.heads": OneOf((2, 4, 8)),
    "gnn.layers": Between(1, 3),
    "gnn.dropout": Between(0.0, 0.5),
    "gnn.learning_rate": Between(1e-3, 2e-2, log=True),
    "gnn.epochs": Between(5, 60),
    "ranking.width": OneOf((128, 256, 512)),
    "ranking.history_exponent": Between(0.0, 1.0),
    "ranking.recency_decay": Between(0.5, 1.0),
    "ranking.scorers.next_ridge": Between(3.0, 200.0, log=True),
    "ranking.scorers.text_share": Between(0.03, 3.0, log=True),
    "ranking.scorers.factors.ridge": Between(5.0, 150.0, log=True),
    "ranking.scorers.factors.ridge_growth": Between(0.0, 1.0),
}
"""Whatever else there is to choose stays at its default."""


def suggest(trial: Trial) -> Params:
    """A value of every setting, chosen by the study."""
    found: dict[str, Any] = {}
    for name, choice in SPACE.items():
        if isinstance(choice, OneOf):
            found[name] = trial.suggest_categorical(name, choice.values)
        elif isinstance(choice.low, int) and isinstance(choice.high, int):
            found[name] = trial.suggest_int(name, choice.low, choice.high, log=choice.log)
        else:
            found[name] = trial.suggest_float(name, choice.low, choice.high, log=choice.log)
    return found


def params_of(config: ModelConfig) -> Params:
    """The values that a config has of the settings searched."""
    found = {}
    for name in SPACE:
        value: Any = config
        for part in name.split("."):
            value = getattr(value, part)
        found[name] = value
    return found


def config_of(params: Params, base: ModelConfig) -> ModelConfig:
    """The config with these values, all others as in `base`."""
    config: ModelConfig = base
    for name, value in params.items():
        config = _changed(config, name.split("."), value)
    return config


def _changed(settings: Any, path: list[str], value: object) -> Any:
    """These settings with the one at the end of the path changed."""
    name, *rest = path
    new = _changed(getattr(settings, name), rest, value) if rest else value
    if isinstance(settings, BaseModel):
        return settings.model_copy(update={name: new})
    return replace(settings, **{name: new})
