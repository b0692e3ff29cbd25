"""A request as the pipeline of a recommender sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kindred.domain.embeddings import Vectors
from kindred.domain.recommendation import Request
from kindred.recommenders.askers import Asker
from kindred.recommenders.opened import Version


@dataclass(frozen=True)
class Asked:
    """A request as the pipeline sees it.

    Attributes:
        request: what was asked.
        version: what answers.
        vector: the row to search with, `[width]`.
        excluded: items that may not be in the answer, with the reason.
        asker: who asks, for a ranker; None where retrieval alone ranks.
        numbers: of the items, those that the request bounds: name → item → value.
    """

    request: Request
    version: Version
    vector: Vectors
    excluded: Mapping[str, str]
    asker: Asker | None = None
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def has_conditions(self) -> bool:
        """Whether not every item will do."""
        return bool(self.request.where or self.request.bounds)
