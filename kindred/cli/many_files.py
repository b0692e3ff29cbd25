"""Options that take several values at once: `--clicks a.csv b.csv`, as a shell makes it of `--clicks *.csv`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer
from typer.core import TyperCommand, TyperOption

FILES = "FILE…"
SEVERAL = "Several may follow one another; a folder, a pattern or - (standard input) will do."


class ManyFilesCommand(TyperCommand):
    """A command whose repeatable options take every value that follows, up to the next option."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # its click is private
        names = {
            name
            for parameter in self.params
            if isinstance(parameter, TyperOption) and parameter.multiple
            for name in parameter.opts
        }
        return super().parse_args(ctx, list(repeated(args, names)))


def repeated(args: Sequence[str], names: set[str]) -> Iterator[str]:
    """The arguments with the option repeated before each further value."""
    option, num_values = "", 0
    for arg in args:
        if arg.startswith("-") and arg != "-":
            option, num_values = (arg if arg in names else ""), 0
        elif option:
            if num_values:
                yield option
            num_values += 1
        yield arg
