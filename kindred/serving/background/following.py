"""Keeps up with what is published, so that a new version answers once it is whole in memory; and with the graph."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from kindred.domain.errors import KindredError
from kindred.graph.open import graph_identity
from kindred.serving.answering.ladder import FAILURES
from kindred.serving.service import Service

SECONDS = 0.5
LOOK_SECONDS = 2.0
FIT_SECONDS = 60.0
_LOG = logging.getLogger("kindred.serving")


async def follow_versions(service: Service) -> None:
    """Looks every half second whether another version is published of a system, and takes it over.

    What is wrong is said once for as long as it is.
    """
    said = ""
    while True:
        await asyncio.sleep(SECONDS)
        for opened in list(service.systems.values()):
            before, num_applied = opened.problem, service.live.num_applied[opened.name]
            if await asyncio.to_thread(opened.follow, num_applied):
                _LOG.info("system %s answers from version %s", opened.name, opened.version)
            elif opened.problem is None:
                await asyncio.to_thread(opened.catch_up, num_applied)
            elif opened.problem != before:
                _LOG.warning("system %s stays with version %s: %s", opened.name, opened.version, opened.problem)
        try:
            await asyncio.to_thread(service.open_systems)
            said = ""
        except (KindredError, OSError) as error:
            if str(error) != said:
                _LOG.warning("other systems that were published can't be looked for or opened: %s", error)
            said = str(error)
        await asyncio.to_thread(service.graph.let_go)


async def watch_fit(service: Service) -> None:
    """Looks every minute whether the graph was replaced by an empty or another one under the service.

    And within two seconds after an embedded one was moved away or another was moved to where it was.
    """
    url, looked = service.settings.effective_graph_url, time.monotonic()
    before = graph_identity(url)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        identity = await asyncio.to_thread(graph_identity, url)
        if identity != before:
            if not await asyncio.to_thread(service.graph.let_go, at_once=True):
                continue  # somebody reads what was there before
            before = identity
        elif time.monotonic() - looked < FIT_SECONDS:
            continue
        looked = time.monotonic()
        for opened in list(service.systems.values()):
            with suppress(KindredError, *FAILURES):  # that the graph can't be read is told elsewhere
                await asyncio.to_thread(opened.look_at_graph)


async def watch_graph(service: Service) -> None:
    """Looks every two seconds whether the graph can be read, so that who asks for readiness is told at once."""
    while True:
        seen = await service.graph_problem()
        if (seen is None) != (service.graph_seen is None):
            _LOG.warning("the graph %s", "can be read again" if seen is None else f"can't be read: {seen}")
        service.graph_seen = seen
        await asyncio.sleep(LOOK_SECONDS)
