"""Everything that a training of a system may choose, and how it is read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kindred.domain.errors import SettingsError
from kindred.domain.refusals import did_you_mean, refusal
from kindred.gnn.model import GnnConfig
from kindred.linear.ensemble.fit import RankingConfig
from kindred.linear.ensemble.validation import WeightConfig
from kindred.models.pairwise_ranker import RankerConfig
from kindred.models.sequence_tagger import TaggerConfig
from kindred.models.two_tower import TowerConfig
from kindred.recommenders.model import ModelName


class ModelConfig(BaseModel):
    """Settings of a model; the same defaults for every system and every data set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName = Field("gnn", description="the graph network beside linear scorers, or a baseline alone")
    gnn: GnnConfig = Field(default_factory=lambda: GnnConfig(epochs=20, patience=5))
    ranking: RankingConfig = Field(default_factory=lambda: RankingConfig(weights=WeightConfig(folds=1)))
    ranker: RankerConfig = Field(default_factory=RankerConfig, description="of systems that rank in two stages")
    tower: TowerConfig = Field(default_factory=TowerConfig, description="of the system of search queries")
    tagger: TaggerConfig = Field(default_factory=TaggerConfig, description="of the system of tags")
    target: Literal["likes", "clicks"] = Field("likes", description="what the system of posts predicts")
    text: bool = Field(True, description="read the texts of events and items; off for the ablation")
    network: bool = Field(True, description="train the graph network; off for the ablation")


def read_model_config(path: Path) -> ModelConfig:
    """The settings in a JSON file; what it leaves out is at its default.

    Raises:
        SettingsError: the file can't be read, or names a setting or value that does not exist.
    """
    try:
        return ModelConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read: {error.strerror}", "give a file that `kindred tune` wrote"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"])) or "the file"
        near = did_you_mean(str(first["loc"][-1]), _names(ModelConfig)) if first["type"] == "extra_forbidden" else ""
        raise SettingsError(f"{path}: {name} {refusal(first)}{near}", "correct it, or leave it out") from error


def _names(config: type[BaseModel]) -> set[str]:
    """Names of all settings, those of its parts too."""
    names = set(config.model_fields)
    for field in config.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= _names(field.annotation)
    return names
