"""What commands print: results on stdout, bars and notes on stderr; and how errors end a command."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import typer

from kindred.domain.errors import KindredError

INTERRUPTED = 130
UNEXPECTED = 1
USAGE = 2


def result(text: str) -> None:
    """Prints a result for people on stdout."""
    typer.echo(text)


def json_result(value: object) -> None:
    """Prints a result for machines on stdout: one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def note(text: str) -> None:
    """Prints a remark on stderr."""
    typer.echo(text, err=True)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Aligned columns; numbers to the right, everything else to the left."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [bool(cells) and all(_is_number(row[i]) for row in cells) for i in range(len(header))]
    widths = [max(len(line[i]) for line in [list(header), *cells]) for i in range(len(header))]

    def line(values: Sequence[str]) -> str:
        padded = (v.rjust(w) if n else v.ljust(w) for v, w, n in zip(values, widths, numeric, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), line(["─" * w for w in widths]), *map(line, cells)])


def figure(value: float) -> str:
    """A score with three significant digits, whatever its size: 12.3, 0.0457, 1.2e-07."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _is_number(text: str) -> bool:
    return not text or text.lstrip("-+").replace(",", "").replace(".", "", 1).replace("%", "").isdigit()


class Bars:
    """Progress bars on stderr, one a stage; silent where stderr is no terminal. A context manager."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._drawn_at = 0.0

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if not sys.stderr.isatty():
            return
        if stage != self._stage:
            self._close()
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=stage, unit_scale=True, leave=True, dynamic_ncols=True)
            self._stage = stage
        now = time.monotonic()
        if now - self._drawn_at > 0.1 or done == total:
            self._bar.total = total
            self._bar.update(done - self._bar.n)
            self._drawn_at = now

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._stage = None, ""


def run(command: Callable[[], object], debug: bool = False) -> None:
    """Runs the command line and ends the process with the documented exit code.

    0 done · 1 unexpected · 2 usage or settings · 3 bad data · 4 a service unreachable · 5 a quality gate missed ·
    130 interrupted.
    """
    logging.basicConfig(level=logging.INFO if debug else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        command()
    except KeyboardInterrupt:
        note("interrupted; what was finished is kept, run the same command again to go on")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KindredError as error:
        if debug:
            traceback.print_exc()
        note(f"error: {' '.join(str(error).split())}")
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the one process edge
        if debug:
            traceback.print_exc()
        note(f"unexpected error: {type(error).__name__}: {' '.join(str(error).split())[:500]} — run with --debug")
        sys.exit(UNEXPECTED)
