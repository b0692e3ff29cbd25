"""Files at an address, such as s3://bucket/key, gs://… or https://…: found and streamed through fsspec (extra `s3`).

A file is known by its size and by what its store calls its version. A lost connection is taken up where it was; what
is another file by then, or once all of it was read, is an error, and since nothing is loaded before every file was
read, nothing is lost. Nothing is copied but what must be read from any place, such as Parquet.

No message holds what stands before an @ in an address or behind the ? of a web address, nor a key of the environment.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from kindred.domain.errors import RecordError, SettingsError, install_hint
from kindred.ingest.bytes.addresses import WEB, TableAddress, scheme_of, shown
from kindred.ingest.bytes.remote_failures import failures, is_hopeless, refused

RETRY_SECONDS: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0)
"""How long is waited before a lost connection is taken up again, each time that nothing more came."""
_CHUNK_BYTES = 4 << 20
_SILENT_SECONDS = 60.0
_EXTRA_OF = {"gs": "gs", "gcs": "gs"}
_VERSIONS = ("etag", "generation", "content-md5", "last-modified", "lastmodified", "mtime", "created")


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


Location = Path | RemoteFile | TableAddress
"""A file of this machine, one at an address, or a table of a database."""


def find_remote(url: str) -> list[RemoteFile]:
    """The files that are meant: one, those of a folder or those that a pattern matches, by name; no hidden ones.

    Raises:
        RecordError: there is none, or it can't be read.
        SettingsError: no package that is installed reads such addresses.
    """
    system, path = _connected(url)
    try:
        if scheme_of(url) in WEB:
            return [_found(url, system.info(path))]
        system.invalidate_cache()
        infos = _infos(system, path)
    except failures() as error:
        raise refused(url, error) from None
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

        system, path = url_to_fs(url, **(_of_web() if scheme in WEB else {}))
    except ImportError:
        raise SettingsError(
            f"{scheme}:// needs a package that is not installed", install_hint(_EXTRA_OF.get(scheme, "s3"))
        ) from None
    except ValueError:
        raise SettingsError(
            f"there is no kind of address that is called {scheme}://", "give a path, or s3://, gs:// or https://"
        ) from None
    except failures() as error:
        raise refused(url, error) from None
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
            except failures() as error:
                self._let_go()
                if seconds is None or is_hopeless(error):
                    raise refused(self._file.url, error, self._position) from None
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
        if scheme_of(self._file.url) not in WEB:
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
