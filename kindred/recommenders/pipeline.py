"""How an answer is put together: sources → filters → scorers → selection, each a plain callable.

A system is a `Pipeline` value; nothing here knows what a user or an item is. Candidates that a filter takes out are
kept with the reason, so that "why is it not there?" has an answer too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from kindred.domain.recommendation import Candidate

Request = TypeVar("Request")

Source = Callable[[Request], Sequence[Candidate]]
Filter = Callable[[Request, Candidate], str | None]
"""The reason to remove a candidate, None to keep it."""
Scorer = Callable[[Request, Sequence[Candidate]], Sequence[float]]
"""What to add to each candidate's score."""
Selector = Callable[[Request, Sequence[Candidate]], Sequence[Candidate]]
"""The final choice and order."""


@dataclass(frozen=True)
class Selection:
    """Chosen candidates, best first, and those removed with the reason of the filter that did it."""

    chosen: tuple[Candidate, ...]
    removed: dict[str, str]


@dataclass(frozen=True)
class Pipeline(Generic[Request]):
    """The stages of one system, in the order they run."""

    sources: tuple[Source[Request], ...]
    filters: tuple[Filter[Request], ...]
    scorers: tuple[Scorer[Request], ...]
    select: Selector[Request]

    def run(self, request: Request) -> Selection:
        """Candidates of all sources (the best score of each item), filtered, scored, selected."""
        best: dict[str, Candidate] = {}
        for candidate in (c for source in self.sources for c in source(request)):
            known = best.get(candidate.item_id)
            if known is None or candidate.score > known.score:
                best[candidate.item_id] = candidate
        kept, removed = self._filtered(request, list(best.values()))
        for scorer in self.scorers:
            added = scorer(request, kept)
            kept = [replace(c, score=c.score + extra) for c, extra in zip(kept, added, strict=True)]
        return Selection(tuple(self.select(request, kept)), removed)

    def _filtered(self, request: Request, candidates: Sequence[Candidate]) -> tuple[list[Candidate], dict[str, str]]:
        kept: list[Candidate] = []
        removed: dict[str, str] = {}
        for candidate in candidates:
            reason = next((r for f in self.filters if (r := f(request, candidate)) is not None), None)
            if reason is None:
                kept.append(candidate)
            else:
                removed[candidate.item_id] = reason
        return kept, removed


def best_first(candidates: Sequence[Candidate], k: int) -> list[Candidate]:
    """The k best, ties by id, so that equal scores come out the same everywhere."""
    return sorted(candidates, key=lambda c: (-c.score, c.item_id))[:k]
