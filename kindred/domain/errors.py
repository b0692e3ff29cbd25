"""The error tree: every error says what was wrong and what to do next, and carries the exit code it ends with."""

from __future__ import annotations


class KindredError(Exception):
    """Anything Kindred can explain.

    Args:
        message: what was wrong, where, and what was got.
        next_step: the command or change that helps, shown after the message.
    """

    exit_code = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} — {self.next_step}" if self.next_step else self.message


class SettingsError(KindredError):
    """A setting, option or argument that can't be used, or an optional package that is not installed."""

    exit_code = 2


class RecordError(KindredError):
    """Input data that can't be used."""

    exit_code = 3


class SchemaError(KindredError):
    """Data or a query that does not fit the graph's schema."""

    exit_code = 3


class ArtifactError(KindredError):
    """A run, checkpoint, index or cache that is missing, incomplete or from another version."""

    exit_code = 3


class NotPublishedError(ArtifactError):
    """A system of which no version is published."""


class StoreError(KindredError):
    """A graph or vector store that can't be reached, is locked, or failed."""

    exit_code = 4


class LateError(KindredError):
    """An answer that would have come after its deadline."""

    exit_code = 4


class GateError(KindredError):
    """A quality gate that was missed: the work is done, but its result is not good enough."""

    exit_code = 5


def install_hint(extra: str) -> str:
    """The command that installs one of the optional extras, to be run in the clone: no package index knows Kindred."""
    return f"pip install -e '.[{extra}]'"
