"""Work on many parts of a whole, by whoever does it: this process, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Shared = TypeVar("Shared")
Part = TypeVar("Part")
Result = TypeVar("Result")


class PartMap(Protocol):
    """Does one piece of work for each part."""

    def __call__(
        self, work: Callable[[Shared, Part], Result], shared: Shared, parts: Iterable[Part]
    ) -> Iterator[Result]:
        """The result of each part, in the order of the parts.

        Args:
            work: a function of a module, which other processes find by its name; of equal arguments it makes equal
                results, so it may be done again where a process was lost.
            shared: what every part needs; sent once.
            parts: one call of `work` each.
        """
        ...


def in_turn(work: Callable[[Shared, Part], Result], shared: Shared, parts: Iterable[Part]) -> Iterator[Result]:
    """The `PartMap` of one process: one part after the other."""
    for part in parts:
        yield work(shared, part)
