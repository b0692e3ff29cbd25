"""`kindred publish`, `rollback`, `recommend`, `similar`: from a run to an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, given_id, settings_of
from kindred.stores import PRODUCTS, encoder_of, graph_to_read, runs_folder_of, vectors_of

if TYPE_CHECKING:
    from kindred.domain.recommendation import Answer
    from kindred.recommenders.products import ProductRecommender
    from kindred.settings import Settings

HowMany = Annotated[int, typer.Option("-k", min=1, max=1000, help="How many products.")]


def publish(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(help="Name of a run; the newest by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a run: its users and products answer from now on, all at once; the version before is kept."""
    from kindred.recommenders.runs import find_run

    settings = settings_of(context)
    found = find_run(runs_folder_of(settings), run)
    from kindred.recommenders.products import publish_products  # only now: it brings PyTorch

    with graph_to_read(settings) as store, vectors_of(settings) as vectors:
        counts = publish_products(found, store, vectors)
    if as_json:
        console.json_result({"published": found.name, "vectors": counts})
    else:
        console.result(f"published {found.name}: " + ", ".join(f"{n:,} {name}" for name, n in counts.items()))


def rollback(context: typer.Context, as_json: AsJson = False) -> None:
    """Publish the version before again."""
    with vectors_of(settings_of(context)) as vectors:
        version = vectors.of(PRODUCTS).rollback()
    if as_json:
        console.json_result({"published": version})
    else:
        console.result(f"published {version}")


@contextmanager
def recommender_of(settings: Settings) -> Iterator[ProductRecommender]:
    """The product recommender on the stores in force."""
    from kindred.recommenders.products import ProductRecommender

    with graph_to_read(settings) as store, vectors_of(settings) as vectors:
        yield ProductRecommender(store, vectors, runs_folder_of(settings), lambda: encoder_of(settings))


def recommend(
    context: typer.Context,
    user: Annotated[
        str | None,
        typer.Option(callback=given_id, help="A user's id; an unknown one is an anonymous user."),
    ] = None,
    reviews: Annotated[
        Path | None, typer.Option(help="Reviews of someone who need not be in the graph; any format `ingest` reads.")
    ] = None,
    k: HowMany = 10,
    diversity: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="0: the best first; towards 1: the less alike, the better.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """What next for this user: the best products not yet reviewed, and why."""
    from kindred.domain.errors import SettingsError
    from kindred.ingest.reviews import read_reviews

    with recommender_of(settings_of(context)) as recommender:
        if user is not None and reviews is None:
            answers = [recommender.recommend(user, k, diversity=diversity)]
        elif reviews is not None and user is None:
            answers = [
                recommender.recommend_for_reviews(written, k, diversity=diversity)
                for written in read_reviews(reviews).values()
            ]
        else:
            raise SettingsError("recommend takes either --user ID or --reviews FILE", "kindred recommend --help")
    _print_answers(answers, as_json)


def similar(
    context: typer.Context,
    product: Annotated[str, typer.Option(callback=given_id, help="A product's id.")],
    k: HowMany = 10,
    as_json: AsJson = False,
) -> None:
    """Products that suit someone who liked this one."""
    with recommender_of(settings_of(context)) as recommender:
        answer = recommender.similar(product, k)
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
        return str(answer.user_id)
    return f"similar to {answer.item_id}" + (f" {answer.title}" if answer.title else "")


_LEVELS = {
    "model": "from the published vectors",
    "inductive": "encoded just now from the reviews: not in the published version",
    "popular": "unknown user: what suits anyone",
}


def answer_text(answer: Answer) -> str:
    """An answer for people: ranks, scores, titles, reasons."""
    lines = [f"{_asked(answer)} ({_LEVELS[answer.level]}, version {answer.version})"]
    for rank, item in enumerate(answer.recommendations, start=1):
        lines.append(f"{rank:3}. {console.figure(item.score):>9}  {item.item_id}  {item.title or '(no title)'}")
        if item.reason is not None:
            lines.append(f"{'':15}{item.reason.text}")
    return "\n".join(lines)
