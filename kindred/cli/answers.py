"""`kindred publish`, `rollback`, `recommend`, `similar`: from a run to an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, given_id, settings_of, with_groups
from kindred.domain.shown import counted, score_text
from kindred.steps import publish_run, recommender_of, write_answers_to_all
from kindred.stores import runs_folder_of, vectors_of

if TYPE_CHECKING:
    from kindred.domain.recommendation import Answer, Bounds, Request
    from kindred.recommenders.publishing import Published
    from kindred.recommenders.systems import SystemModule

HowMany = Annotated[int, typer.Option("-k", min=1, max=1000, help="How many items.")]


def publish(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(help="Name of a run; by default the newest of the system's own model, else of a baseline."),
    ] = None,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Publish a run: its users and items answer from now on, all at once; the version before is kept."""
    from kindred.recommenders.runs import find_run, finished_runs, run_summary
    from kindred.recommenders.systems import find_system

    settings = settings_of(context)
    module = find_system(system)
    found = find_run(runs_folder_of(settings, system), run)
    from kindred.recommenders.releases import run_of  # only now: it brings NumPy

    done = publish_run(settings, found)
    if as_json:
        console.json_result({**asdict(done), "published": done.version, "vectors": done.counts})
        return
    console.result(f"published {done.version} of {system}: {run_summary(found)}")
    console.result(published_text(module, done))
    if done.replaced is not None:
        runs = {known.name: known for known in finished_runs(runs_folder_of(settings, system))}
        before = runs.get(run_of(done.replaced))
        console.result(f"in place of {done.replaced}" + (f": {run_summary(before)}" if before else ""))


def published_text(module: SystemModule, done: Published) -> str:
    """What a published version holds, for people."""
    if done.summary:
        return done.summary

    words = module.system.words
    items = counted(done.counts["items"], words.item, words.items)
    text = f"{counted(done.counts['users'], words.user, words.users)}, {items}"
    if done.encoded:
        users = counted(done.encoded, words.user, words.users)
        text += f"; {users} encoded anew, who came or did something since the training"
    if done.new_items:
        text += f"; {counted(done.new_items, f'new {words.item}', f'new {words.items}')} placed"
    return text


def rollback(context: typer.Context, system: SystemName = "products", as_json: AsJson = False) -> None:
    """Publish the version before again."""
    from kindred.domain.errors import ArtifactError
    from kindred.recommenders.systems import find_system

    find_system(system)
    with vectors_of(settings_of(context)) as vectors:
        here = vectors.of(system)
        if here.previous() is None:
            raise ArtifactError(f"no earlier version of {system} to go back to", "see `kindred runs`")
        version = here.rollback()
    if as_json:
        console.json_result({"system": system, "published": version})
    else:
        console.result(f"published {version} of {system}")


@dataclass(frozen=True)
class Asker:
    """Options that say who asks, of which one is given."""

    user: Annotated[
        str | None, typer.Option(callback=given_id, help="A user's id; an unknown one gets what is popular.")
    ] = None
    users: Annotated[
        str | None, typer.Option(metavar="FILE", help="Ids of users: one a line, or a table with such a column.")
    ] = None
    reviews: Annotated[
        str | None,
        typer.Option(
            "--reviews",
            "--events",
            metavar="FILE",
            help="What somebody did who need not be in the graph: reviews, or a table of `ingest interactions`.",
        ),
    ] = None
    queries: Annotated[
        list[str] | None, typer.Option(help="What someone searched for, the latest last; for --system queries.")
    ] = None


@with_groups
def recommend(
    context: typer.Context,
    asker: Asker,
    everyone: Annotated[bool, typer.Option("--all", help="Every user of the graph, into --out.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="PATH", help="For --all: a .parquet file, JSON lines, or a folder of parts of both."
        ),
    ] = None,
    at_most: Annotated[
        list[str] | None, typer.Option(metavar="LABEL=N", help="So many of one, e.g. --at-most artist=2.")
    ] = None,
    k: HowMany = 10,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Only these: LABEL=NAME, NUMBER<=N, e.g. category=Guitars, 'price<=20', in_stock=yes.",
        ),
    ] = None,
    diversity: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="0: the best first; towards 1: the less alike, the better.")
    ] = 0.0,
    no_reasons: Annotated[bool, typer.Option("--no-reasons", help="Do not look for reasons.")] = False,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """What next for this user: the best items that they have not had yet, and why."""
    from kindred.domain.recommendation import Request

    most = _at_most(at_most or ())
    _check_beside_all(context)
    if everyone:
        _write_everyone(context, system, k, most, out, as_json)
        return
    _check_one(asker)
    conditions, bounds = _conditions(where or (), system)
    request = Request(k=k, where=conditions, bounds=bounds, at_most=most, diversity=diversity, reasons=not no_reasons)
    with recommender_of(settings_of(context), system) as recommender:
        answers = [recommender(asked) for asked in _requests(request, asker, system)]
    _print_answers(answers, as_json)


_BESIDE_ALL = {"everyone", "out", "at_most", "k", "system", "as_json"}


def _check_beside_all(context: typer.Context) -> None:
    """Checks that no option is given which the answer would not go by. Raises: SettingsError."""
    from kindred.domain.errors import SettingsError

    given = {p for p in context.params if getattr(context.get_parameter_source(p), "name", "") == "COMMANDLINE"}
    if "everyone" not in given and "out" in given:
        raise SettingsError("--out is for --all", "redirect what is printed, or add --all")
    if "everyone" in given and (others := sorted(given - _BESIDE_ALL)):
        option = others[0].replace("_", "-")
        raise SettingsError(f"--all does not go by --{option}", "it takes -k, --at-most and --out")


def _write_everyone(
    context: typer.Context, system: str, k: int, at_most: dict[str, int], out: Path | None, as_json: bool
) -> None:
    """Writes the best items of every user."""
    from kindred.domain.errors import SettingsError

    if out is None:
        raise SettingsError(
            "--all writes to a file",
            "add --out top.parquet, --out top.jsonl, or --out FOLDER, which goes on where it was interrupted",
        )
    with console.Bars() as bars:
        count = write_answers_to_all(settings_of(context), system, out, k, at_most, bars)
    if as_json:
        console.json_result({"users": count, "file": out})
    else:
        console.result(f"{counted(count, 'user', 'users')}: {out}")


def _check_one(asker: Asker) -> None:
    """Checks that one of the options is given. Raises: SettingsError."""
    from kindred.domain.errors import SettingsError

    if sum(given is not None for given in (asker.user, asker.users, asker.reviews, asker.queries)) != 1:
        raise SettingsError(
            "recommend takes --user ID, --users FILE, --events FILE or --queries TEXT", "kindred recommend --help"
        )


def _requests(request: Request, asker: Asker, system: str) -> list[Request]:
    """One request a user."""
    if asker.reviews is not None:
        from kindred.ingest.bytes.streams import kept_streams
        from kindred.ingest.reviews import read_events
        from kindred.recommenders.systems import find_system

        with kept_streams([asker.reviews]) as kept:
            of_users = read_events(kept.files[0], find_system(system).system.target)
        return [replace(request, events=events) for events in of_users.values()]
    if asker.users is None:
        return [replace(request, user_id=asker.user, queries=tuple(asker.queries or ()))]
    from kindred.ingest.tables.user_lists import read_users

    return [replace(request, user_id=one) for one in read_users(asker.users)]


def _at_most(given: Sequence[str]) -> dict[str, int]:
    from kindred.domain.errors import SettingsError

    pairs = [condition.partition("=") for condition in given]
    if any(not name or not count.isdecimal() or int(count) < 1 for name, _, count in pairs):
        raise SettingsError(f"--at-most takes LABEL=N, got {' '.join(given)!r}", "e.g. --at-most artist=2")
    return {label.lower(): int(count) for label, _, count in pairs}


def _conditions(given: Sequence[str], system: str) -> tuple[dict[str, str], dict[str, Bounds]]:
    """The nodes that items must lead to, by label, and the bounds of their numbers, by property."""
    from kindred.recommenders.answering.conditions import conditions_of
    from kindred.recommenders.systems import find_system

    return conditions_of(find_system(system).system, given)


def similar(
    context: typer.Context,
    item: Annotated[str, typer.Option("--item", "--product", callback=given_id, help="An item's id.")],
    k: HowMany = 10,
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Items that suit someone who liked this one."""
    with recommender_of(settings_of(context), system) as recommender:
        answer = recommender.similar(item, k)
    _print_answers([answer], as_json)


def _print_answers(answers: list[Answer], as_json: bool) -> None:
    if as_json:
        found = [asdict(answer) for answer in answers]
        console.json_result(found[0] if len(found) == 1 else found)
    else:
        console.result("\n\n".join(answer_text(answer) for answer in answers))


def _asked(answer: Answer) -> str:
    """Whom or what the answer is for."""
    if answer.item_id is None:
        return answer.user_id or "anonymous user"
    return f"similar to {answer.item_id}" + (f" {console.one_line(answer.title)}" if answer.title else "")


def answer_text(answer: Answer) -> str:
    """An answer for people: ranks, scores, titles, reasons."""
    from kindred.recommenders.systems import find_system

    rests_on = find_system(answer.system).system.rests_on(answer.level)
    lines = [f"{_asked(answer)} ({rests_on}, version {answer.version})"]
    for rank, item in enumerate(answer.recommendations, start=1):
        mark = "  [new]" if item.source == "new" else ""
        name = console.named(item.item_id, item.title)
        lines.append(f"{rank:3}. {score_text(item.score):>9}  {name}{mark}")
        if item.reason is not None:
            lines.append(f"{'':15}{console.one_line(item.reason.text)}")
    if answer.note:
        lines.append(answer.note)
    return "\n".join(lines)
