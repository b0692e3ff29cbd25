"""Replies: values as JSON, written once, without another look at them."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response


def orjson_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply with a value of plain types as its JSON body."""
    content = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, status, dict(headers) if headers else None, "application/json")
