"""What answers for a system, and what some of these can do besides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from kindred.domain.embeddings import Embeddings
    from kindred.domain.explanation import Explanation
    from kindred.domain.recommendation import Answer, Request


class Recommends(Protocol):
    """What answers: requests, and what is similar to an item."""

    def __call__(self, request: Request) -> Answer:
        """The answer to a request."""

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """The items most similar to one."""

    def why(self, user_id: str, item_id: str, at: int | None = None) -> Explanation:
        """Why this item for this user."""

    def example_users(self, count: int) -> list[str]:
        """Ids of users to show something with."""

    def refresh(self) -> str:
        """Takes the published version, whole, before the next answer, and keeps it until called again; its name."""

    def is_quick(self, request: Request) -> bool:
        """Whether an answer takes about a millisecond: nothing is to be encoded, loaded or read from the graph."""

    def in_memory(self) -> Recommends:
        """The same without the vector engine, from what is in memory."""


@runtime_checkable
class AnswersTogether(Protocol):
    """A recommender that keeps what it knows of who asked, and answers several at once for less than one by one."""

    def together(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers to requests that are quick, each as it is alone."""

    def forget_user(self, user_id: str) -> None:
        """Drops what is kept of a user."""


@runtime_checkable
class ListsEveryone(Protocol):
    """A recommender that can list the best items of every user at once."""

    def everyone(self, k: int) -> Iterator[tuple[str, list[str], list[float]]]:
        """Each user with the k best items, best first, and their scores."""


@runtime_checkable
class ListsWhatIsThere(Protocol):
    """A recommender whose version lists items and users that may be deleted since it was published."""

    def listed(self) -> tuple[Collection[str], Collection[str]]:
        """Ids of the items and of the users that the version in force lists; no users where it lists none."""


@runtime_checkable
class HoldsGraph(Protocol):
    """A recommender that answers from what it read of the graph when it took its version."""

    def read_again(self) -> None:
        """Takes what the graph holds now; the version stays."""

    def is_behind(self) -> bool:
        """Whether an answer found the graph to hold something else, and had to read it."""


@runtime_checkable
class KnowsSearches(Protocol):
    """A recommender that goes by what users searched for."""

    def searched(self, user_id: str) -> tuple[str, ...]:
        """The latest different searches of a user, the latest first."""


@runtime_checkable
class MapsItems(Protocol):
    """A recommender whose items have vectors of their own, which no search of the vector engine goes by."""

    def item_rows(self) -> Embeddings:
        """A vector for each item of the version in force, near those of items that it is like."""
