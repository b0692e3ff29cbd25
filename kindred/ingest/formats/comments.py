"""Lines before the first row of a table that are remarks: `%` as KONECT writes them, `# ` as SNAP and others do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import dropwhile

from kindred.ingest.bytes.lines import Line

_COMMENT = re.compile(r"%|#(?:\s|$)")
_CELLS = re.compile(r"[\t,;|]")
_LONGEST = 1000


def is_comment(line: str, is_column: Callable[[str], bool]) -> bool:
    """Whether the line is a remark, and no header that begins like one; `is_column` knows names of columns."""
    return bool(_COMMENT.match(line)) and not any(map(is_column, _CELLS.split(line)))


def without_comments(text: str, is_column: Callable[[str], bool]) -> str:
    """The text without the remarks at its beginning."""
    lines = text.splitlines(keepends=True)
    is_first_one = bool(lines) and is_comment(lines[0], is_column)
    return "".join(dropwhile(lambda line: is_comment(line, is_column), lines)) if is_first_one else text


def lines_below_comments(lines: Iterator[Line], is_column: Callable[[str], bool]) -> Iterator[Line]:
    """The same for lines of a file."""
    return dropwhile(lambda line: is_comment(line.raw[:_LONGEST].decode(errors="replace"), is_column), lines)
