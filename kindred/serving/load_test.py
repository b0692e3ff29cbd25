"""Load on a service of this machine: so many requests a second for so long, and how it bore them.

Requests begin when they are due, whether or not those before are answered; so a service that is too slow shows, and
the time that a request waits here counts.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import httpx
import numpy as np

from kindred.client import key_header
from kindred.domain.errors import SettingsError, StoreError
from kindred.serving.protection.keys import is_loopback

_QUANTILES = (0.5, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class LoadReport:
    """How a service bore its load.

    Attributes:
        rate: requests a second that were asked for.
        requests: made.
        answered: of them with status 200, a second.
        milliseconds: quantiles of the time from when a request was due to its whole reply: p50 … p99, max.
        statuses: replies by status; `no reply` where there was none.
        served_by: answers by what served them.
        degraded: answers that were.
    """

    rate: float
    requests: int
    answered: float
    milliseconds: dict[str, float]
    statuses: dict[str, int]
    served_by: dict[str, int]
    degraded: int


@dataclass(frozen=True)
class Load:
    """What to ask for.

    Attributes:
        url: of the service; of this machine only.
        users: who asks, in turn.
        rate: requests a second.
        seconds: for how long.
        key: for a service that wants one.
    """

    url: str
    users: Sequence[str]
    rate: float = 100.0
    seconds: float = 10.0
    system: str = "products"
    key: str | None = None


def run_load(load: Load) -> LoadReport:
    """Asks for recommendations at the rate given.

    Raises:
        SettingsError: the service is not of this machine, or there is no user to ask for.
        StoreError: nothing answers there.
    """
    _check(load)
    return asyncio.run(_run(load))


def _check(load: Load) -> None:
    if not is_loopback(urlsplit(load.url).hostname or ""):
        raise SettingsError(f"{load.url!r} is not a service of this machine", "run the test where the service runs")
    if not load.users:
        raise SettingsError("there are no users to ask for", "ingest events first, or name some with --user")


@dataclass
class _Replies:
    """What came back so far."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    served_by: Counter[str] = field(default_factory=Counter)
    degraded: int = 0

    def note(self, reply: httpx.Response, seconds: float) -> None:
        """Counts a reply that came so long after it was due."""
        self.seconds.append(seconds)
        self.statuses[str(reply.status_code)] += 1
        if reply.status_code == 200:
            answer = reply.json()
            self.served_by[answer["served_by"]] += 1
            self.degraded += bool(answer["degraded"])

    def milliseconds(self) -> dict[str, float]:
        """Quantiles of the times, NaN where nothing replied."""
        names = [*(f"p{round(100 * share)}" for share in _QUANTILES[:-1]), "max"]
        values = np.quantile(self.seconds, _QUANTILES) * 1e3 if self.seconds else np.full(len(_QUANTILES), np.nan)
        return {name: round(float(value), 2) for name, value in zip(names, values, strict=True)}


async def _run(load: Load) -> LoadReport:
    headers = key_header(load.key)
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    replies, number = _Replies(), max(1, round(load.rate * load.seconds))
    async with httpx.AsyncClient(base_url=load.url, headers=headers, timeout=30, limits=limits) as client:
        try:
            await client.get("/health/live")
        except httpx.TransportError as error:
            raise StoreError(f"nothing answers at {load.url}", "start it with `kindred serve`") from error
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for row in range(number):
                due = started + row / load.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(_ask(client, load, load.users[row % len(load.users)], due, replies))
        took = time.perf_counter() - started
    answered, statuses, served_by = replies.statuses["200"] / took, dict(replies.statuses), dict(replies.served_by)
    return LoadReport(load.rate, number, answered, replies.milliseconds(), statuses, served_by, replies.degraded)


async def _ask(client: httpx.AsyncClient, load: Load, user: str, due: float, replies: _Replies) -> None:
    """Asks for one user, and notes what came of it."""
    try:
        reply = await client.get(f"/v1/{load.system}/users/{quote(user, safe='')}/recommendations")
    except httpx.TransportError:
        replies.statuses["no reply"] += 1
        return
    replies.note(reply, time.perf_counter() - due)


def report_text(report: LoadReport) -> str:
    """A report for people."""
    times = ", ".join(f"{name} {value:.1f}" for name, value in report.milliseconds.items())
    lines = [
        f"{report.requests:,} requests at {report.rate:g} a second: {report.answered:,.0f} answers a second",
        f"milliseconds: {times}",
        "replies: " + ", ".join(f"{status} × {count:,}" for status, count in sorted(report.statuses.items())),
    ]
    if report.served_by:
        lines.append(
            "served by: "
            + ", ".join(f"{name} × {count:,}" for name, count in sorted(report.served_by.items()))
            + f"; degraded: {report.degraded:,}"
        )
    return "\n".join(lines)
