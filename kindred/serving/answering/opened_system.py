"""A system as the service holds it: its recommender, what is known in memory, and which version answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import ArtifactError, RecordError, StoreError
from kindred.domain.explanation import Explanation
from kindred.domain.recommendation import Request
from kindred.recommenders.answering.known import left_out
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.recommends import AnswersTogether, HoldsGraph, ListsWhatIsThere, Recommends
from kindred.recommenders.releases import run_of
from kindred.recommenders.runs import read_manifest
from kindred.recommenders.systems import SystemModule
from kindred.serving.answering.ladder import FAILURES, Ladder
from kindred.serving.answering.together import Together
from kindred.serving.http.problems import UnknownError
from kindred.serving.state.graph_door import GraphDoor
from kindred.serving.state.graph_fit import misfit
from kindred.serving.state.memory import Memory
from kindred.serving.state.past import Past
from kindred.vectorstore.store import VectorStore

_LOG = logging.getLogger("kindred.serving")
RETRY_SECONDS = 10.0
"""A version that could not be taken is tried again after this time."""
_SOON = "it came after that version and is not placed yet: ask again in some seconds; it needs a text or an event"
_SOMEBODY = ""
"""Stands for who is unknown: no id is empty."""
_READING_SHARE = 0.1
"""Share of the time that may go into reading the graph again because of writes."""
_LEAST_SETTLED, _SETTLED_SHARE = 50_000, 0.1
"""Writes after which memory reads the past again, and their share in it: an event that came since takes some 2 KB, one
of the past a fiftieth."""


@dataclass
class _Reading:
    """What is read of the graph again and again.

    Attributes:
        num_applied: how many writes of the system the graph had taken when it was read last.
        not_before: when it may be read next, monotonic seconds.
    """

    num_applied: int = 0
    not_before: float = 0.0

    def read(self, what: Callable[[], None], num_applied: int) -> None:
        """Reads, in a tenth of the time at most; a graph that is being written is read the next time."""
        if time.monotonic() < self.not_before:
            return
        began = time.monotonic()
        with suppress(*FAILURES):
            what()
            self.num_applied = num_applied
        ended = time.monotonic()
        self.not_before = ended + (ended - began) / _READING_SHARE


@dataclass
class OpenedSystem:
    """One system of the service.

    Attributes:
        name: of the system.
        module: its declaration and functions.
        recommender: what answers.
        memory: what is known beside the published version.
        ladder: the recommender, and what answers where it can't.
        together: the same for quick requests, those that wait at the same time in one batch.
        vectors: where versions are published.
        runs_folder: where the runs of the system are.
        version: what answers now.
        problem: why a newer version was not taken; None where the published one answers.
        misfit: why the graph is not the one that the version was made from; None where nothing says so.
        since: when the version was taken, monotonic seconds.
    """

    name: str
    module: SystemModule
    recommender: Recommends
    memory: Memory
    vectors: VectorStore
    runs_folder: Path
    version: str
    problem: str | None = None
    misfit: str | None = None
    since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._refused: str | None = None
        self._again_at = 0.0
        self._by_answers, self._by_memory = _Reading(), _Reading()
        self._leaving: set[str] = set()
        self._left_graph: set[str] = set()
        self.ladder = Ladder(
            self.recommender, self.memory, lambda: self.version, self.memory.graph_problem, self.as_stranger
        )
        self.together = Together(self.ladder)
        self._compare(self.memory.past)
        self._note_listed()

    def _note_listed(self) -> None:
        """Tells memory what the version lists, so that what was deleted before it was read is in no answer."""
        if isinstance(self.recommender, ListsWhatIsThere):
            self.memory.note_listed(*self.recommender.listed(), self._leaving)

    def _compare(self, past: Past) -> None:
        """Compares what the graph holds with what the version was made from."""
        try:
            made_of = read_manifest(self.runs_folder / run_of(self.version))
        except ArtifactError:  # the run was removed since
            made_of = {}
        before, self.misfit = self.misfit, misfit(self.module, self.version, made_of, past, self.vectors.of(self.name))
        if self.misfit not in (None, before):
            _LOG.warning("system %s: the graph is not the one of its version: %s", self.name, self.misfit)
        elif before is not None and self.misfit is None:
            _LOG.warning("system %s: the graph is the one of its version again", self.name)

    def look_at_graph(self) -> None:
        """Compares again where the graph seems to have been replaced, or was not the one of the version.

        While it is an empty or another one, what is in memory stays: answers know what users did.
        """
        if self.misfit is not None or not self.memory.seems_of_graph():
            self._read_past()

    def _read_past(self) -> None:
        """Reads what the graph holds into memory where it is the graph of the version."""
        past = self.memory.read()
        self._compare(past)
        if self.misfit is None:
            self.memory.reload(past)
            self._note_listed()

    def why(self, user_id: str, item_id: str, at: int | None = None) -> Explanation:
        """The evidence for an item; its note says where the graph could not be asked for words of users.

        Raises:
            UnknownError: the version has no such item.
        """
        began, asker = time.monotonic(), _SOMEBODY if self.is_leaving(user_id) else user_id
        try:
            found = replace(self.recommender.why(asker, item_id, at), user_id=user_id)
        except RecordError as error:
            raise self.not_there(item_id, error) from error
        if found.note or self.memory.graph_problem(began) is None:
            return found
        return replace(found, note="the graph can't be read: without the words of users")

    def not_there(self, item_id: str, error: RecordError) -> UnknownError:
        """The error of an item that the version has not, which says where it will have it soon."""
        is_placed_soon = self.module.takes == "events" and self.memory.knows_item(item_id)
        return UnknownError(error.message, _SOON if is_placed_soon else error.next_step)

    def forget_user(self, user_id: str) -> None:
        """As if they had never been there: nothing of them is in memory."""
        self.memory.forget_user(user_id)
        self.ladder.forget_user(user_id)
        if not isinstance(self.recommender, AnswersTogether):  # it goes by the graph, which holds them a little longer
            self._leaving.add(user_id)

    def user_left_graph(self, user_id: str) -> None:
        """The graph holds a deleted user no more; what was read of it before may."""
        if isinstance(self.recommender, HoldsGraph):
            self._left_graph.add(user_id)
        else:
            self._leaving.discard(user_id)

    @property
    def leaving(self) -> Collection[str]:
        """Deleted users whom what answers may still know."""
        return frozenset(self._leaving)

    def is_leaving(self, user_id: str) -> bool:
        """Whether a user was deleted whom what answers may still know; no answer tells of them."""
        return user_id in self._leaving

    def as_stranger(self, request: Request) -> Request | None:
        """The request of a deleted user, whom what answers still knows, as one of somebody unknown; None for others."""
        user_id = request.user_id
        if user_id is None or not self.is_leaving(user_id):
            return None
        return replace(request, user_id=None, exclude=frozenset(left_out(self.memory, request)))

    def catch_up(self, num_applied: int) -> None:
        """Has what answers by the graph read it again after writes, and memory after many.

        Args:
            num_applied: how many writes of the system the graph took since the service began.
        """
        answers = self.recommender
        if isinstance(answers, HoldsGraph) and (num_applied != self._by_answers.num_applied or answers.is_behind()):
            self._by_answers.read(partial(self._read_for, answers), num_applied)
        most = max(_LEAST_SETTLED, _SETTLED_SHARE * len(self.memory.past.at))
        if num_applied - self._by_memory.num_applied >= most:
            self._by_memory.read(self._read_past, num_applied)

    def _read_for(self, recommender: HoldsGraph) -> None:
        """Has the recommender read the graph again, which then knows the users no more who left it before."""
        gone = set(self._left_graph)
        recommender.read_again()
        self._leaving -= gone
        self._left_graph -= gone

    def follow(self, num_applied: int) -> bool:
        """Takes over a newly published version, whole; whether there was one. What answered before goes on if it fails.

        Loads and warms everything before the switch, which is the change of one reference: an answer is wholly of one
        version or of the other.

        Args:
            num_applied: as in `catch_up`; memory, which is read here, holds them.
        """
        try:
            published = self.vectors.of(self.name).published()
            if published is None or published == self.version:
                self.problem = self._refused = None
                return False
            if published == self._refused and time.monotonic() < self._again_at:
                return False
            self._refused, self._again_at = published, time.monotonic() + RETRY_SECONDS
            self._check_whole(published)
            with suppress(StoreError):  # a graph that is being written is read at the next switch
                self.memory.reload()
                self._by_memory.num_applied = num_applied
            self.version = self.recommender.refresh()
            self._compare(self.memory.past)
            self._note_listed()
        except FAILURES as error:
            self.problem = str(error)
            return False
        self.problem, self.since = None, time.monotonic()
        return True

    def _check_whole(self, version: str) -> None:
        """Raises ArtifactError where a version is damaged, in what only some answers would read too."""
        if damage := self.vectors.of(self.name).damage(version):
            raise ArtifactError(f"version {version} is damaged: {damage}", "publish the run again: see `kindred runs`")


def open_system(
    module: SystemModule,
    vectors: VectorStore,
    runs_folder: Path,
    graph: GraphDoor,
    encoder: Callable[[], TextEncoder],
) -> OpenedSystem:
    """A system, ready to answer. Raises: ArtifactError where nothing of it is published."""
    memory = Memory(module.system, graph, encoder)
    recommender = module.open_recommender(Opened(None, vectors, runs_folder, encoder, memory, graph.read))
    version = recommender.refresh()
    return OpenedSystem(module.system.name, module, recommender, memory, vectors, runs_folder, version)
