"""Parameters of a route in its OpenAPI, from the models that read them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

Parameter = tuple[str, dict[str, Any]]
"""A name and its JSON schema."""


def path_parameters(*parameters: Parameter) -> list[dict[str, Any]]:
    """Parameters of the path, in the form of OpenAPI."""
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in parameters]


def query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The fields of a model as parameters of the query."""
    fields: dict[str, dict[str, Any]] = model.model_json_schema()["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]
