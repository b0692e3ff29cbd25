"""`kindred explore`: questions people ask, ready to be asked."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.graph import texts_of
from kindred.cli.options import AsJson, settings_of
from kindred.stores import graph_to_read, query_graph

if TYPE_CHECKING:
    from kindred.graph.explore.questions import Column, Parameter, Question

explore_app = typer.Typer(
    help="Ask the graph ready-made questions.", invoke_without_command=True, rich_markup_mode=None
)


@explore_app.callback(epilog="Example: kindred explore run taste_neighbours --param user=U00042")
def list_questions(context: typer.Context, as_json: AsJson = False) -> None:
    """Ask the graph ready-made questions; without a command, lists them."""
    if context.invoked_subcommand is not None:
        return
    from kindred.cli.answer_text import output_width
    from kindred.graph.explore.question_files import read_questions

    questions = read_questions()
    if as_json:
        console.json_result([_described(question) for question in questions])
        return
    rows = [(q.full_name, q.title, ", ".join(_brief(p) for p in q.parameters if p.name != "limit")) for q in questions]
    text = console.table(["name", "question", "parameters"], rows)
    width = output_width()
    if width is not None and max(map(len, text.splitlines())) > width:
        text = "\n".join(
            f"{_folded(f'{name}  {told}'.rstrip(), width)}\n{_folded(f'    {title}', width)}"
            for name, title, told in rows
        )
    console.result(text)
    console.note("ask one with `kindred explore run NAME --param PARAMETER=VALUE`")
    console.note("parameters with = have a default, and every question takes limit, the rows at most")


@explore_app.command("run", epilog="Example: kindred explore run taste_neighbours --param user=U00042")
def run(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of a question, with or without its number.")],
    param: Annotated[list[str] | None, typer.Option(help="PARAMETER=VALUE.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Time allowed; KINDRED_QUERY_SECONDS.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask one question; the graph is only read."""
    from kindred.cli.answer_text import fitted_table
    from kindred.graph.explore.question_files import question_of
    from kindred.graph.explore.questions import missing_types, untimed_events
    from kindred.graph.store import QueryLimits

    question = question_of(name)
    values = question.values(texts_of(param or []))
    limit = values.get("limit")
    rows_at_most = max(1, limit) if isinstance(limit, int) else QueryLimits.rows
    answer = query_graph(settings_of(context), question.text, values, rows_at_most, seconds).to_pylist()
    missing: list[str] = []
    untimed: dict[str, tuple[int, int]] = {}
    if not answer or question.timed:
        with graph_to_read(settings_of(context)) as store:
            missing = [] if answer else missing_types(store, question)
            untimed = untimed_events(store, question)
    for event, (count, of) in untimed.items():
        console.note(f"{count:,} of {of:,} {event} in the graph have no time: this question leaves them out")
    if as_json:
        console.json_result(answer)
        return
    rows = [[_shown(row[column.name], column) for column in question.columns] for row in answer]
    console.result(fitted_table([column.name for column in question.columns], rows))
    if missing:
        console.note(f"no rows: the graph holds nothing of {' or '.join(missing)}")
    elif not answer and not untimed:
        console.note("no rows; `kindred graph stats` says what is there, --param changes what is asked")


@explore_app.command("show", epilog="Example: kindred explore show taste_neighbours")
def show(
    name: Annotated[str, typer.Argument(help="Name of a question, with or without its number.")],
    as_json: AsJson = False,
) -> None:
    """Print the Cypher of a question, and what it takes and answers."""
    from kindred.graph.explore.question_files import question_of

    question = question_of(name)
    if as_json:
        console.json_result(_described(question) | {"cypher": question.text})
    else:
        console.result(question.text.rstrip())


def _described(question: Question) -> dict[str, object]:
    described = {name: value for name, value in asdict(question).items() if name != "text"}
    return described | {"example": question.example}


def _folded(text: str, width: int) -> str:
    return textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False)


def _brief(parameter: Parameter) -> str:
    return parameter.name if parameter.is_required else f"{parameter.name}={parameter.example}"


def _shown(value: object, column: Column) -> object:
    """A value as people read it: days as dates, years without separators."""
    from kindred.graph.explore.questions import ColumnKind

    if column.kind is ColumnKind.DATE and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d")
    return str(value) if column.kind is ColumnKind.YEAR and value is not None else value
