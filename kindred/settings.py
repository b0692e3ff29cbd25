"""Settings: what an installation may choose, and where each value came from.

Precedence: command-line flag > environment (`KINDRED_*`) > `.env` > `kindred.toml` > default.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from kindred.domain.errors import SettingsError
from kindred.domain.experiments import Experiment
from kindred.domain.refusals import did_you_mean, refusal
from kindred.files import at_home

_PREFIX = "KINDRED_"
OF_COMMANDS = ("KINDRED_KEY", "KINDRED_SQL")
"""Names in the environment that options of commands are read from."""
_MLFLOW_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks")
_ENVIRONMENT, _DOTENV, _TOML = "environment", ".env", "kindred.toml"


class Settings(BaseModel):
    """One value for each thing an installation may choose; every command reads these and no other."""

    model_config = ConfigDict(extra="ignore", frozen=True)

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
    query_seconds: float = Field(30.0, gt=0, description="time that a user's own graph query may take")
    query_memory_mb: int = Field(2048, ge=256, description="memory that a user's own graph query may take")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where tensors are computed")
    engine: str = Field("", description="ray:local or ray://HOST:PORT spreads the work; empty: this process alone")
    seed: int = Field(7, ge=0, description="seed of every random choice")
    experiments: tuple[Experiment, ...] = Field((), description="A/B tests of the service: `[[experiments]]` tables")
    serve_host: str = Field("127.0.0.1", description="address that the service listens on")
    serve_port: int = Field(8000, ge=0, le=65535, description="port of the service; 0 picks a free one")
    serve_workers: int = Field(1, ge=1, le=64, description="processes of the service")
    serve_log: Literal["problems", "requests"] = Field("problems", description="which requests the service logs")
    serve_deadline_ms: int = Field(10_000, ge=10, description="time that the answer to a request may take")
    serve_body_bytes: int = Field(4 << 20, ge=1024, description="size that the body of a request may have")
    serve_rate: float = Field(500.0, ge=0, description="requests a second that each key may make for long; 0: any")
    serve_burst: int = Field(1000, ge=1, description="requests that a key may make at once")
    serve_concurrent: int = Field(256, ge=1, description="requests that a process answers at the same time")
    otel_url: str = Field("", description="where traces of the service go, OTLP over HTTP; empty: no traces")
    mlflow_uri: str = Field("", description="MLflow tracking URI; empty: no tracking")

    @field_validator("engine")
    @classmethod
    def _engine_is_known(cls, engine: str) -> str:
        if engine and not re.fullmatch(r"ray:local|ray://[^/\s:]+(:\d+)?", engine):
            raise ValueError("must be ray:local or ray://HOST:PORT, or be left empty")
        return engine

    @field_validator("otel_url")
    @classmethod
    def _otel_url_is_http(cls, url: str) -> str:
        if url and not re.match(r"https?://[^/\s]", url):
            raise ValueError("must be an http:// or https:// address, or be left empty")
        return url

    @field_validator("mlflow_uri")
    @classmethod
    def _mlflow_uri_is_one(cls, uri: str) -> str:
        kind = uri.partition("://")[0].partition("+")[0].lower() if "://" in uri else "file"
        if kind not in _MLFLOW_SCHEMES or (kind.startswith("http") and not re.match(r"https?://[^/\s]", uri)):
            raise ValueError(f"must be a folder or an address of {', '.join(_MLFLOW_SCHEMES)}, or be left empty")
        return uri

    @field_validator("data_dir")
    @classmethod
    def _data_dir_at_home(cls, folder: Path) -> Path:
        return at_home(folder)

    @property
    def effective_graph_url(self) -> str:
        return self.graph_url or f"ladybug:{self.data_dir / 'graph'}"

    @property
    def effective_vector_url(self) -> str:
        return self.vector_url or f"qdrant-edge:{self.data_dir / 'vectors'}"


def load_settings(**flags: object) -> Settings:
    """The settings in force; `flags` are those given on the command line, None meaning not given.

    Raises:
        SettingsError: a value that can't be used, with the name of the setting and where it came from.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    values: dict[str, Any] = {}
    for source, found in _given(os.environ):
        values |= {name: _parsed(name, value) for name, value in found.items()} if source != _TOML else found
    try:
        return Settings(**{**values, **given})
    except ValidationError as error:
        raise _refused(error, given) from error


def _parsed(name: str, value: object) -> object:
    """What the environment or `.env` says of a setting: JSON where that is a list. Raises: SettingsError."""
    setting = Settings.model_fields.get(name)
    if setting is None or get_origin(setting.annotation) is not tuple or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        said = f"setting {name} must be JSON: {error}"
        raise SettingsError(said, "correct it in the environment or .env, or leave it out") from error


def _refused(error: ValidationError, flags: Collection[str]) -> SettingsError:
    """The first setting that was refused, in words; the value of a secret, or what may hold one, is left out."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    source = "flag" if name in flags else setting_sources(os.environ).get(name, "default")
    is_told = Settings.model_fields[name].annotation is not SecretStr and not isinstance(first["input"], dict | list)
    got = f", got {first['input']!r}" if is_told else ""
    place = ".".join(str(part) for part in first["loc"])
    return SettingsError(f"setting {place} {refusal(first)}{got} ({source})", "correct it there, or leave it out")


def setting_sources(environment: Mapping[str, str]) -> dict[str, str]:
    """Where each setting that is not at its default came from, flags aside: environment, .env or kindred.toml."""
    return {name: source for source, given in _given(environment) for name in given if name in Settings.model_fields}


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """What is given but is no setting, one line each, with the nearest name that is one."""
    found = []
    for source, given in _given(environment):
        for name in [name for name in given if name not in Settings.model_fields]:
            told, known = name, list(Settings.model_fields)
            if source != _TOML:
                told, *known = (f"{_PREFIX}{one.upper()}" for one in (name, *known))
            found.append(f"{told} ({source}) is no setting and has no effect{did_you_mean(told, known)}")
    return found


def _given(environment: Mapping[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """What each place gives, by name in lower case and without the prefix, the weakest place first.

    Raises:
        SettingsError: a file can't be read.
    """
    try:
        return [
            (_TOML, _read_toml(Path(_TOML))),
            (_DOTENV, _prefixed(_read_dotenv(Path(_DOTENV)).items())),
            (_ENVIRONMENT, _prefixed(pair for pair in environment.items() if pair[0] not in OF_COMMANDS)),
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{_TOML} or {_DOTENV} can't be read: {error}", "mend or delete it") from error


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    import tomllib

    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} can't be read: {error}", "mend or delete it") from error


def _read_dotenv(path: Path) -> Mapping[str, str | None]:
    if not (path.is_file() or path.is_fifo()):
        return {}
    from dotenv import dotenv_values

    return dotenv_values(path)


def _prefixed(given: Iterable[tuple[str, str | None]]) -> dict[str, Any]:
    """Those whose names have the prefix, whatever their case; those of the tests, and names without a value, not."""
    values = {name.upper(): value for name, value in given if value is not None}
    names = [name for name in values if name.startswith(_PREFIX) and not name.startswith(f"{_PREFIX}TEST_")]
    return {name.removeprefix(_PREFIX).lower(): values[name] for name in names}
