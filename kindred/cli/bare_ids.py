"""`kindred recommend U00042`: an id without its option is answered with the command that was meant."""

from __future__ import annotations

import shlex

import typer

from kindred.cli.many_files import ManyFilesCommand


class AskingCommand(ManyFilesCommand):
    """A command without arguments that is asked about somebody by `--user`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override] # its click is private
        ctx.allow_extra_args = True
        bare = super().parse_args(ctx, args)
        if bare:
            given = shlex.join(bare)
            meant = f"--user {given}" if len(bare) == 1 else "--users FILE"
            ctx.fail(f"Got unexpected extra arguments ({given}); did you mean {meant}?")
        return bare
