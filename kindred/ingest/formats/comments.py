"""Lines before the first row of a table that are remarks: `%` as KONECT writes them, `# ` or `#@` as others do."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from itertools import dropwhile

from kindred.ingest.bytes.lines import Line
from kindred.ingest.formats.columns import letters_of

_COMMENT = re.compile(r"%|#(?:\W|$)")
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


def below_comments(lines: Iterator[Line], head: bytes, columns: Collection[str]) -> tuple[Iterator[Line], bytes]:
    """Lines and head of a file without the remarks at its beginning, of which none names one of these columns."""
    known = {letters_of(name) for name in columns}

    def is_column(cell: str) -> bool:
        return not cell.startswith("#") and letters_of(cell) in known

    if not is_comment(head.split(b"\n", 1)[0].decode(errors="replace"), is_column):
        return lines, head
    bare = without_comments(head.decode(errors="replace"), is_column).encode()
    return (lines_below_comments(lines, is_column), bare) if bare else (lines, head)
