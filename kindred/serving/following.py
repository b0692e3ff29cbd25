"""Keeps up with what is published: a new version answers as soon as it is whole in memory."""

from __future__ import annotations

import asyncio
import logging

from kindred.domain.errors import KindredError
from kindred.serving.service import Service

SECONDS = 0.5
_LOG = logging.getLogger("kindred.serving")


async def follow_versions(service: Service) -> None:
    """Looks every half second whether another version is published of a system, and takes it over."""
    while True:
        await asyncio.sleep(SECONDS)
        for opened in list(service.systems.values()):
            before = opened.problem
            if await asyncio.to_thread(opened.follow):
                _LOG.info("system %s answers from version %s", opened.name, opened.version)
            elif opened.problem is not None and opened.problem != before:
                _LOG.warning("system %s stays with version %s: %s", opened.name, opened.version, opened.problem)
        try:
            await asyncio.to_thread(service.open_systems)
        except (KindredError, OSError) as error:
            _LOG.warning("a system that was published can't be opened: %s", error)
        await asyncio.to_thread(service.graph.let_go)
