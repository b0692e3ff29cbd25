"""Every text field of every request that the OpenAPI describes, filled with what should do no harm there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from kindred.serving.protection.access import needed_scope
from kindred.serving.protection.keys import Scope

RAW_BODIES = (
    b"", b"{", b"null", b"[]", b"{}", b'"', b"\xff\xfe", b"\xc3(", b"NaN", b"[NaN]", b'{"k": 1e999}', b'{"k": NaN}',
    b'{"a": 1, "a": 2}', b"[" * 10_000, b'{"a":' * 10_000, b"9" * 5_000, b'[1' + b"0" * 5_000 + b"]", b'"\\ud800"',
    b'{"user_id": "\\ud800"}', b'{"user_id": "\\u0000"}', b"\xef\xbb\xbf{}", b"{}{}", b"<xml/>", b"a=b&c=d",
    b"\x00" * 100,
    b'{"__proto__": {"k": 1}}', b'[[[[[[[[[[[[]]]]]]]]]]]]', b" " * 100_000, b"[" + b"0," * 50_000 + b"0]",
)  # fmt: skip
"""Bodies that are no JSON, or JSON of a kind that parsers disagree on."""


@dataclass(frozen=True)
class Sent:
    """One request.

    Attributes:
        field: where the text stands, e.g. `POST /v1/events item_id`.
        url: with its query, all quoted.
        body: JSON, None for none.
    """

    field: str
    method: str
    url: str
    body: bytes | None


@dataclass(frozen=True)
class Description:
    """An OpenAPI description, and values of parameters and fields that mean something, by name."""

    document: Mapping[str, Any]
    known: Mapping[str, Sequence[str]]

    def requests(self, text: str, changing: bool) -> Iterator[Sent]:
        """A request for each text field that holds the text there; of those that change something, or of the others."""
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                if (needed_scope(method.upper(), path) is not Scope.READ) == changing:
                    yield from self._requests_of(method.upper(), path, operation, text)

    def _requests_of(self, method: str, path: str, operation: Mapping[str, Any], text: str) -> Iterator[Sent]:
        parameters = [parameter for parameter in operation.get("parameters", ()) if parameter["in"] != "header"]
        schema = self._body_schema(operation)
        body = None if schema is None else _json(self.value(schema))
        url = self._url(path, parameters, {})
        for parameter in parameters:
            name = parameter["name"]
            yield Sent(f"{method} {path} {name}", method, self._url(path, parameters, {name: text}), body)
        if schema is not None:
            for field, value in self.variants(schema, text):
                yield Sent(f"{method} {path} body{field}", method, url, _json(value))

    def raw_requests(self) -> Iterator[Sent]:
        """Every request that has a body, with each of those that are hardly one."""
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                if self._body_schema(operation) is not None:
                    url = self._url(path, operation.get("parameters", ()), {})
                    for body in RAW_BODIES:
                        yield Sent(f"{method.upper()} {path} body", method.upper(), url, body)

    def _url(self, path: str, parameters: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> str:
        query = []
        for parameter in parameters:
            name = parameter["name"]
            value = texts.get(name, str(self.value(parameter["schema"], name)))
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", _quoted(value))
            elif name in texts or parameter.get("required"):
                query.append(f"{name}={_quoted(value)}")
        return f"{path}?{'&'.join(query)}" if query else path

    def _body_schema(self, operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
        content = operation.get("requestBody", {}).get("content", {})
        found: Mapping[str, Any] | None = content.get("application/json", {}).get("schema")
        return found

    def value(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """Something that fits a schema, as small as it goes."""
        schema = self._resolved(schema)
        if name in self.known:
            return self.known[name][0]
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self.value(options[0], name)
        if "enum" in schema or "const" in schema:
            return schema.get("enum", [schema.get("const")])[0]
        match schema.get("type"):
            case "object":
                inner = schema.get("properties", {})
                return {key: self.value(inner[key], key) for key in schema.get("required", ())}
            case "array":
                return [self.value(schema.get("items", {}), name)]
            case "integer" | "number":
                return schema.get("default") or schema.get("minimum", 1)
            case "boolean":
                return False
        return "x"

    def variants(self, schema: Mapping[str, Any], text: str) -> Iterator[tuple[str, Any]]:
        """Values with the text in one of the places of a schema where a text may be, and that place."""
        schema = self._resolved(schema)
        for option in schema.get("anyOf", schema.get("oneOf", ())):
            yield from self.variants(option, text)
        if schema.get("type") == "string":
            yield "", text
        elif schema.get("type") == "array":
            for field, value in self.variants(schema.get("items", {}), text):
                yield f"[]{field}", [value]
        elif schema.get("type") == "object":
            whole = self.value(schema)
            for name, inner in schema.get("properties", {}).items():
                for field, value in self.variants(inner, text):
                    yield f".{name}{field}", {**whole, name: value}
            if schema.get("additionalProperties"):
                yield ".(name)", {**whole, text: "x"}
                for name in ("text", "title", "other"):
                    yield f".{name}", {**whole, name: text}

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            found: Mapping[str, Any] = self.document["components"]["schemas"][name]
            return found
        return schema


@lru_cache(1024)
def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
