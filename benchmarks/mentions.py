"""The aspects that a generated text speaks of: what its writer knew, for figures of what is planted in the sample."""

from __future__ import annotations

import re
from functools import cache

from kindred.ingest.generate.aspects import ASPECTS, expand


def mentions(text: str) -> list[tuple[int, bool]]:
    """Positions of the aspects that the text speaks of, and whether it praises each."""
    meanings = _meanings()
    return [meanings[sentence] for sentence in re.split(r"(?<=[.!?]) ", text) if sentence in meanings]


@cache
def _meanings() -> dict[str, tuple[int, bool]]:
    return {
        sentence: (position, is_praise)
        for position, aspect in enumerate(ASPECTS)
        for is_praise, templates in ((False, aspect.fault), (True, aspect.praise))
        for template in templates
        for sentence in expand(template)
    }
