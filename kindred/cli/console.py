"""What commands print: results on stdout, bars and notes on stderr; and how errors end a command."""

from __future__ import annotations

import errno
import io
import json
import logging
import math
import os
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TextIO

import typer

from kindred.domain.errors import KindredError, SettingsError, StoreError
from kindred.domain.shown import printable, printable_json

EXIT_CODES = (
    "0 done, 1 unexpected, 2 usage or settings, 3 bad or missing data, 4 a store, service or output that fails, "
    "5 a quality gate missed, 130 interrupted"
)
INTERRUPTED = 130
UNEXPECTED = 1

_FLAGS = ("--data-dir", "--graph-url", "--vector-url")
_REDIRECT = "free some space (`df -h`, `ulimit -f`), or write elsewhere: --data-dir, -o FILE, another place for stdout"
_UNITS = {
    "train": "epochs",
    "evaluate": "fits",
    "trials": "trials",
    "export": "tables",
    "encode": "texts",
    "copying": "rows",
    "checking": "records",
    "loading": "records",
    "reading": "records",
    "write": "records",
}


def result(text: str) -> None:
    """Prints a result for people on stdout, control characters as escapes. Raises StoreError where it can't."""
    _print(printable(text))


def _print(text: str) -> None:
    """Prints on stdout. A reader who left (`| head`) does not end the work.

    Raises:
        StoreError: stdout can't be written.
    """
    if sys.stdout is None:
        raise StoreError("the result can't be written: stdout is closed", _REDIRECT)
    try:
        typer.echo(text)
    except BrokenPipeError:
        _give_up(sys.stdout)
    except OSError as error:
        _give_up(sys.stdout)
        raise StoreError(f"the result can't be written to stdout: {error.strerror}", _REDIRECT) from error


def json_result(value: object) -> None:
    """Prints a result for machines on stdout: one JSON document, in which a number that is none or infinite is null."""
    _print(_document(value, indent=2))


def json_line(value: object) -> None:
    """Prints one of several results for machines: the same on one line."""
    _print(_document(value, indent=None))


def _document(value: object, indent: int | None) -> str:
    found = json.dumps(_finite(value), indent=indent, ensure_ascii=False, default=str, allow_nan=False)
    return printable_json(found)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


def note(text: str) -> None:
    """Prints a remark on stderr, control characters as escapes; where it can't be read, it is left out."""
    try:
        typer.echo(printable(text), err=True)
    except (OSError, ValueError):
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    """Sends what is still held for a stream that can't be written, and all that follows, to nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        stream.close()


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; numbers to the right, everything else to the left."""
    cells = [[cell(value) for value in row] for row in rows]
    numeric = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(header))]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if n else v.ljust(w) for v, w, n in zip(values, widths, numeric, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["─" * w for w in widths]), *map(line, cells)])


def named(item_id: str, title: str | None) -> str:
    """An item for people: its id, and its title where it has another."""
    return f"{item_id}  {one_line(title)}" if title and title != item_id else item_id


def one_line(text: str) -> str:
    """The text on one line, however many it has, so that none of it is taken for a line of ours."""
    return " ".join(text.split())


def cell(value: object) -> str:
    """A value as a table shows it: whole numbers with separators, nothing for None."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(text: str) -> bool:
    return not text or text.lstrip("-+").replace(",", "").replace(".", "", 1).replace("%", "").isdigit()


class Bars:
    """Progress bars on stderr, one a stage; silent where stderr is no terminal. A context manager.

    A stage may say more about itself after a colon (`evaluate: ease`): that changes the text of the bar, not the bar.
    What the bars can't write they leave out; the work goes on.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._shown_at = 0.0

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        try:
            if sys.stderr is not None and sys.stderr.isatty():
                self._show(stage, done, total)
        except (OSError, ValueError):  # stderr was closed, or whoever read it left
            self._bar = None

    def _show(self, stage: str, done: int, total: int | None) -> None:
        name = stage.partition(":")[0]
        if self._bar is None or name != self._stage:
            self._close()
            self._bar, self._stage = _bar(stage, done, total), name
        if self._bar.desc != stage:
            self._bar.set_description_str(stage)
        now = time.monotonic()
        if now - self._shown_at > 0.1 or done == total:
            self._bar.total = total
            self._bar.update(done - self._bar.n)
            self._shown_at = now

    def _close(self) -> None:
        try:
            if self._bar is not None:
                self._bar.close()
        except (OSError, ValueError):
            pass
        self._bar, self._stage = None, ""


def _bar(stage: str, done: int, total: int | None) -> Any:
    """A bar in the units of the stage; what was done before it began does not count in its rate."""
    from tqdm import tqdm

    verb = stage.partition(":")[0].partition(" ")[0]
    unit = f" {_UNITS.get(verb, 'steps')}"
    scale = unit in (" records", " rows", " texts")
    return tqdm(total=total, initial=done, desc=stage, unit=unit, unit_scale=scale, leave=True, dynamic_ncols=True)


def flags_of(arguments: Sequence[str]) -> str:
    """The flags of a command line that say where everything is, as one pastes them."""
    found, left = list[str](), iter(arguments)
    for argument in left:
        if argument.partition("=")[0] not in _FLAGS:
            break
        found += [argument] if "=" in argument else [argument, next(left, "")]
    return shlex.join(found)


def run(command: Callable[[], object], debug: bool = False, flags: str = "") -> None:
    """Runs the command line and ends the process with one of `EXIT_CODES`.

    Commands that an error or a Ctrl-C proposes get the flags that this one was given.
    """
    logging.basicConfig(level=logging.INFO if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a title that the terminal can't show ends no command
    try:
        command()
    except SystemExit as ended:  # the command line itself: usage, --help, Ctrl-C
        _end_of_command_line(ended, flags)
        raise
    except KeyboardInterrupt as stopped:
        note(_what_was_kept(stopped, flags))
        sys.exit(INTERRUPTED)
    except KindredError as error:
        _end(f"error: {_with_flags(' '.join(str(error).split()), flags)}", error.exit_code, debug)
    except OSError as error:
        if error.filename is not None and error.errno in _OF_THE_DISK:
            _end(f"error: can't use {error.filename}: {error.strerror} — {_OTHER_FOLDER}", StoreError.exit_code, debug)
        if error.filename is not None or error.errno not in _OUTPUT_ERRORS:
            _end(_unexpected(error), UNEXPECTED, debug)
        _give_up(sys.stdout)
        _end(f"error: can't write: {error.strerror} — {_REDIRECT}", StoreError.exit_code, debug)
    except MemoryError as error:
        _end(f"error: there is not enough memory: {error or 'none is left'} — {_LESS}", StoreError.exit_code, debug)
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            _end(_unexpected(error), UNEXPECTED, debug)
        _end(f"error: {error.object[:100]!r} is no text in UTF-8 — write it so", SettingsError.exit_code, debug)
    except Exception as error:  # noqa: BLE001 - the edge of the process: whatever it is ends as a line and an exit code
        _end(_unexpected(error), UNEXPECTED, debug)


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_OUTPUT_ERRORS = (*_FULL, errno.EBADF)
_OF_THE_DISK = (*_FULL, errno.EACCES, errno.EPERM, errno.EROFS)
_LESS = "ask for less at once, or use a larger machine; docs/scaling.md says what fits where"
_OTHER_FOLDER = "mend its permissions or free some space, or name another folder (--data-dir)"


def _end(message: str, code: int, debug: bool) -> NoReturn:
    if debug:
        traceback.print_exc()
    note(message)
    sys.exit(code)


def _unexpected(error: Exception) -> str:
    return f"unexpected error: {type(error).__name__}: {' '.join(str(error).split())[:500]} — run with --debug"


def _end_of_command_line(ended: SystemExit, flags: str) -> None:
    """Says what an interrupted command kept; whoever reads help and leaves early has what they wanted."""
    cause = ended.__context__
    if isinstance(cause, BrokenPipeError):
        _give_up(sys.stdout)
        sys.exit(0)
    if ended.code == INTERRUPTED:
        stopped = cause.__cause__ if cause is not None else None
        note(_what_was_kept(stopped, flags))


def _what_was_kept(stopped: BaseException | None, flags: str) -> str:
    """One line for Ctrl-C: the notes of the stages that it passed through."""
    notes = getattr(stopped, "__notes__", ["nothing was changed; run the same command again"])
    return _with_flags(f"interrupted; {'; '.join(notes)}", flags)


def _with_flags(text: str, flags: str) -> str:
    return text.replace("`kindred ", f"`kindred {flags} ") if flags else text
