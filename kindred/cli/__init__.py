"""Every command: opens the stores, calls one function, prints."""

from __future__ import annotations

import atexit
import gc
import sys

from kindred.cli import console
from kindred.cli.app import app
from kindred.cli.no_pandas import NoPandas


def main() -> None:
    """The command line; `--debug` is understood anywhere on it."""
    sys.meta_path.insert(0, NoPandas())
    atexit.register(gc.freeze)  # what goes with the process is not searched for circles: a tenth of a short command
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    console.run(lambda: app(arguments, prog_name="kindred"), debug)
