"""Memory that is no longer used goes back to the system: of a process that runs for weeks it would only grow."""

from __future__ import annotations

import asyncio

from kindred.domain.allocator import give_back_freed
from kindred.serving.service import Service

SECONDS = 5.0
"""Between two times; each takes some milliseconds. With 40 events a second 200 to 400 MB a minute are left free."""


async def give_back_memory(service: Service) -> None:
    """Gives back what writing and encoding left free, again and again until the service ends."""
    while True:
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(give_back_freed)
