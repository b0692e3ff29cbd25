"""Every command: opens the stores, calls one function, prints."""

from __future__ import annotations

import sys

ANSWERING = frozenset(("recommend", "similar", "why"))
"""Commands whose products of matrices are small: threads would only wait for one another."""


def main() -> None:
    """The command line; `--debug` is understood anywhere on it."""
    try:
        _run([argument for argument in sys.argv[1:] if argument != "--debug"], "--debug" in sys.argv)
    except KeyboardInterrupt:  # while what prints was being imported
        sys.stderr.write("interrupted; nothing was begun: run the same command again\n")
        sys.exit(130)


def _run(arguments: list[str], debug: bool) -> None:
    import atexit
    import gc
    import os

    from kindred.cli import console
    from kindred.cli.interrupts import hear_every_interrupt

    def command() -> None:
        from kindred.cli.app import branch_of

        branch_of(arguments)(arguments, prog_name="kindred")

    if ANSWERING & set(arguments) and "--all" not in arguments:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # to begin a second one takes a third of NumPy's import
    gc.set_threshold(200_000)  # loaded modules leave no circles, and to look for some takes a twelfth
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some reads every package's metadata
    atexit.register(gc.freeze)  # what goes with the process is not searched for circles: a tenth of a short command
    hear_every_interrupt()
    console.run(command, debug, console.flags_of(arguments))
