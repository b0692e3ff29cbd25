"""Keys of the service: who may ask, who may write. A file holds hashes only; a key is shown once, when it is made.

A key is `kd_ID_SECRET`, its secret 256 random bits, so that a plain SHA-256 can't be searched for and costs a request
a microsecond. A name may have two keys that are active at once: make the second, hand it out, revoke the first.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from kindred.domain.errors import ArtifactError, SettingsError, StoreError
from kindred.domain.properties import check_storable_id
from kindred.files import locked, read_with_hash, remedy, with_hash, written_whole

_PREFIX = "kd"
_MOST_ACTIVE = 2
_LONGEST_NAME = 64
_OF_NO_KEY = hashlib.sha256(b"").hexdigest()
MAKE_ONE = "`kindred keys create --name NAME --scope read`"


class Scope(StrEnum):
    """What a key allows; admin allows everything, and alone allows to delete."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        id: names it in lists and commands; no secret.
        name: who has it.
        scopes: what it allows.
        digest: SHA-256 of the whole key, hexadecimal.
        created: seconds UTC.
        revoked: seconds UTC, None while it is active.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    digest: str
    created: int
    revoked: int | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether it may be used for that."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class Keys:
    """The keys in a file, followed as other processes change it.

    Args:
        path: the file; made with the first key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}

    def all(self) -> list[Key]:
        """Every key, revoked or not, oldest first.

        Raises:
            ArtifactError: the file is not what was written.
        """
        self._follow()
        return list(self._keys.values())

    def are_needed(self) -> bool:
        """Whether a key was ever made: from then on one is needed to come in."""
        self._follow()
        return bool(self._keys)

    def active(self) -> list[Key]:
        """The keys that open something now."""
        return [key for key in self.all() if key.revoked is None]

    def find(self, secret: str) -> Key | None:
        """The active key that this is, None for any other text; takes as long for a wrong secret as for a right one."""
        self._follow()
        key = self._keys.get(_id_in(secret))
        digest = _digest(secret)
        is_same = hmac.compare_digest(digest, _OF_NO_KEY if key is None else key.digest)
        return key if is_same and key is not None and key.revoked is None else None

    def create(self, name: str, scopes: Sequence[Scope]) -> tuple[Key, str]:
        """A new key, and the text that is handed to whoever is to have it: it can't be read again.

        Raises:
            SettingsError: the name has two active keys, or can't be a name; no scope.
            StoreError: the file can't be written.
        """
        _check_name(name)
        if not scopes:
            raise SettingsError("a key without a scope opens nothing", "give --scope read, write or admin")
        with self._changing() as keys:
            if sum(key.name == name and key.revoked is None for key in keys.values()) >= _MOST_ACTIVE:
                raise SettingsError(
                    f"{name} has {_MOST_ACTIVE} active keys already", "revoke one: see `kindred keys list`"
                )
            key_id = next(i for i in iter(lambda: secrets.token_hex(4), "") if i not in keys)
            secret = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
            key = Key(key_id, name, tuple(dict.fromkeys(scopes)), _digest(secret), int(time.time()))
            keys[key_id] = key
        return key, secret

    def revoke(self, key_id: str) -> Key:
        """Ends a key; what asks with it from now on is refused.

        Raises:
            SettingsError: there is no active key of that id.
            StoreError: the file can't be written.
        """
        with self._changing() as keys:
            key = keys.get(key_id)
            if key is None or key.revoked is not None:
                raise SettingsError(f"there is no active key {key_id!r}", "see `kindred keys list`")
            keys[key_id] = replace(key, revoked=int(time.time()))
        return keys[key_id]

    def _follow(self) -> None:
        """Takes over what the file holds now, where it has changed."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            return
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._keys = self._read()
            self._seen = seen

    def _read(self) -> dict[str, Key]:
        try:
            found = read_with_hash(self._path)["keys"]
            keys = [Key(**{**key, "scopes": tuple(Scope(scope) for scope in key["scopes"])}) for key in found]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{self._path} can't be read: {error}", remedy(error, f"delete it and make new keys: {MAKE_ONE}")
            ) from error
        return {key.id: key for key in keys}

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        """The keys to change, written when the `with` ends well; one process changes them at a time."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._path.with_suffix(".lock")):
                keys = {key.id: key for key in self.all()}
                yield keys
                value = with_hash({"keys": [asdict(key) for key in keys.values()]})
                with written_whole(self._path) as file:
                    os.fchmod(file.fileno(), 0o600)
                    file.write(json.dumps(value, indent=1).encode())
        except OSError as error:
            told = f"{self._path} can't be written: {error.strerror}"
            raise StoreError(told, "free disk space, or make the folder writable") from error


def keys_of(data_dir: Path) -> Keys:
    """The keys of an installation."""
    return Keys(data_dir / "keys.json")


def check_bind(host: str, keys: Keys) -> None:
    """Makes sure that an address that others can reach is not served without keys.

    Raises:
        SettingsError: it would be.
    """
    if not is_loopback(host) and not keys.active():
        raise SettingsError(
            f"{host or 'every address'} can be reached from elsewhere, and no key was made", f"make one: {MAKE_ONE}"
        )


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone; names other than `localhost` are taken to be reachable."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_name(name: str) -> None:
    try:
        check_storable_id(name)
    except ValueError as error:
        raise SettingsError(f"a key can't be of {name!r}: {error}", "use a plain name, e.g. shop-frontend") from error
    if not 0 < len(name) <= _LONGEST_NAME:
        raise SettingsError(f"the name of a key has 1 to {_LONGEST_NAME} characters", "e.g. shop-frontend")


def _id_in(secret: str) -> str:
    parts = secret.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == _PREFIX else ""


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
