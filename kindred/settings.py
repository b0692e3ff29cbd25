"""Settings: what an installation may choose, and where each value came from.

Precedence: command-line flag > environment (`KINDRED_*`) > `.env` > `kindred.toml` > default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from kindred.domain.errors import SettingsError


class Settings(BaseSettings):
    """One value for each thing an installation may choose; every command reads these and no other."""

    model_config = SettingsConfigDict(
        env_prefix="KINDRED_", env_file=".env", toml_file="kindred.toml", extra="ignore", frozen=True
    )

    data_dir: Path = Field(Path("data"), description="folder of everything Kindred writes")
    graph_url: str = Field("", description="ladybug:FOLDER or neo4j://HOST:PORT; empty: ladybug in the data folder")
    graph_user: str = Field("neo4j", description="user name of a graph server")
    graph_password: SecretStr = Field(SecretStr(""), description="password of a graph server")
    graph_database: str = Field("neo4j", description="database name on a graph server")
    vector_url: str = Field(
        "", description="qdrant-edge:FOLDER or http://HOST:PORT; empty: embedded in the data folder"
    )
    vector_api_key: SecretStr = Field(SecretStr(""), description="API key of a vector server")
    encoder: str = Field("", description="text encoder, a model name or folder; empty: the bundled MiniLM")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where tensors are computed")
    seed: int = Field(7, ge=0, description="seed of every random choice")
    mlflow_uri: str = Field("", description="MLflow tracking URI; empty: no tracking")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Adds `kindred.toml` below the environment."""
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def effective_graph_url(self) -> str:
        return self.graph_url or f"ladybug:{self.data_dir / 'graph'}"

    @property
    def effective_vector_url(self) -> str:
        return self.vector_url or f"qdrant-edge:{self.data_dir / 'vectors'}"


def load_settings(**flags: object) -> Settings:
    """The settings in force; `flags` are those given on the command line, None meaning not given.

    Raises:
        SettingsError: a value that can't be used, with the name of the setting.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"kindred.toml can't be read: {error}", "mend or delete it") from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(
            f"setting {name}: {first['msg'].lower()}, got {first['input']!r}", "see `kindred config show`"
        ) from error


def setting_sources(environment: Mapping[str, str]) -> dict[str, str]:
    """Where each setting that is not at its default came from, flags aside: environment, .env or kindred.toml."""
    upper = {name.upper() for name in environment}
    sources = dict.fromkeys(TomlConfigSettingsSource(Settings)(), "kindred.toml")
    sources |= dict.fromkeys(DotEnvSettingsSource(Settings)(), ".env")
    return sources | {n: "environment" for n in Settings.model_fields if f"KINDRED_{n.upper()}" in upper}
