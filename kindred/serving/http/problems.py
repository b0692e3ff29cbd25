"""What the service answers where it can't answer: one form for every error, with what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Scope

from kindred.domain.errors import (
    ArtifactError,
    KindredError,
    LateError,
    RecordError,
    SchemaError,
    SettingsError,
    StoreError,
)
from kindred.recommenders.system import System
from kindred.serving.http.bare_page import bare_page
from kindred.serving.http.replies import orjson_response

REQUEST_ID = "request_id"
REQUEST_ID_HEADER = "x-request-id"
PAGES = "/ui"
"""Below it are the pages for people."""


class UnknownError(KindredError):
    """Something asked for by name that is not there."""

    exit_code = 3


def unknown_item(system: System, item_id: str) -> UnknownError:
    """The error that a system has no such item, with how one may be found."""
    found_by = system.title or "id"
    return UnknownError(
        f"there is no {system.words.item} {item_id!r}", f"search for it by its {found_by} at {PAGES}/{system.name}"
    )


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
    scope: Scope, status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The answer to a request that says what is wrong: a page to who asks for pages, JSON to everybody else."""
    request_id = _id_of(scope)
    if is_page(scope["path"]):
        return bare_page(status, message, hint, request_id, headers)
    said = {"code": code, "message": message, "hint": hint, REQUEST_ID: request_id}
    return orjson_response({"error": said}, status, headers)


def is_page(path: str) -> bool:
    """Whether a path is one of the pages for people."""
    return path == PAGES or path.startswith(f"{PAGES}/")


def problem_of(error: KindredError, scope: Scope) -> Response:
    """What to answer to an error of ours; where it may pass, when to ask again."""
    status, code = _status_and_code(error)
    headers = {"Retry-After": "1"} if status == 503 else None
    return problem(scope, status, code, error.message, error.next_step, headers)


def status_of(error: KindredError) -> int:
    """The HTTP status of an error of ours."""
    return _status_and_code(error)[0]


def _status_and_code(error: KindredError) -> tuple[int, str]:
    kinds = (_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    return next(kinds, (500, "internal"))


def _id_of(scope: Scope) -> str:
    """The id that a request goes by in logs and answers."""
    found: str = scope.get("state", {}).get(REQUEST_ID, "")
    return found


def request_id_of(request: HttpRequest) -> str:
    """The id that a request goes by in logs and answers."""
    return _id_of(request.scope)
