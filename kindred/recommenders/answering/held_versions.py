"""Which version answers: the one that is held, else what is published now; others that requests name beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from kindred.domain.errors import NotPublishedError
from kindred.recommenders.system import System
from kindred.vectorstore.store import PublishedVectors


class Named(Protocol):
    """A version, by its name."""

    @property
    def name(self) -> str:
        """What it is called."""


AnyVersion = TypeVar("AnyVersion", bound=Named)


@dataclass
class HeldVersions(Generic[AnyVersion]):
    """The versions of a system that are in memory.

    Attributes:
        system: whose versions.
        vectors: where they are published.
        load: reads the version of a name.
        num_others: how many are kept beside the one that is held; only one as long as none is held.
        held: what answers until another is held; None to answer from what is published at the time.
    """

    system: System
    vectors: PublishedVectors
    load: Callable[[str], AnyVersion]
    num_others: int = 1
    held: AnyVersion | None = None
    _others: dict[str, AnyVersion] = field(default_factory=dict, repr=False)
    _named: str = ""

    def of(self, name: str | None = None) -> AnyVersion:
        """The version of that name, else the one that answers. Raises: ArtifactError where it can't be read."""
        held = self.held
        if held is not None and name in (None, held.name):
            self._named = name or self._named
            return held
        name = name or self.published()
        version = self._others.get(name)
        if version is None:
            version = self.load(name)
            self._keep(version, 1 if held is None else self.num_others)
        return version

    def hold(self, version: AnyVersion) -> str:
        """Answers from this version from now on; its name. The one before is kept beside it where requests named it."""
        before, self.held = self.held, version
        self._keep(before if before is not None and before.name == self._named else version, self.num_others)
        return version.name

    def _keep(self, version: AnyVersion, num_others: int) -> None:
        """Keeps a version beside the one that is held, in the place of those that came first."""
        others = {**self._others, version.name: version}
        if self.held is not None:
            others.pop(self.held.name, None)
        self._others = dict(list(others.items())[-num_others:])

    def published(self) -> str:
        """Name of the version that readers get. Raises: NotPublishedError where none is published."""
        return published_version(self.system, self.vectors)


def published_version(system: System, vectors: PublishedVectors) -> str:
    """Name of the version that readers get. Raises: NotPublishedError where none is published."""
    name = vectors.published()
    if name is not None:
        return name
    hint = f"publish a run with `kindred publish --system {system.name}`, after `kindred train {system.name}`"
    raise NotPublishedError(f"nothing is published yet of system {system.name}", hint)
