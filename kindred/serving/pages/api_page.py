"""What programs may ask of the service: its OpenAPI description as a page that loads nothing from elsewhere."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from kindred.serving.pages.rendering import Page

_SCHEMAS = "#/components/schemas/"
_DONE = "200"


def api_page(description: Mapping[str, Any], address: str) -> Page:
    """Every operation of an OpenAPI description: what it takes, an example, and what is refused.

    Args:
        description: of the service.
        address: where it is, with a slash at its end.
    """
    schemas = description["components"]["schemas"]
    paths = description["paths"].items()
    calls = [_call(path, method, said, schemas, address) for path, methods in paths for method, said in methods.items()]
    groups = dict.fromkeys(call["group"] for call in calls)
    refusals = {code: why for call in calls for code, why in call["refusals"].items()}
    return Page(
        "api.html",
        {
            "groups": [(group, [call for call in calls if call["group"] == group]) for group in groups],
            "refusals": sorted(refusals.items()),
        },
    )


def _call(path: str, method: str, said: Mapping[str, Any], schemas: Mapping[str, Any], address: str) -> dict[str, Any]:
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
        "example": _example(path, method, said, schemas, address),
        "answered": _answered(said),
        "refusals": {code: answer["description"] for code, answer in answers if code != _DONE},
    }


def _example(path: str, method: str, said: Mapping[str, Any], schemas: Mapping[str, Any], address: str) -> str:
    """A command that asks it, as a shell takes it."""
    shown = [one for one in said.get("parameters", ()) if "example" in one]
    for one in shown:
        path = path.replace(f"{{{one['name']}}}", quote(str(one["example"]), safe=""))
    query = urlencode({one["name"]: one["example"] for one in shown if one["in"] == "query"})
    words = ["curl", "-s", f"{address.rstrip('/')}{path}" + (f"?{query}" if query else "")]
    if method not in ("get", "post"):
        words += ["-X", method.upper()]
    for kind, one in said.get("requestBody", {}).get("content", {}).items():
        if kind == "application/json":
            body = one.get("example") or _of_schema(one["schema"], schemas)
            words += ["-H", f"content-type: {kind}", "-d", json.dumps(body, ensure_ascii=False)]
        else:
            words += ["--data-binary", "@TRACK.npy"]
    return shlex.join(words)


def _of_schema(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """The example that a schema has, of the first shape where it may have several."""
    schema = _named(schema, schemas)
    return _of_schema(schema["anyOf"][0], schemas) if "anyOf" in schema else schema["examples"][0]


def _answered(said: Mapping[str, Any]) -> str:
    """The example of an answer, as text."""
    examples = [one["example"] for one in said["responses"][_DONE]["content"].values() if "example" in one]
    return "\n".join(one if isinstance(one, str) else json.dumps(one, indent=1, ensure_ascii=False) for one in examples)


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
