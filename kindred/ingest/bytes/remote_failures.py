"""What goes wrong with a file at an address, whichever package reads it: whether to try again, and what to say."""

from __future__ import annotations

import os
import re
import sys

from kindred.domain.errors import KindredError, RecordError
from kindred.ingest.bytes.addresses import scheme_of, shown

_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_TRIED_AGAIN = (408, 425, 429)  # what a web server says that would answer later
_NO_ENTRY = ("NoCredentialsError", "PartialCredentialsError", "NoAuthTokenError", "DefaultCredentialsError")
_HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE; of a public bucket FSSPEC_S3_ANON=true",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS",
}


def failures() -> tuple[type[BaseException], ...]:
    """What is raised where an address can't be read; only a package that was imported raises its own."""
    found: list[type[BaseException]] = [OSError]
    if "aiohttp" in sys.modules:
        from aiohttp import ClientError as WebError

        found.append(WebError)
    if "botocore" in sys.modules:
        from botocore.exceptions import BotoCoreError, ClientError

        found += [BotoCoreError, ClientError]
    if "gcsfs" in sys.modules:
        from gcsfs.retry import HttpError
        from google.auth.exceptions import GoogleAuthError

        found += [HttpError, GoogleAuthError]
    return tuple(found)


def _cause(error: BaseException) -> BaseException:
    """What is behind an error: of every failure of a web server fsspec says that there is no such file."""
    cause = error.__cause__
    is_of_web = isinstance(cause, failures()) and not hasattr(cause, "response")  # which errors of botocore have
    return cause if isinstance(error, FileNotFoundError) and cause is not None and is_of_web else error


def _status(error: BaseException) -> int:
    status = getattr(_cause(error), "status", None)
    return status if isinstance(status, int) else 0


def _is_denied(error: BaseException) -> bool:
    return isinstance(error, PermissionError) or type(error).__name__ in _NO_ENTRY or _status(error) in (401, 403)


def is_hopeless(error: BaseException) -> bool:
    """Whether the server answered, and would answer the same again."""
    is_missing = isinstance(_cause(error), FileNotFoundError)
    status = _status(error)
    return is_missing or _is_denied(error) or (400 <= status < 500 and status not in _TRIED_AGAIN)


def refused(url: str, error: BaseException, position: int = 0) -> KindredError:
    """The error in words, after so many bytes."""
    after = f" after {position:,} bytes" if position else ""
    message = f"{shown(url)} can't be read{after}: {_reason(url, error)}"
    if _is_denied(error):
        return RecordError(message, _HINTS.get(scheme_of(url), "give a user and a password: https://user:password@…"))
    if is_hopeless(error):
        return RecordError(message, "check the address, and that it may be seen")
    return RecordError(message, "see that the network and the server work, then run the same command again")


def _reason(url: str, error: BaseException) -> str:
    cause = _cause(error)
    if (status := _status(error)) not in (0, 404):
        return f"the server says {status} {getattr(cause, 'message', '')}".rstrip()
    if status or isinstance(cause, FileNotFoundError):
        said = str(cause)
        return said if "does not exist" in said else "it does not exist"
    said = next(iter(str(cause).strip().splitlines()), "") or type(cause).__name__
    said = re.sub(r"[a-z0-9+.-]+://[^\s'\"]+", lambda found: shown(found.group()), said)
    for secret in filter(None, map(os.environ.get, _SECRETS)):
        said = said.replace(secret, "***")
    return said
