"""The service: stores and systems held open, and answers to requests within their time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from threading import Barrier
from typing import TypeVar

from kindred.domain.deadline import deadline, late
from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import ArtifactError, KindredError, LateError, SchemaError, SettingsError, StoreError
from kindred.domain.experiments import Arm
from kindred.domain.recommendation import Answer, Request
from kindred.graph.open import is_server
from kindred.ingest.loading.load import check_reader
from kindred.recommenders.systems import SYSTEMS, find_system
from kindred.serving.ab_tests.experiments import Experiments
from kindred.serving.answering.ladder import TOO_LATE
from kindred.serving.answering.opened_system import OpenedSystem, open_system
from kindred.serving.answering.sampled_recall import SampledRecall
from kindred.serving.http.problems import EncoderError, OverloadedError, UnknownError
from kindred.serving.state.graph_door import RETRY_SECONDS, GraphDoor
from kindred.serving.telemetry.metrics import Metrics
from kindred.serving.telemetry.spans import open_spans
from kindred.serving.writes.live import Live
from kindred.settings import Settings
from kindred.stores import encoder_of, open_graph_reader, open_graph_writer, runs_folder_of, vectors_of
from kindred.vectorstore.store import VectorStore

Result = TypeVar("Result")
_LOG = logging.getLogger("kindred.serving")
NUM_THREADS = 16
"""Most of them wait: for the graph, or to be encoded together."""
LOOK_SECONDS = 2.0
"""A graph server that is well answers much sooner."""
MOST_WAITING = 64
"""Answers that may wait for a thread; more are refused at once."""


class Service:
    """What the routes ask.

    Attributes:
        settings: in force.
        systems: those of which a version is published, by name.
        graph: the graph, to read and to write.
        vectors: where versions are published.
        live: what was written to the service.
        metrics: what Prometheus reads.
        experiments: A/B tests, None where none is declared.
        spans: of requests and their stages, for OpenTelemetry.
        texts_problem: why texts can't be encoded; None where nothing is wrong.
        writes_problem: why what was written waits in the journal; None where nothing is wrong.
        graph_seen: why the graph could not be read when it was last looked at; None where nothing was wrong.
    """

    def __init__(self, settings: Settings, graph: GraphDoor, vectors: VectorStore) -> None:
        self.settings = settings
        self.graph = graph
        self.vectors = vectors
        self.systems: dict[str, OpenedSystem] = {}
        self.live = Live(settings.data_dir, self.systems)
        folder = settings.data_dir / "exposures"
        self.experiments = Experiments(settings.experiments, folder) if settings.experiments else None
        self.metrics = Metrics(self.systems, lambda: self.live.lag()[1])
        self.spans = open_spans(settings)
        self._recalls: dict[str, SampledRecall] = {}
        self._unread: dict[str, None] = {}
        self._threads = ThreadPoolExecutor(NUM_THREADS, "slow-answers")
        all_there = Barrier(NUM_THREADS)
        for _ in range(NUM_THREADS):  # where the number of threads grows afterwards, something holds on to them
            self._threads.submit(all_there.wait)
        self._num_waiting = 0
        self.texts_problem: str | None = None
        self.writes_problem: str | None = None
        self.graph_seen: str | None = None
        self._look: Future[str | None] | None = None
        self._looks_since = 0.0
        self._in_process = not vectors.url.startswith("http")

    def open_systems(self) -> None:
        """Opens every system of which a version is published.

        Raises:
            ArtifactError: there is none.
            SettingsError: an experiment is of no system, or has an arm that its system does not go by.
        """
        for experiment in self.settings.experiments:
            if find_system(experiment.system).takes != "events" and any(arm.diversity for arm in experiment.arms):
                what = f"system {experiment.system} does not go by diversity"
                raise SettingsError(f"experiment {experiment.name}: {what}", "give its arms a version or explore")
        for name, module in SYSTEMS.items():
            if name not in self.systems and self.vectors.of(name).published() is not None:
                folder = runs_folder_of(self.settings, name)
                opened = open_system(module, self.vectors, folder, self.graph, lambda: self.encoder)
                observe = self.metrics.sampled_recall.labels(name).observe
                self._recalls[name] = SampledRecall(opened.recommender, observe)
                self.systems[name] = opened
        if not self.systems:
            raise ArtifactError(
                "nothing is published yet", "publish a run with `kindred publish`, after `kindred train products`"
            )

    def system(self, name: str) -> OpenedSystem:
        """The system of that name. Raises: UnknownError where none of that name has a published version."""
        if name not in self.systems:
            known = ", ".join(self.systems)
            raise UnknownError(f"there is no published system {name!r}", f"systems here are {known}")
        return self.systems[name]

    @cached_property
    def encoder(self) -> TextEncoder:
        """The text encoder; the first look at it takes seconds.

        Raises:
            EncoderError: the vectors of the graph were made by another one.
        """
        encoder = encoder_of(self.settings)
        try:
            with suppress(StoreError), self.graph.read() as store:
                check_reader(store, encoder)
        except SchemaError as error:  # no fault of who asks
            raise EncoderError(error.message, error.next_step) from error
        self.texts_problem = None
        return encoder

    async def answer(self, system: str, request: Request) -> Answer:
        """The answer to a request, at the latest at its deadline."""
        started = time.perf_counter()
        try:
            with self.spans.stage("recommend") as span:
                answer = await self.chosen(system, request, lambda asked, arm: self._answered(system, asked))
                span.tell({"kindred.system": answer.system, "kindred.served_by": answer.served_by})
                span.tell({"kindred.level": answer.level, "kindred.degraded": answer.degraded})
                return answer
        finally:
            self.metrics.stage_seconds_of("recommend").observe(time.perf_counter() - started)

    async def chosen(
        self, system: str, request: Request, answered: Callable[[Request, Arm | None], Awaitable[Answer]]
    ) -> Answer:
        """The answer that the user's arm of an A/B test gets, logged; that of no test where there is none.

        So it is where the version that the arm names can't be read: readiness says so, and no exposure is logged.
        """
        choice = None if self.experiments is None else self.experiments.choose(system, request)
        if choice is None or self.experiments is None:
            return await answered(request, None)
        named = f"{system}: experiment {choice.experiment}: version {choice.arm.version} can't be read"
        try:
            answer = await answered(choice.request, choice.arm)
        except (ArtifactError, StoreError) as error:
            if not choice.arm.version:
                raise
            if named not in self._unread:
                _LOG.error("%s, arm %s gets the version in force: %s", named, choice.arm.name, error)
            self._unread[named] = None
            return await answered(request, None)
        self._unread.pop(named, None)
        return self.experiments.exposed(choice, answer)

    async def _answered(self, system: str, request: Request) -> Answer:
        opened = self.system(system)
        ladder = opened.ladder
        if self._in_process and opened.recommender.is_quick(request):
            return self._compared(opened, request, self._counted(await opened.together(request)))
        seconds = self.settings.serve_deadline_ms / 1000
        if not self._in_process:
            seconds /= 2
        try:
            answer = self._counted(await self.in_thread(partial(ladder, request), seconds))
            return self._compared(opened, request, answer)
        except LateError as error:
            if self._in_process:  # a model or an encoder is being loaded, and will be there for the next
                return self._counted(ladder.from_lists(request, error, TOO_LATE))
            ladder.failed(error)
            return self._counted(await self.in_thread(partial(ladder.below, request), seconds))

    def _counted(self, answer: Answer) -> Answer:
        degraded = "true" if answer.degraded else "false"
        self.metrics.answers_of(answer.system, answer.served_by, answer.level, degraded).inc()
        return answer

    def _compared(self, opened: OpenedSystem, request: Request, answer: Answer) -> Answer:
        """The answer; one of many is compared with the exact one in a thread, whatever comes of it."""
        recall = self._recalls[opened.name]
        if recall.is_due(request, answer):
            self._threads.submit(recall.compare, request, answer)
        return answer

    async def similar(self, system: str, item_id: str, k: int) -> Answer:
        """The items most similar to one."""
        return await self.in_thread(partial(self.system(system).recommender.similar, item_id, k))

    async def in_thread(self, function: Callable[[], Result], seconds: float | None = None) -> Result:
        """What a function gives that may take a while, in one of a few threads.

        Where it comes too late it is not begun, or ends where it looks at the deadline.

        Raises:
            OverloadedError: too many wait already.
            LateError: it took longer than a request may.
        """
        if self._num_waiting >= MOST_WAITING:
            raise OverloadedError("too much is being worked on", "ask again a little later")
        self._num_waiting += 1
        seconds = self.settings.serve_deadline_ms / 1000 if seconds is None else seconds
        begun = self._threads.submit(_by_deadline, function, seconds, time.monotonic())
        work = asyncio.wrap_future(begun)
        work.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(work), seconds)
        except TimeoutError as error:
            raise late(seconds) from error
        finally:
            begun.cancel()

    async def graph_problem(self) -> str | None:
        """Why the graph can't be read, None where nothing is wrong; a server is asked, an embedded one left alone."""
        return await self.look_at_graph() if is_server(self.settings.effective_graph_url) else self.graph.problem()

    async def look_at_graph(self) -> str | None:
        """The same by reading the least there is, whichever engine it has; said within `LOOK_SECONDS`."""
        if self._look is None or self._look.done():  # who asks while one is under way waits for that one
            self._look, self._looks_since = self._threads.submit(self.graph.look), time.monotonic()
        look = asyncio.wrap_future(self._look)
        await asyncio.wait({look}, timeout=LOOK_SECONDS)  # `wait_for` may lose that who waits was told to end
        if look.done():
            return look.result()
        seconds = time.monotonic() - self._looks_since
        return f"the graph gives no answer since {seconds:.0f} s — look whether its server hangs"

    def problems(self) -> list[str]:
        """What is not as it should be while answers go on, one line each, for who need not know more."""
        found = [] if self.graph_seen is None else ["the graph can't be read"]
        if self.texts_problem is not None:
            found.append("free texts and words of new events can't be understood")
        if self.writes_problem is not None:
            found.append("what was written is kept and waits for the graph")
        for name, opened in self.systems.items():
            if opened.misfit is not None:
                found.append(f"{name}: the graph is not the one that version {opened.version} was made from")
            if opened.problem is not None:
                found.append(f"{name}: a newer version could not be taken")
            if opened.ladder.breaker.state != "closed":
                found.append(f"{name}: the vector engine fails")
        return [*found, *self._unread]

    def _done(self, work: asyncio.Future[Result]) -> None:
        self._num_waiting -= 1
        if not work.cancelled():
            work.exception()  # seen, where no one waits any more

    def warm(self) -> None:
        """Loads what only new users and free texts need, so that the first of them does not wait for it."""
        for opened in [opened for opened in self.systems.values() if opened.module.takes != "nothing"]:
            try:
                opened.recommender(Request(text="warm", k=1, reasons=False, removed=False))
            except KindredError as error:  # who asks is told as well
                self.texts_problem = str(error)
                _LOG.error("texts can't be answered in %s: %s", opened.name, error)

    def close(self) -> None:
        """Ends the threads and lets the graph go."""
        self.live.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self.experiments is not None:
            self.experiments.close()
        self.graph.close()
        self.spans.close()


def _by_deadline(function: Callable[[], Result], seconds: float, since: float) -> Result:
    """What a function gives that may know its deadline."""
    with deadline(seconds, since):
        return function()


@contextmanager
def open_service(settings: Settings) -> Iterator[Service]:
    """The service on the stores that the settings name, ready to answer.

    Raises:
        ArtifactError: nothing is published.
        StoreError: a store can't be opened.
    """
    opened = {"retry_seconds": RETRY_SECONDS}
    door = GraphDoor(partial(open_graph_reader, settings, **opened), partial(open_graph_writer, settings, **opened))
    with vectors_of(settings) as vectors:
        service = Service(settings, door, vectors)
        try:
            service.open_systems()
            service.live.follow()
            yield service
        finally:
            service.close()
