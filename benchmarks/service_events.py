"""From an event to the answer that it changed, under load: `python -m benchmarks.service_events [--seconds N]`.

`kindred serve` is a process of its own on a small shop, asked 200 times a second. Beside that 50 events a second are
sent to it, half of them of users that nobody has heard of, some with text. Each names a product of the user's own
list; the clock runs from the sending to the end of the first answer that no longer holds it. Anchor: p95 ≤ 300 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psutil

from benchmarks.hostile import publish_small_shop
from benchmarks.light_client import LightClient
from benchmarks.service_kills import Outcome, serving
from kindred.settings import Settings
from kindred.steps import recommender_of

USERS = 300
READS, EVENTS = 200.0, 50.0
K = 10
ANCHOR_MS = 300.0
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.01
"""Between two looks whether an answer has changed."""


def main() -> int:
    """Prints the times; 1 where the anchor is missed or an answer never changed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service_events", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--events", type=float, default=EVENTS, help="a second")
    parser.add_argument("--reads", type=float, default=READS, help="a second")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name))
        publish_small_shop(settings, USERS)
        with recommender_of(settings) as recommender:
            users = recommender.example_users(USERS)
        with serving(settings, Outcome()) as (process, address):
            load = Load(address, users, arguments.seconds, arguments.events, arguments.reads)
            found = asyncio.run(load.measure(psutil.Process(process.pid)))
    print(json.dumps(found) if arguments.json else _text(found))
    return 0 if found["never"] == 0 and found["p95_ms"] <= ANCHOR_MS else 1


class Load:
    """Events and reads on a service.

    Args:
        address: of the service.
        users: who are known to it.
        seconds: for how long.
        events: a second.
        reads: a second, beside those that look whether an event has changed an answer.
    """

    def __init__(self, address: str, users: list[str], seconds: float, events: float, reads: float) -> None:
        url = urlsplit(address)
        self._client = LightClient(url.hostname or "", url.port or 0)
        self._users, self._seconds = users, seconds
        self._events, self._reads = events, reads
        self._statuses: Counter[int] = Counter()

    async def measure(self, server: psutil.Process) -> dict[str, Any]:
        """Times from event to changed answer, how the reads beside them went, and the CPU that both sides took."""
        await self._warm()
        before = _cpu(server), _cpu(psutil.Process()), time.perf_counter()
        changed, read = await asyncio.gather(
            _at_rate(self._events, self._seconds, self._event), _at_rate(self._reads, self._seconds, self._read)
        )
        served, asked, took = (
            now - then
            for now, then in zip((_cpu(server), _cpu(psutil.Process()), time.perf_counter()), before, strict=True)
        )
        self._client.close()
        times = [ms for ms in changed if ms is not None]
        return {
            "events": len(changed),
            "events_per_second": self._events,
            "reads_per_second": self._reads,
            "never": len(changed) - len(times),
            **_quantiles(times, (50, 95, 99), ""),
            **_quantiles([ms for ms in read if ms is not None], (50, 99), "read_"),
            "statuses": dict(self._statuses),
            "cores_service": round(served / took, 2),
            "cores_load": round(asked / took, 2),
        }

    async def _warm(self) -> None:
        """Waits until the network and the text encoder are loaded, which a service does once."""
        await self._event(-1)
        while (await self._answer("new--1"))["degraded"]:
            await asyncio.sleep(0.5)
        asked = {"text": "stays in tune", "k": 1}
        while (await self._client.post("/v1/products/recommendations", asked)).status != 200:
            await asyncio.sleep(0.5)

    async def _event(self, number: int) -> float | None:
        """Milliseconds from the sending of an event to the end of the first answer that it changed; None if none."""
        user = f"new-{number}" if number % 2 else random.Random(number).choice(self._users)
        items = await self._items(user)
        item = items[max(number, 0) % min(3, len(items))]
        event = {"event_id": f"bench-{number}", "user_id": user, "item_id": item, "rating": 5}
        if number % 10 == 0:
            event["text"] = f"Number {number} stays in tune and was worth its price."
        started = time.perf_counter()
        reply = await self._client.post("/v1/events", event)
        assert reply.status == 200, reply
        while time.perf_counter() - started < _PATIENCE_SECONDS:
            if item not in await self._items(user):
                return 1e3 * (time.perf_counter() - started)
            await asyncio.sleep(_LOOK_SECONDS)
        return None

    async def _read(self, number: int) -> float | None:
        """Milliseconds of one answer."""
        started = time.perf_counter()
        await self._answer(self._users[number % len(self._users)])
        return 1e3 * (time.perf_counter() - started)

    async def _items(self, user: str) -> list[str]:
        return [item["id"] for item in (await self._answer(user))["items"]]

    async def _answer(self, user: str) -> dict[str, Any]:
        path = f"/v1/products/users/{user}/recommendations?k={K}"
        while True:
            reply = await self._client.get(path)
            self._statuses[reply.status] += 1
            if reply.status == 503:  # there is no room for it now, says the service; the clock runs on
                await asyncio.sleep(0.05)
                continue
            assert reply.status == 200, reply
            answer: dict[str, Any] = reply.json()
            return answer


async def _at_rate(rate: float, seconds: float, ask: Callable[[int], Awaitable[float | None]]) -> list[float | None]:
    """What each of so many a second gave; each begins when it is due, whether or not those before have ended."""
    start, tasks = time.perf_counter(), []
    for number in range(round(seconds * rate)):
        if (wait := start + number / rate - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(ask(number)))
    return await asyncio.gather(*tasks)


def _quantiles(times: list[float], percents: tuple[int, ...], start: str) -> dict[str, float]:
    values = np.percentile(times, percents).round(1).tolist() if times else [float("nan")] * len(percents)
    return {f"{start}p{percent}_ms": value for percent, value in zip(percents, values, strict=True)}


def _cpu(process: psutil.Process) -> float:
    """CPU seconds of a process."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _text(found: dict[str, Any]) -> str:
    statuses = ", ".join(f"{count:,} × {status}" for status, count in found["statuses"].items())
    return (
        f"{found['events']:,} events at {found['events_per_second']:g} a second: changed answer after "
        f"p50 {found['p50_ms']} ms, p95 {found['p95_ms']} ms (anchor {ANCHOR_MS:.0f}), p99 {found['p99_ms']} ms; "
        f"never {found['never']} (0)\n"
        f"answers at {found['reads_per_second']:g} a second beside: p50 {found['read_p50_ms']} ms, "
        f"p99 {found['read_p99_ms']} ms; {statuses}; "
        f"cores: service {found['cores_service']}, load {found['cores_load']}"
    )


if __name__ == "__main__":
    sys.exit(main())
