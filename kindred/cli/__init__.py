"""Every command: opens the stores, calls one function, prints."""

from __future__ import annotations

import atexit
import gc
import sys

from kindred.cli import console
from kindred.cli.app import branch_of


def main() -> None:
    """The command line; `--debug` is understood anywhere on it."""
    atexit.register(gc.freeze)  # what goes with the process is not searched for circles: a tenth of a short command
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    console.run(lambda: branch_of(arguments)(arguments, prog_name="kindred"), debug)
