"""Every command: opens the stores, calls one function, prints."""

from __future__ import annotations

from kindred.cli import console
from kindred.cli.app import app


def main() -> None:
    """The command line."""
    console.run(lambda: app(prog_name="kindred"))
