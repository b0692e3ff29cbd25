"""What programs may ask of the service: its OpenAPI description as a page that loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kindred.serving.pages.rendering import Page

_SCHEMAS = "#/components/schemas/"
_DONE = "200"


def api_page(description: Mapping[str, Any]) -> Page:
    """Every operation of an OpenAPI description: what it takes, and what is refused."""
    schemas = description["components"]["schemas"]
    paths = description["paths"].items()
    calls = [_call(path, method, said, schemas) for path, methods in paths for method, said in methods.items()]
    groups = dict.fromkeys(call["group"] for call in calls)
    refusals = {code: why for call in calls for code, why in call["refusals"].items()}
    return Page(
        "api.html",
        {
            "groups": [(group, [call for call in calls if call["group"] == group]) for group in groups],
            "refusals": sorted(refusals.items()),
        },
    )


def _call(path: str, method: str, said: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    content = said.get("requestBody", {}).get("content", {})
    kind, body = next(((kind, one["schema"]) for kind, one in content.items()), ("", {}))
    answers = said["responses"].items()
    return {
        "group": next(iter(said.get("tags", ())), "others"),
        "method": method.upper(),
        "path": path,
        "said": said.get("description") or said.get("summary", ""),
        "parameters": [_parameter(one, schemas) for one in said.get("parameters", ())],
        "body": f"{_kind(body, schemas)}, {kind}" if kind else "",
        "fields": list(_fields(body, schemas)),
        "refusals": {code: answer["description"] for code, answer in answers if code != _DONE},
    }


def _parameter(one: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, str]:
    said = one.get("description") or one["schema"].get("description", "")
    return {"name": one["name"], "where": one["in"], "kind": _kind(one["schema"], schemas), "said": said}


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The fields of a body, of the first shape where it may have several, of each object where it is a list of them."""
    schema = _named(schema, schemas)
    if "anyOf" in schema:
        schema = _named(schema["anyOf"][0], schemas)
    if "items" in schema:
        schema = _named(schema["items"], schemas)
    for name, one in schema.get("properties", {}).items():
        where = "needed" if name in schema.get("required", ()) else "may be left out"
        yield {"name": name, "where": where, "kind": _kind(one, schemas), "said": one.get("description", "")}


def _kind(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """What kind of value it is, in words."""
    schema = _named(schema, schemas)
    if "anyOf" in schema:
        kinds = dict.fromkeys(_kind(one, schemas) for one in schema["anyOf"])
        return " or ".join(kind for kind in kinds if kind != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    return str(schema.get("type", "value"))


def _named(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself where only its name is given."""
    name = schema.get("$ref", "").removeprefix(_SCHEMAS)
    return schemas[name] if name else schema
