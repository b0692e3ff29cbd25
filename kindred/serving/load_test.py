"""Load on a service of this machine: so many requests a second for so long, and how it bore them.

Requests begin when they are due, whether or not those before are answered; so a service that is too slow shows, and
the time that a request waits here counts.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import httpx
import numpy as np

from kindred.domain.errors import SettingsError, StoreError
from kindred.serving.protection.keys import is_loopback

MOST_RATE, MOST_SECONDS = 2_000, 600
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


async def _run(load: Load) -> LoadReport:
    headers = {"Authorization": f"Bearer {load.key}"} if load.key else {}
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    seconds: list[float] = []
    statuses: Counter[str] = Counter()
    served_by: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=load.url, headers=headers, timeout=30, limits=limits) as client:
        try:
            await client.get("/health/live")
        except httpx.TransportError as error:
            raise StoreError(f"nothing answers at {load.url}", "start it with `kindred serve`") from error

        async def ask(user: str, due: float) -> None:
            try:
                reply = await client.get(f"/v1/{load.system}/users/{quote(user, safe='')}/recommendations")
            except httpx.TransportError:
                statuses["no reply"] += 1
                return
            seconds.append(time.perf_counter() - due)
            statuses[str(reply.status_code)] += 1
            if reply.status_code == 200:
                answer = reply.json()
                served_by[answer["served_by"]] += 1
                served_by["degraded"] += bool(answer["degraded"])

        started = time.perf_counter()
        number = max(1, round(load.rate * load.seconds))
        async with asyncio.TaskGroup() as tasks:
            for row in range(number):
                due = started + row / load.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tasks.create_task(ask(load.users[row % len(load.users)], due))
        took = time.perf_counter() - started
    degraded = served_by.pop("degraded", 0)
    quantiles = np.quantile(seconds, _QUANTILES) * 1e3 if seconds else np.full(len(_QUANTILES), np.nan)
    names = [*(f"p{round(100 * share)}" for share in _QUANTILES[:-1]), "max"]
    milliseconds = {name: round(float(value), 2) for name, value in zip(names, quantiles, strict=True)}
    answered = statuses["200"] / took
    return LoadReport(load.rate, number, answered, milliseconds, dict(statuses), dict(served_by), degraded)


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
