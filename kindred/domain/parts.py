"""Work on many parts of a whole, or together on one thing, by whoever does it: this process, or a cluster."""

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


class Together(Protocol):
    """Does one piece of work in several processes at once, which can average their gradients."""

    def __call__(self, work: Callable[[Shared], None], shared: Shared, waiting: Callable[[], None]) -> None:
        """Returns when all of them are done; where one was lost, all begin again.

        Args:
            work: a function of a module, which other processes find by its name; begun again, it goes on from what it
                kept in a folder that all of them see.
            shared: its argument, the same in all of them.
            waiting: called about once a second.
        """
        ...


def in_turn(work: Callable[[Shared, Part], Result], shared: Shared, parts: Iterable[Part]) -> Iterator[Result]:
    """The `PartMap` of one process: one part after the other."""
    for part in parts:
        yield work(shared, part)
