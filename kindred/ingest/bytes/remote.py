"""Files at an address, such as s3://bucket/key, gs://… or https://…: found and streamed through fsspec (extra `s3`).

A file is known by its size and by what its store calls its version. A lost connection is taken up where it was; what
is another file by then, or once all of it was read, is an error, and since nothing is loaded before every file was
read, nothing is lost. Nothing is copied but what must be read from any place, such as Parquet.

No message holds what stands before an @ in an address or behind the ? of a web address, nor a key of the environment.
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from kindred.domain.errors import KindredError, RecordError, SettingsError, install_hint

RETRY_SECONDS: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0)
"""How long is waited before a lost connection is taken up again, each time that nothing more came."""
_CHUNK_BYTES = 4 << 20
_SILENT_SECONDS = 60.0
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_WEB = ("http", "https")
_EXTRA_OF = {"gs": "gs", "gcs": "gs"}
_VERSIONS = ("etag", "generation", "content-md5", "last-modified", "lastmodified", "mtime", "created")
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_TRIED_AGAIN = (408, 425, 429)  # what a web server says that would answer later
_NO_ENTRY = ("NoCredentialsError", "PartialCredentialsError", "NoAuthTokenError", "DefaultCredentialsError")
_HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE; of a public bucket FSSPEC_S3_ANON=true",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS",
}


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address, as it was found. As a text it is the address without secrets.

    Attributes:
        url: its address.
        size: in bytes; None where the server does not say.
        version: what tells it from another file at that address; empty where the server says nothing.
    """

    url: str = field(repr=False)
    size: int | None
    version: str

    def __str__(self) -> str:
        return shown(self.url)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(str(self)).name

    @property
    def suffixes(self) -> list[str]:
        """As of a path: `.csv`, `.gz`."""
        return PurePosixPath(self.name).suffixes

    def open(self) -> io.RawIOBase:
        """Its bytes, from the first to the last.

        Reading raises RecordError where it can't be read, or is another file by now.
        """
        return _Stream(self)


Location = Path | RemoteFile
"""A file of this machine, or one at an address."""


def scheme_of(given: Path | str) -> str:
    """What kind of address it is: `s3`; empty of what is a path."""
    found = _ADDRESS.match(given) if isinstance(given, str) else None
    return found.group(1).lower() if found else ""


def shown(url: str) -> str:
    """The address without a user, a password or a query."""
    whole = re.sub(r"://[^/]*@", "://", url)
    return re.split(r"[?#]", whole, maxsplit=1)[0] if scheme_of(url) in _WEB else whole


def find_remote(url: str) -> list[RemoteFile]:
    """The files that are meant: one, those of a folder or those that a pattern matches, by name; no hidden ones.

    Raises:
        RecordError: there is none, or it can't be read.
        SettingsError: no package that is installed reads such addresses.
    """
    system, path = _connected(url)
    try:
        if scheme_of(url) in _WEB:
            return [_found(url, system.info(path))]
        system.invalidate_cache()
        infos = _infos(system, path)
    except _failures() as error:
        raise _refused(url, error) from None
    if not infos:
        raise RecordError(f"no file matches {shown(url)}, or the folder holds none", "check the address")
    return [_found(str(system.unstrip_protocol(name)), infos[name]) for name in sorted(infos, key=PurePosixPath)]


def _infos(system: Any, path: str) -> dict[str, Mapping[str, Any]]:
    """What the store knows of each file meant, by its path there."""
    if {*"*?["} & {*path} and not system.exists(path):
        matches = {name: system.info(name) for name in system.glob(path)}
    else:
        matches = {path: system.info(path)}
    infos: dict[str, Mapping[str, Any]] = {}
    for name, info in matches.items():
        if info["type"] != "directory":
            infos[name] = info
            continue
        for inner, known in system.find(name, detail=True).items():
            below = PurePosixPath(inner.removeprefix(name).strip("/")).parts
            if known["type"] == "file" and not inner.endswith("/") and not any(p.startswith((".", "_")) for p in below):
                infos[inner] = known
    return infos


def _found(url: str, info: Mapping[str, Any]) -> RemoteFile:
    known = {name.lower(): value for name, value in info.items()}
    version = next((str(known[name]) for name in _VERSIONS if known.get(name)), "")
    return RemoteFile(url, info.get("size"), version)


def _connected(url: str) -> tuple[Any, str]:
    """The file system of fsspec that reads the address, and the path there."""
    scheme = scheme_of(url)
    try:
        from fsspec import url_to_fs

        system, path = url_to_fs(url, **(_of_web() if scheme in _WEB else {}))
    except ImportError:
        raise SettingsError(
            f"{scheme}:// needs a package that is not installed", install_hint(_EXTRA_OF.get(scheme, "s3"))
        ) from None
    except ValueError:
        raise SettingsError(
            f"there is no kind of address that is called {scheme}://", "give a path, or s3://, gs:// or https://"
        ) from None
    except _failures() as error:
        raise _refused(url, error) from None
    return system, path


def _of_web() -> dict[str, Any]:
    """Bytes come as they are stored, in any time as long as some come; proxies and .netrc count."""
    from aiohttp import ClientTimeout

    patience = ClientTimeout(total=None, sock_connect=15, sock_read=_SILENT_SECONDS)
    client = {"trust_env": True, "auto_decompress": False, "timeout": patience}
    return {"client_kwargs": client, "headers": {"Accept-Encoding": "identity"}}


class _Stream(io.RawIOBase):
    """The bytes of a remote file, in order."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._open: Any = None
        self._position = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        for seconds in (*RETRY_SECONDS, None):
            try:
                chunk = self._next(len(view))
            except _failures() as error:
                self._let_go()
                if seconds is None or _is_hopeless(error):
                    raise _refused(self._file.url, error, self._position) from None
                time.sleep(seconds)
                continue
            view[: len(chunk)] = chunk
            self._position += len(chunk)
            return len(chunk)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        self._let_go()
        super().close()

    def _next(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end of a file that is still the same."""
        if self._ended:
            return b""
        if self._open is None:
            self._open = self._from(self._position)
        chunk = bytes(self._open.read(most))
        if not chunk:
            if self._file.size is not None and self._position < self._file.size:
                raise ConnectionError(f"it broke off, {self._file.size:,} bytes were to come")
            self._same()
            self._ended = True
        return chunk

    def _from(self, position: int) -> Any:
        """The same file, open at that byte; a web server sends what came before once more."""
        system, path = self._same()
        if scheme_of(self._file.url) not in _WEB:
            opened = system.open(path, "rb", _CHUNK_BYTES, cache_type="readahead")
            opened.seek(position)
            return opened
        opened = system.open(path, "rb", 0)
        while position and (skipped := opened.read(min(position, _CHUNK_BYTES))):
            position -= len(skipped)
        return opened

    def _same(self) -> tuple[Any, str]:
        """Where the file is, which is what was found there. Raises RecordError where it is another one."""
        system, path = _connected(self._file.url)
        system.invalidate_cache()
        if _found(self._file.url, system.info(path)) != self._file:
            raise RecordError(f"{self._file} was changed while it was read", "run the same command again")
        return system, path

    def _let_go(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None


def _failures() -> tuple[type[BaseException], ...]:
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
    is_of_web = isinstance(cause, _failures()) and not hasattr(cause, "response")  # which errors of botocore have
    return cause if isinstance(error, FileNotFoundError) and cause is not None and is_of_web else error


def _status(error: BaseException) -> int:
    status = getattr(_cause(error), "status", None)
    return status if isinstance(status, int) else 0


def _is_denied(error: BaseException) -> bool:
    return isinstance(error, PermissionError) or type(error).__name__ in _NO_ENTRY or _status(error) in (401, 403)


def _is_hopeless(error: BaseException) -> bool:
    """Whether the server answered, and would answer the same again."""
    is_missing = isinstance(_cause(error), FileNotFoundError)
    status = _status(error)
    return is_missing or _is_denied(error) or (400 <= status < 500 and status not in _TRIED_AGAIN)


def _refused(url: str, error: BaseException, position: int = 0) -> KindredError:
    """The error in words, after so many bytes."""
    after = f" after {position:,} bytes" if position else ""
    message = f"{shown(url)} can't be read{after}: {_reason(url, error)}"
    if _is_denied(error):
        return RecordError(message, _HINTS.get(scheme_of(url), "give a user and a password: https://user:password@…"))
    if _is_hopeless(error):
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
