"""The compose file as values, and what Neo4j's image makes of its part of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def variables(service: dict[str, Any]) -> dict[str, str]:
    """The environment of a service, as it is written there."""
    return {name: str(value) for name, value in service.get("environment", {}).items()}


def neo4j_settings() -> dict[str, str]:
    """Settings of neo4j.conf as the image makes them of its environment: a double underscore is one, a single a dot."""
    given = {k.removeprefix("NEO4J_"): v for k, v in variables(SERVICES["neo4j"]).items() if k != "NEO4J_AUTH"}
    names = {name: name.replace("__", "\0").replace("_", ".").replace("\0", "_") for name in given}
    return {names[name]: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value) for name, value in given.items()}
