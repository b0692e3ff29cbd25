"""Versions as folders: built aside, sealed by one rename, published by the replacement of one small file."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from kindred.domain.errors import ArtifactError, StoreError
from kindred.files import Seals, damage_of, locked, read_with_hash, remedy, seals_of, sync, write_with_hash
from kindred.vectorstore.checks import checked_name
from kindred.vectorstore.rows import PUBLISH_AGAIN, ROWS_FILE, VECTORS_FILE, Rows

_POINTER = "published.json"
_CREATED = "created.json"
_MANIFEST = "manifest.json"
_GROWING = (ROWS_FILE, VECTORS_FILE)


@dataclass(frozen=True)
class Pointer:
    """Which version readers get, and which one a rollback brings back."""

    published: str | None = None
    previous: str | None = None


def system_folders(root: Path) -> list[str]:
    """Names of the folders of systems in a store's folder; none where it is not there yet.

    Raises:
        StoreError: it can't be used, or holds versions of before systems had folders of their own.
    """
    try:
        names = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name[0] != ".")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unusable(root, error) from error
    if {"building", "versions"} <= set(names):
        raise StoreError(
            f"{root} was written by an older Kindred, which kept the versions of one system only",
            "delete that folder, then run `kindred publish`",
        )
    return names


def _unusable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"{folder} can't be used: {error.strerror}", "set KINDRED_VECTOR_URL to another folder")


class VersionFolders:
    """The life of one system's versions under its folder.

    `building/VERSION` becomes `versions/VERSION` by a rename once it is whole and on disk, and is served once
    `published.json` names it. Each step is one atomic operation of the file system, so a kill leaves it done or not
    begun; what it leaves lying about is never listed as sealed and goes with the next `drop`. The folders are made for
    the first version that is created: who only reads makes none.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._building = root / "building"
        self._sealed = root / "versions"
        self._trash = root / "trash"

    def create(self, version: str, collection: str, dimension: int) -> None:
        """An empty collection of an unsealed version. Raises StoreError when it is there, or the version sealed."""
        if (self._sealed / checked_name(version)).exists():
            raise StoreError(f"version {version} is sealed already", "publish under another version name, or drop it")
        self._make()
        folder = self._building / version
        if not folder.exists():
            with _appearing(folder) as new:
                (new / _CREATED).write_text(json.dumps({"at": time.time_ns()}))
        if (folder / checked_name(collection)).exists():
            raise StoreError(
                f"version {version} has a collection {collection!r} already", f"drop version {version} first"
            )
        with _appearing(folder / collection) as new:
            Rows.create(new, dimension)

    def _make(self) -> None:
        try:
            for folder in (self._building, self._sealed, self._trash):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unusable(self.root, error) from error

    def collection(self, version: str, collection: str) -> Path:
        """Folder of a collection. Raises: StoreError where there is none."""
        folder = self.version(version) / checked_name(collection)
        if not folder.is_dir():
            raise StoreError(f"version {version} has no collection {collection!r}", "publish it again")
        return folder

    def version(self, version: str) -> Path:
        """Folder of a version. Raises StoreError when there is none."""
        for parent in (self._sealed, self._building):
            if (parent / checked_name(version)).is_dir():
                return parent / version
        known = ", ".join(self.versions()) or "none"
        raise StoreError(f"there is no version {version!r} in {self.root}, only {known}", "run `kindred publish`")

    def collections(self, version: str) -> list[str]:
        """Names of the collections of a version."""
        entries = self.version(version).iterdir()
        return sorted(entry.name for entry in entries if entry.is_dir() and entry.name[0] != ".")

    def require(self, version: str, counts: Mapping[str, int]) -> None:
        """Checks that a version is being built and holds exactly `counts`. Raises: StoreError where it does not."""
        folder = self._building / checked_name(version)
        if (self._sealed / version).exists() or not folder.exists():
            raise StoreError(f"version {version} is not being built", "create its collections first")
        found = {name: Rows(folder / name).count() for name in self.collections(version)}
        if found != dict(counts):
            raise StoreError(f"version {version} holds {found}, should hold {dict(counts)}", "drop and build it again")

    def seal(self, version: str) -> None:
        """Brings a built version to the disk and moves it to the sealed ones."""
        folder = self._building / checked_name(version)
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        write_with_hash(folder / _MANIFEST, {"files": seals_of(folder, files)})
        for path in [*folder.rglob("*"), folder]:
            sync(path)
        folder.rename(self._sealed / version)
        sync(self._sealed)

    def publish(self, version: str) -> None:
        """Points readers at a sealed version.

        Raises:
            StoreError: it is not sealed.
            ArtifactError: it is not what was sealed.
        """
        with self._exclusive():
            self._verify(version)
            now = self.pointer()
            if now.published != version:
                self._point(Pointer(version, now.published or now.previous))

    def rollback(self) -> str:
        """Points readers at the version before; its name. Raises: ArtifactError where there is none, or none whole."""
        with self._exclusive():
            previous = self.pointer().previous
            if previous is None:
                raise ArtifactError("there is no earlier version to go back to", "publish a run: see `kindred runs`")
            self._verify(previous)
            self._point(Pointer(previous, None))
            return previous

    def pointer(self) -> Pointer:
        """What is published. Raises: ArtifactError where the pointer can't be read."""
        path = self.root / _POINTER
        try:
            found = read_with_hash(path)
            return Pointer(found["published"], found["previous"])
        except FileNotFoundError:
            return Pointer()
        except (OSError, ValueError, KeyError) as error:
            anew = remedy(error, "delete that file and publish again")
            raise ArtifactError(f"{path} can't be read: {error}", anew) from error

    def versions(self) -> list[str]:
        """Sealed and unsealed versions, oldest first."""
        there = (parent for parent in (self._sealed, self._building) if parent.is_dir())
        found = [entry for parent in there for entry in parent.iterdir() if entry.name[0] != "."]
        return [entry.name for entry in sorted(found, key=_age)]

    def drop(self, version: str) -> None:
        """Deletes a version. Raises StoreError for the published one, unless it is damaged."""
        with self._exclusive():
            pointer = self.pointer()
            folder = self.version(version)
            if version == pointer.published:
                if self.damage(version) is None:
                    raise StoreError(f"version {version} is published", "publish another one or roll back first")
                self._point(Pointer(None, pointer.previous))
            elif version == pointer.previous:
                self._point(Pointer(pointer.published, None))
            folder.rename(self._trash / uuid4().hex)  # whole or not at all; what follows may be interrupted
            shutil.rmtree(self._trash, ignore_errors=True)
            self._trash.mkdir(exist_ok=True)

    def _exclusive(self) -> AbstractContextManager[None]:
        """One process at a time changes what is published."""
        self.root.mkdir(parents=True, exist_ok=True)
        return locked(self.root / "lock")

    def sealed_bytes(self, version: str, collection: str) -> int | None:
        """How much of a collection's lines its seal vouches for, every file of it compared; None before it is sealed.

        Raises:
            ArtifactError: a file is not what was sealed.
        """
        folder = self.version(version)
        if folder.parent != self._sealed:
            return None
        own = {name: seal for name, seal in self._seals(version).items() if name.startswith(f"{collection}/")}
        if damage := damage_of(folder, own, _GROWING):
            raise _damaged(version, damage)
        if (lines := own.get(f"{collection}/{ROWS_FILE}")) is None:
            raise _damaged(version, f"{folder / _MANIFEST} does not name collection {collection}")
        return lines[0]

    def is_sealed(self, version: str) -> bool:
        """Whether a version was whole once."""
        return (self._sealed / checked_name(version)).is_dir()

    def damage(self, version: str) -> str | None:
        """What is wrong with a sealed version, rows that came later included; None where nothing is."""
        try:
            if found := damage_of(self.version(version), self._seals(version), _GROWING):
                return found
            for collection in self.collections(version):
                folder = self.collection(version, collection)
                Rows(folder, self.sealed_bytes(version, collection)).view()
        except ArtifactError as error:
            return error.message
        return None

    def _verify(self, version: str) -> None:
        if not self.is_sealed(version):
            state = "not sealed: its building was interrupted" if (self._building / version).exists() else "not there"
            raise StoreError(f"version {version} is {state}", "drop it and publish the run again")
        if found := self.damage(version):
            raise _damaged(version, found)

    def _seals(self, version: str) -> Seals:
        path = self._sealed / checked_name(version) / _MANIFEST
        try:
            files = read_with_hash(path)["files"]
            return {name: (int(size), str(digest)) for name, (size, digest) in files.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(version, f"{path} can't be read: {error}") from error

    def _point(self, pointer: Pointer) -> None:
        write_with_hash(self.root / _POINTER, asdict(pointer))


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which comes to its place whole, or never."""
    temporary = folder.parent / f".{uuid4().hex}"
    temporary.mkdir()
    yield temporary
    try:
        temporary.rename(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StoreError(f"{folder} was made by another process meanwhile", "let one of them finish") from error


def _damaged(version: str, found: str) -> ArtifactError:
    return ArtifactError(f"version {version} is damaged: {found}", PUBLISH_AGAIN)


def _age(folder: Path) -> tuple[int, str]:
    """Sort key: when the version was begun; one that no longer says so counts as the oldest."""
    try:
        return int(json.loads((folder / _CREATED).read_bytes())["at"]), folder.name
    except (OSError, ValueError, KeyError, TypeError):
        return 0, folder.name
