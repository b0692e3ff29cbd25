"""The questions that people ask a graph, as values: what each takes, answers, and how it is asked.

`question_files.py` reads them from their files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kindred.domain.errors import SettingsError
from kindred.domain.schema import graph_schema
from kindred.graph.store import GraphStore, QueryLimits, Scalar


class ParameterKind(StrEnum):
    """What a parameter may be: any text, a count (0 or more), or any number."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"


class ColumnKind(StrEnum):
    """What a column holds, and so how people see it: `date` is in seconds UTC, `year` a number without separators."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    YEAR = "year"


@dataclass(frozen=True)
class Parameter:
    """What a question must be told, or may be: without a default it is required."""

    name: str
    kind: ParameterKind
    default: Scalar
    example: str
    meaning: str

    @property
    def is_required(self) -> bool:
        return self.default is None

    def value(self, given: object) -> Scalar:
        """The given value, or what its text says. Raises SettingsError where it is of another kind."""
        try:
            return value_of(self.kind, given)
        except ValueError as error:
            raise SettingsError(
                f"{self.name} must be {error}", f"for example --param {_quoted(self.name, self.example)}"
            ) from error


@dataclass(frozen=True)
class Column:
    """What one column of the answer says."""

    name: str
    kind: ColumnKind
    meaning: str


@dataclass(frozen=True)
class Question:
    """A question, ready to be asked.

    Attributes:
        number: its place in the list.
        name: what it is called by.
        title: what it asks.
        reads_whole_graph: whether it visits everything; else it starts at one node, by its id.
        text: the file, header and all; it is valid Cypher as it stands.
    """

    number: int
    name: str
    title: str
    reads_whole_graph: bool
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    text: str

    @property
    def full_name(self) -> str:
        return f"{self.number:02}_{self.name}"

    @property
    def example(self) -> str:
        """A command line that asks it."""
        needed = [f"--param {_quoted(p.name, p.example)}" for p in self.parameters if p.is_required]
        return " ".join(["kindred explore run", self.name, *needed])

    @property
    def timed(self) -> list[str]:
        """What it calls the events that it counts by their times, and leaves out where they have none."""
        return re.findall(r"\b(\w+)\.at IS NOT NULL", self.text)

    def values(self, given: Mapping[str, object]) -> dict[str, Scalar]:
        """A value for every parameter, typed; texts are read as the parameter's kind.

        Raises:
            SettingsError: one is missing, unknown or of another kind.
        """
        known = [parameter.name for parameter in self.parameters]
        if unknown := [name for name in given if name not in known]:
            raise SettingsError(f"{self.name} has no parameter {unknown[0]!r}", f"it takes {', '.join(known)}")
        if missing := [p.name for p in self.parameters if p.is_required and p.name not in given]:
            raise SettingsError(f"{self.name} needs {' and '.join(missing)}", f"for example: {self.example}")
        return {p.name: p.value(given[p.name]) if p.name in given else p.default for p in self.parameters}


def missing_types(store: GraphStore, question: Question) -> list[str]:
    """The edge types that the question reads and the graph holds none of; a choice (`A|B`) is there with any of it."""
    missing = []
    for written in dict.fromkeys(re.findall(r"\[\w*:([A-Z_|]+)\]", question.text)):
        chosen = [edge for edge in graph_schema().edges if edge.type in written.split("|")]
        if not any(store.count(edge) for edge in chosen):
            missing.append(written.replace("|", " and "))
    return missing


def untimed_events(store: GraphStore, question: Question) -> dict[str, tuple[int, int]]:
    """How many events, and of how many, have no time, by type: of those that the question counts by their times only.

    Types are left out of which every event has a time, or there is no event.
    """
    found: dict[str, tuple[int, int]] = {}
    for name in question.timed:
        for edge in graph_schema().edges:
            if not re.search(rf"\[{name}:(\w+\|)*{edge.type}[|\]]", question.text):
                continue
            source, event, target = edge.triple
            pattern = f"(a:{source})-[r:{event}]->(b:{target})"
            text = f"MATCH {pattern} WHERE r.at IS NULL RETURN count(r.event_id) AS untimed"
            untimed, others = store.query(text, {}, QueryLimits())["untimed"][0].as_py(), found.get(event, (0, 0))
            found[event] = (others[0] + untimed, others[1] + store.count(edge))
    return {event: counts for event, counts in found.items() if counts[0]}


_KINDS_SAID = {
    ParameterKind.STRING: "a text",
    ParameterKind.INTEGER: "a whole number, 0 or more",
    ParameterKind.NUMBER: "a number",
}


def value_of(kind: ParameterKind, given: object) -> Scalar:
    """The value that is given, or that a text writes, as its kind.

    Raises:
        ValueError: it is not of that kind; the message says what was expected.
    """
    if kind is ParameterKind.STRING and isinstance(given, str):
        return given
    if kind is ParameterKind.INTEGER and re.fullmatch(r"[0-9]{1,18}", str(given)):
        return int(str(given))
    if kind is ParameterKind.NUMBER and re.fullmatch(r"[-+]?[0-9]{1,18}(\.[0-9]{1,18})?", str(given)):
        return float(str(given))
    raise ValueError(f"{_KINDS_SAID[kind]}, got {given!r}")


def _quoted(name: str, value: str) -> str:
    """NAME=VALUE as a shell takes it."""
    return f"'{name}={value}'" if " " in value else f"{name}={value}"
