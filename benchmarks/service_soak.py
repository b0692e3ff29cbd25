"""The service under load and faults for a long time: `python -m benchmarks.service_soak [--seconds 600] [--json]`.

`kindred serve` is a process of its own on a small shop, asked and told without pause. At random moments, for some
seconds each, the files of the vector engine are gone, are garbage or are no folder, or another process holds the graph
as its writer. Anchors: every request answered, with 200 or an honest 503; degraded only while something is wrong and
10 s after; every acknowledged event in the graph at the end, once; no growth of threads, and of memory by less than a
tenth, from the end of the first fifth on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from benchmarks.hostile import publish_small_shop
from benchmarks.light_client import LightClient, Reply
from benchmarks.service_kills import Outcome as Starts
from benchmarks.service_kills import event_ids, serving, wait_until_applied
from kindred.settings import Settings

READS, EVENTS = 100.0, 20.0
FAULT_SECONDS, REST_SECONDS = (2.0, 6.0), (4.0, 12.0)
RECOVERY_SECONDS = 10.0
MOST_GROWTH = 0.1
NEW_USERS, EVENTS_EACH = 97, 40
"""So many new users do things at a time, until each has done so many: histories do not grow as long as the load lasts,
and with them what it takes to encode one."""
EVENTS_OF_NEW = 100
"""One event in so many is of a known user."""
_HOLDS_GRAPH = """
import sys, time
from pathlib import Path
from kindred.settings import Settings
from kindred.stores import open_graph_writer
store = open_graph_writer(Settings(data_dir=Path(sys.argv[1])))
time.sleep(float(sys.argv[2]))
store.close()
"""


@dataclass
class Soak:
    """What came of it.

    Attributes:
        statuses: replies by status; by what broke the connection where there was none.
        degraded: answers that say they are.
        degraded_well: of those, how many more than `RECOVERY_SECONDS` after the last fault.
        faults: how often each kind was made.
        recoveries: seconds from the end of each fault to the first answer that is not degraded.
        acknowledged, lost, twice: events said yes to, and of those how many the graph lacks, or holds more than once.
        threads, megabytes: of the process, a sample a second.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    degraded: int = 0
    degraded_well: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    threads: list[int] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def growth(self) -> tuple[float, float]:
        """Threads at the end less those when it had settled, means of a fifth of the time each; the same of memory.

        Memory as a share of what it was at the end of the first fifth.
        """
        fifth = max(1, len(self.threads) // 5)
        first, last = slice(fifth, 2 * fifth), slice(-fifth, None)
        threads, megabytes = np.array(self.threads, float), np.array(self.megabytes)
        more = [float(samples[last].mean() - samples[first].mean()) for samples in (threads, megabytes)]
        return more[0], more[1] / float(megabytes[len(megabytes) // 5])

    def passed(self) -> bool:
        """Whether every anchor holds."""
        threads, memory = self.growth()
        answered = set(self.statuses) <= {"200", "503"}
        grew = threads > 1 or memory > MOST_GROWTH
        whole = self.lost + self.twice + self.degraded_well == 0
        return answered and whole and not grew and max(self.recoveries, default=0.0) <= RECOVERY_SECONDS


def main() -> int:
    """Prints what came of it; 1 where an anchor does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service_soak", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--reads", type=float, default=READS, help="a second")
    parser.add_argument("--events", type=float, default=EVENTS, help="a second")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name))
        known = publish_small_shop(settings)
        rates = (arguments.reads, arguments.events)
        soak = run(settings, known["user_id"], known["item_id"], arguments.seconds, arguments.seed, rates)
    print(json.dumps(vars(soak)) if arguments.json else _text(soak))
    return 0 if soak.passed() else 1


def run(
    settings: Settings,
    users: list[str],
    items: list[str],
    seconds: float,
    seed: int = 0,
    rates: tuple[float, float] = (READS, EVENTS),
) -> Soak:
    """What so many seconds of load, reads and events a second, and faults left."""
    with serving(settings, Starts()) as (process, address):
        soaking = _Soaking(settings.data_dir, address, psutil.Process(process.pid), users, items, seed)
        asyncio.run(soaking.last(seconds, *rates))
        wait_until_applied(settings)
        process.terminate()
        process.wait(60)
    found, soak = event_ids(settings), soaking.soak
    soak.acknowledged = len(soaking.acknowledged)
    soak.lost = sum(event not in found for event in soaking.acknowledged)
    soak.twice = sum(count > 1 for count in found.values())
    return soak


class _Soaking:
    """Asks, tells and breaks."""

    def __init__(
        self, folder: Path, address: str, server: psutil.Process, users: list[str], items: list[str], seed: int
    ) -> None:
        url = urlsplit(address)
        self._client = LightClient(url.hostname or "", url.port or 0)
        self._folder, self._server, self._users, self._items = folder, server, users, items
        self._rng = random.Random(seed)
        self._wrong_until = 0.0
        self._num_events = 0
        self.soak = Soak()
        self.acknowledged: set[str] = set()

    async def last(self, seconds: float, reads_a_second: float, events_a_second: float) -> None:
        """Goes on for so many seconds; the last fault ends before they do."""
        end = time.monotonic() + seconds
        asked = ((reads_a_second, self._read), (events_a_second, self._event))
        reads, events = (_at_rate(rate, end, one) for rate, one in asked)
        await asyncio.gather(reads, events, self._break(end - RECOVERY_SECONDS), self._watch(end))
        self._client.close()

    async def _read(self, number: int) -> None:
        user = self._users[number % len(self._users)] if number % 4 else self._new_user(number)
        if await self._is_degraded(user):
            self.soak.degraded += 1
            self.soak.degraded_well += time.monotonic() > self._wrong_until + RECOVERY_SECONDS

    async def _is_degraded(self, user: str) -> bool:
        reply = await self._counted(self._client.get(f"/v1/products/users/{user}/recommendations"))
        return reply is not None and reply.status == 200 and bool(reply.json()["degraded"])

    async def _counted(self, asking: Awaitable[Reply]) -> Reply | None:
        """The reply, None where there is none; counted either way."""
        try:
            reply = await asking
        except (OSError, EOFError) as error:
            self.soak.statuses[f"no reply: {type(error).__name__}"] += 1
            return None
        self.soak.statuses[str(reply.status)] += 1
        return reply

    def _new_user(self, number: int) -> str:
        """One of those new users who do things now."""
        group = self._num_events // (NEW_USERS * EVENTS_EACH)
        return f"new-{group * NEW_USERS + number % NEW_USERS}"

    async def _event(self, number: int) -> None:
        user = self._new_user(number) if number % EVENTS_OF_NEW else self._rng.choice(self._users)
        self._num_events += 1
        event = {"event_id": f"soak-{number}", "user_id": user, "item_id": self._rng.choice(self._items), "rating": 4}
        reply = await self._counted(self._client.post("/v1/events", event))
        if reply is not None and reply.status == 200 and reply.json()["accepted"]:
            self.acknowledged.add(f"soak-{number}")

    async def _break(self, end: float) -> None:
        """One fault after the other, and after each the time until an answer is whole again."""
        while True:
            seconds, rest = self._rng.uniform(*FAULT_SECONDS), self._rng.uniform(*REST_SECONDS)
            if time.monotonic() + rest + seconds > end:
                return
            await asyncio.sleep(rest)
            kind = self._rng.choice(sorted(FAULTS))
            self.soak.faults[kind] += 1
            self._wrong_until = float("inf")
            with FAULTS[kind](self._folder, seconds):
                await asyncio.sleep(seconds)
            self._wrong_until = ended = time.monotonic()
            while await self._is_degraded(self._users[0]):
                await asyncio.sleep(0.1)
            self.soak.recoveries.append(time.monotonic() - ended)

    async def _watch(self, end: float) -> None:
        while time.monotonic() < end:
            self.soak.threads.append(self._server.num_threads())
            self.soak.megabytes.append(self._server.memory_info().rss / 1e6)
            await asyncio.sleep(1)


async def _at_rate(rate: float, end: float, ask: Callable[[int], Awaitable[None]]) -> None:
    """So many a second until the end; each begins when it is due, whether or not those before have ended."""
    start, tasks, number = time.monotonic(), set[asyncio.Future[None]](), 0
    while (due := start + number / rate) < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        task = asyncio.ensure_future(ask(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    await asyncio.gather(*tasks)


@contextmanager
def _gone(folder: Path, seconds: float) -> Iterator[None]:
    """The engine's files are not there."""
    versions, away = _versions(folder)
    versions.rename(away)
    try:
        yield
    finally:
        away.rename(versions)


@contextmanager
def _garbage(folder: Path, seconds: float) -> Iterator[None]:
    """Every file of the engine holds something else."""
    with _gone(folder, seconds):
        versions, away = _versions(folder)
        shutil.copytree(away, versions)
        for file in versions.rglob("*"):
            if file.is_file():
                file.write_bytes(random.Random(0).randbytes(file.stat().st_size))
        yield
        shutil.rmtree(versions)


@contextmanager
def _no_folder(folder: Path, seconds: float) -> Iterator[None]:
    """Where the engine's files are looked for is a file."""
    with _gone(folder, seconds):
        versions, _ = _versions(folder)
        versions.write_text("")
        yield
        versions.unlink()


@contextmanager
def _graph_held(folder: Path, seconds: float) -> Iterator[None]:
    """Another process has opened the graph to write, so that the service can neither read nor write it."""
    held = subprocess.Popen(
        [sys.executable, "-c", _HOLDS_GRAPH, str(folder), str(seconds)], stderr=subprocess.DEVNULL
    )  # it waits its turn, as any command does, and fails where the service does not let go
    yield
    held.wait()


FAULTS = {"engine gone": _gone, "engine garbage": _garbage, "engine no folder": _no_folder, "graph held": _graph_held}


def _versions(folder: Path) -> tuple[Path, Path]:
    versions = folder / "vectors" / "products" / "versions"
    return versions, versions.with_name("away")


def _text(soak: Soak) -> str:
    threads, memory = soak.growth()
    faults = ", ".join(f"{count} × {kind}" for kind, count in sorted(soak.faults.items()))
    statuses = ", ".join(f"{count:,} × {status}" for status, count in sorted(soak.statuses.items()))
    held = f"memory {memory:+.1%} ({MOST_GROWTH:.0%}), {max(soak.megabytes):,.0f} MB at the most"
    return (
        f"{len(soak.threads)} s, {faults}: {statuses}; {soak.degraded:,} degraded, of those {soak.degraded_well} long "
        f"after a fault (0); recovered after {max(soak.recoveries, default=0):.1f} s at most (10)\n"
        f"{soak.acknowledged:,} events acknowledged: {soak.lost} lost (0), {soak.twice} twice (0); threads "
        f"{threads:+.1f} to {max(soak.threads)}, {held}: {'passed' if soak.passed() else 'MISSED'}"
    )


if __name__ == "__main__":
    sys.exit(main())
