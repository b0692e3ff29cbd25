"""Commands that read files: told at once where one is not there, and several behind one option, as of `*.csv`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import typer
from typer.core import TyperCommand, TyperOption

FILES, FILE_ARGUMENTS = "FILE…", "FILE..."
"""Metavars of options and of arguments that name files; a folder, a pattern or - will do."""
SEVERAL = "Several may follow one another; a folder, a pattern or - (standard input) will do."


class FilesCommand(TyperCommand):
    """A command that begins once its files are there: what reads them takes longer to import than they to be missed."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override] # its click is private
        named = [parameter.name for parameter in self.params if parameter.metavar in (FILES, FILE_ARGUMENTS)]
        if files := [file for name in named for file in ctx.params.get(name or "") or ()]:
            from kindred.ingest.bytes.paths import check_files_there

            check_files_there(files)
        return super().invoke(ctx)


class ManyFilesCommand(FilesCommand):
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
