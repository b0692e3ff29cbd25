"""Reads the questions: one Cypher file each beside this one, with a header that says what it takes and answers.

    // Who rates products like this user does?
    // reads: the neighbourhood of a user            (or: the whole graph)
    // parameters:
    //   user: string, e.g. U00001 - id of a user    (required, with an example)
    //   limit: integer = 20 - rows at most          (optional, with its default)
    // columns:
    //   user: string - a taste neighbour

    MATCH …

The statement is one, only reads, and is written in the Cypher that every engine answers alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from kindred.domain.errors import SchemaError, SettingsError
from kindred.graph.cypher import check_aggregates, check_parameters, check_read_only
from kindred.graph.explore.questions import Column, ColumnKind, Parameter, ParameterKind, Question, value_of

FOLDER = Path(__file__).parent

Kind = TypeVar("Kind", bound=StrEnum)

_FILE_NAME = re.compile(r"(\d\d)_([a-z_]+)\.cypher")
_TITLE = re.compile(r"// (\S.*\?)")
_READS = re.compile(r"// reads: (the whole graph|the neighbourhood of an? [a-z]+)")
_PARAMETER = re.compile(r"//   ([a-z_]+): (\w+)(?: = (?P<default>.+?)|, e\.g\. (?P<example>.+?)) - (.+)")
_COLUMN = re.compile(r"//   ([a-z_]+): (\w+) - (.+)")


def question_of(name: str) -> Question:
    """The question of that name, with or without its number, or with the number alone.

    Raises:
        SettingsError: there is none; the message names those that are near.
    """
    questions = read_questions()
    bare = re.sub(r"^\d+_|\.cypher$", "", name)
    for question in questions:
        if bare == question.name or (name.isdecimal() and int(name) == question.number):
            return question
    names = [question.name for question in questions]
    words = [word for word in bare.split("_") if len(word) > 2]
    near = get_close_matches(bare, names, n=4) or [known for known in names if any(word in known for word in words)]
    tip = f"did you mean {', '.join(near[:4])}?" if near else "`kindred explore` lists them"
    raise SettingsError(f"there is no question {name!r}", tip)


@cache
def read_questions(folder: Path = FOLDER) -> tuple[Question, ...]:
    """Every question of the folder, by number.

    Raises:
        SchemaError: a file breaks the form; the message names the file and the line.
    """
    questions = [read_question(path) for path in sorted(folder.glob("*.cypher"))]
    for first, second in pairwise(questions):
        if first.number == second.number:
            raise SchemaError(f"{first.full_name} and {second.full_name} have one number", "give each its own")
    return tuple(questions)


def read_question(path: Path) -> Question:
    """The question in one file. Raises SchemaError as `read_questions` does."""
    named = _FILE_NAME.fullmatch(path.name)
    if named is None:
        raise SchemaError(f"{path.name} can't name a question", "name it like 07_user_timeline.cypher")
    text = path.read_text(encoding="utf-8")
    header = _Header(path.name, text.splitlines())
    title = header.take(_TITLE, "// QUESTION?")[1]
    reads = header.take(_READS, "// reads: the whole graph, or // reads: the neighbourhood of a NODE")[1]
    header.take(re.compile("// parameters:"), "// parameters:")
    parameters = []
    while header.at_entry():
        parameters.append(_parameter(header))
    header.take(re.compile("// columns:"), "// columns:")
    columns = [_column(header)]
    while header.at_entry():
        columns.append(_column(header))
    header.take(re.compile(""), "a blank line after the header")
    _check_statement(path.name, text, parameters)
    return Question(int(named[1]), named[2], title, reads == "the whole graph", tuple(parameters), tuple(columns), text)


class _Header:
    """The lines of a file, taken one by one."""

    def __init__(self, file: str, lines: Sequence[str]) -> None:
        self._file = file
        self._lines = lines
        self._place = 0

    def at_entry(self) -> bool:
        """Whether the next line is indented, so a parameter or a column."""
        return self._line().startswith("//  ")

    def take(self, form: re.Pattern[str], said: str) -> re.Match[str]:
        """The next line, which must have that form."""
        found = form.fullmatch(self._line())
        if found is None:
            raise self._error(f"expected {said!r}, got {self._line()!r}", self._place)
        self._place += 1
        return found

    def kind(self, kinds: type[Kind], text: str) -> Kind:
        """The kind that the line just taken names."""
        if text not in list(kinds):
            raise self.error(f"{text!r} is not one of {', '.join(kinds)}")
        return kinds(text)

    def error(self, message: str) -> SchemaError:
        """What is wrong with the line just taken."""
        return self._error(message, self._place - 1)

    def _error(self, message: str, place: int) -> SchemaError:
        return SchemaError(f"{self._file}, line {place + 1}: {message}", "give the header the form of its neighbours")

    def _line(self) -> str:
        return self._lines[self._place] if self._place < len(self._lines) else ""


def _parameter(header: _Header) -> Parameter:
    line = header.take(_PARAMETER, "//   NAME: KIND = DEFAULT - MEANING, or NAME: KIND, e.g. EXAMPLE - MEANING")
    kind = header.kind(ParameterKind, line[2])
    example = line["default"] or line["example"]
    try:
        value = value_of(kind, example)
    except ValueError as error:
        raise header.error(f"{line[1]} must be {error}") from error
    return Parameter(line[1], kind, value if line["default"] else None, example, line[5])


def _column(header: _Header) -> Column:
    line = header.take(_COLUMN, "//   NAME: KIND - MEANING")
    return Column(line[1], header.kind(ColumnKind, line[2]), line[3])


def _check_statement(file: str, text: str, parameters: Sequence[Parameter]) -> None:
    """Makes sure that the statement only reads, and uses the parameters that the header declares and no others."""
    try:
        check_read_only(text)
        check_aggregates(text)
        check_parameters(text, {parameter.name: None for parameter in parameters})
    except SchemaError as error:
        raise SchemaError(f"{file}: {error.message}", error.next_step) from error
    for parameter in parameters:
        if not re.search(rf"\${parameter.name}\b", text):
            raise SchemaError(f"{file}: parameter {parameter.name} is never used", "use it, or leave it out")
