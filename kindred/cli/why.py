"""`kindred why`: the evidence that an item's score rests on, for one user."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, SystemName, given_id, settings_of
from kindred.steps import recommender_of

if TYPE_CHECKING:
    from kindred.domain.explanation import Explanation, Standing


def why(
    context: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", callback=given_id, help="A user's id.")],
    item: Annotated[str, typer.Argument(metavar="ITEM", callback=given_id, help="An item's id.")],
    system: SystemName = "products",
    as_json: AsJson = False,
) -> None:
    """Why this item for this user: up to three paths of evidence, and where the item stands without each."""
    with recommender_of(settings_of(context), system) as recommender:
        found = recommender.why(user, item)
    if as_json:
        console.json_result(asdict(found))
    else:
        console.result(why_text(found))


def why_text(found: Explanation) -> str:
    """An explanation for people."""
    from kindred.domain.explanation import CAVEAT

    lines = [f"{console.named(found.item_id, found.title)} for {found.user_id} (version {found.version})"]
    if found.standing is not None:
        lines.append(f"now {_standing(found.standing)}")
    for number, path in enumerate(found.paths, start=1):
        lines.append(f"{number:2}. {console.one_line(path.text)}")
        lines += [
            f"    {quote.user_id} of {quote.item_id}: “{console.one_line(quote.sentence)}”" for quote in path.quotes
        ]
        share = f"{path.contribution:.0%} of what speaks for it"
        lines.append(f"    {share}; without it {_standing(path.without)}")
    if found.without_all is not None and len(found.paths) > 1:
        lines.append(f"without any of them {_standing(found.without_all)}")
    lines.append(found.note or CAVEAT)
    return "\n".join(lines)


def _standing(standing: Standing) -> str:
    from kindred.domain.shown import score_text

    rank = "not among the first 100" if standing.rank is None else f"rank {standing.rank}"
    return f"{rank}, score {score_text(standing.score)}"
