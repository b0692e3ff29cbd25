"""How an answer is put together: sources → filters → scorer → selection, each a plain callable.

Sources are tried in order until enough candidates are left, so the later ones are fallbacks. A scorer replaces the
scores of the first source: two stages, retrieval and ranking. Nothing here knows what a user or an item is. Candidates
that a filter takes out are kept with the reason, so that "why is it not there?" has an answer too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Generic, TypeVar

from kindred.domain.recommendation import Candidate

Asked = TypeVar("Asked")

Filter = Callable[[Asked, Sequence[Candidate]], Mapping[str, str]]
"""The items to remove of these candidates, each with the reason."""
Scorer = Callable[[Asked, Sequence[Candidate]], Sequence[float]]
"""New scores of candidates, the best highest; they take the place of those of retrieval."""
Selector = Callable[[Asked, Sequence[Candidate], int], Sequence[Candidate]]
"""The final choice of so many candidates, and their order."""


@dataclass(frozen=True)
class Source(Generic[Asked]):
    """Where candidates come from.

    Attributes:
        name: told to the user with each item.
        find: at least so many candidates as are asked for, fewer only where there are no more; those that a filter
            will remove may be among them beyond that number.
    """

    name: str
    find: Callable[[Asked, int], Sequence[Candidate]]


@dataclass(frozen=True)
class Selection:
    """What was chosen.

    Attributes:
        chosen: candidates, best first, those of fallbacks after those of the sources before.
        sources: item → name of its source.
        removed: candidates that a filter took out, item → its reason.
    """

    chosen: tuple[Candidate, ...]
    sources: dict[str, str]
    removed: dict[str, str]


@dataclass(frozen=True)
class Pipeline(Generic[Asked]):
    """The stages of one system, in the order they run."""

    sources: tuple[Source[Asked], ...]
    filters: tuple[Filter[Asked], ...]
    select: Selector[Asked]
    scorer: Scorer[Asked] | None = None

    def run(self, asked: Asked, k: int) -> Selection:
        """The k best candidates, fewer only where all sources together have no more."""
        chosen: list[Candidate] = []
        sources: dict[str, str] = {}
        removed: dict[str, str] = {}
        for number, source in enumerate(self.sources):
            if len(chosen) >= k:
                break
            found = source.find(asked, k)
            if number:
                found = [c for c in found if c.item_id not in sources and c.item_id not in removed]
            kept = self._filtered(asked, found, removed)
            if number == 0 and self.scorer is not None:
                kept = list(starmap(Candidate, zip([c.item_id for c in kept], self.scorer(asked, kept), strict=True)))
            added = self.select(asked, kept, k - len(chosen))
            sources |= {candidate.item_id: source.name for candidate in added}
            chosen += added
        return Selection(tuple(chosen), sources, removed)

    def _filtered(self, asked: Asked, found: Sequence[Candidate], removed: dict[str, str]) -> Sequence[Candidate]:
        """The candidates that no filter removes; the others are added to `removed`, with the first filter's reason."""
        for items_to_remove in self.filters:
            if refused := items_to_remove(asked, found):
                removed |= refused
                found = [candidate for candidate in found if candidate.item_id not in refused]
        return found
