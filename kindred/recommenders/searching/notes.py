"""What to know of an answer to searches, in words: how they were read, what is missing, and why nothing is left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kindred.domain.recommendation import Answer, Request
from kindred.domain.shown import counted, shortened
from kindred.recommenders.searching.asked_searches import Searches
from kindred.recommenders.searching.run import Release

LONGEST_QUERY = 60
"""Characters of a query in a note or reason."""
_STALE = "the graph can't be read: searches and orders as they were when it was read last"


def nothing_left(request: Request, release: Release) -> str:
    """Why an answer is empty, in words: the first condition that no product at all meets, else that none is left."""
    for name in request.bounds:
        if not np.isfinite(release.products.numbers.get(name, ())).any():
            return f"no product has a {name}"
    known = set(release.products.group_names)
    unmet = (f"no product is of {label} {of}" for label, of in request.where.items() if f"{label} {of}" not in known)
    return next(unmet, "no product is left that fits what was asked for")


def note_of(searches: Searches, found: int, request: Request, release: Release) -> str:
    """What to know of an answer with so many products: how queries were read, and what is missing."""
    read = {text: release.model.index.meant(text) for text in searches.texts}
    mended = [(shortened(t, LONGEST_QUERY), shortened(m, LONGEST_QUERY)) for t, m in read.items() if m != t]
    notes = [f"“{text}” is read as “{meant}”" for text, meant in mended]
    if searches.num_filtered:
        notes.append(f"left out for want of words: {counted(searches.num_filtered, 'query', 'queries')}")
    if not found:
        notes.append(nothing_left(request, release))
    elif found < request.k:
        notes.append(f"no more than {counted(found, 'product fits', 'products fit')} what was asked for")
    return "; ".join(notes)


def told_stale(answer: Answer, is_stale: bool) -> Answer:
    """The answer, which says so where the graph could not be read for it."""
    return replace(answer, degraded=True, note="; ".join(filter(None, [answer.note, _STALE]))) if is_stale else answer
