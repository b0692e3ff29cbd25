"""What the service answers where it can't answer: one form for every error, with what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from kindred.domain.errors import ArtifactError, KindredError, RecordError, SchemaError, SettingsError, StoreError
from kindred.serving.replies import orjson_response

REQUEST_ID = "request_id"


class UnknownError(KindredError):
    """Something asked for by name that is not there."""

    exit_code = 3


class LateError(KindredError):
    """An answer that would have come after its deadline."""

    exit_code = 4


class OverloadedError(KindredError):
    """A request that there is no room for now."""

    exit_code = 4


class EncoderError(KindredError):
    """Texts can't be understood: the encoder in force is not the one that the vectors of the graph were made by."""

    exit_code = 4


_STATUS: Mapping[type[KindredError], tuple[int, str]] = {
    UnknownError: (404, "unknown"),
    LateError: (503, "overloaded"),
    OverloadedError: (503, "overloaded"),
    EncoderError: (503, "unavailable"),
    SettingsError: (422, "invalid"),
    RecordError: (422, "invalid"),
    SchemaError: (422, "invalid"),
    ArtifactError: (503, "unavailable"),
    StoreError: (503, "unavailable"),
}


def problem(
    status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None, request_id: str = ""
) -> Response:
    """The answer that says what is wrong."""
    said = {"code": code, "message": message, "hint": hint, REQUEST_ID: request_id}
    return orjson_response({"error": said}, status, headers)


def problem_of(error: KindredError, request_id: str = "") -> Response:
    """What to answer to an error of ours; where it may pass, when to ask again."""
    status, code = _status_and_code(error)
    headers = {"Retry-After": "1"} if status == 503 else None
    return problem(status, code, error.message, error.next_step, headers, request_id)


def status_of(error: KindredError) -> int:
    """The HTTP status of an error of ours."""
    return _status_and_code(error)[0]


def _status_and_code(error: KindredError) -> tuple[int, str]:
    kinds = (_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    return next(kinds, (500, "internal"))


def request_id_of(request: HttpRequest) -> str:
    """The id that a request goes by in logs and answers."""
    found: str = request.scope.get("state", {}).get(REQUEST_ID, "")
    return found
