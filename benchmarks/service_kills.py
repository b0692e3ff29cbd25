"""The service killed while events flow: `python -m benchmarks.service_kills [--kills N] [--json]`.

`kindred serve` is a process of its own on a small shop. Events are sent to it without pause, single ones and some at
once, with and without text; at a random moment it is killed (SIGKILL) and started again, N times. Whatever it had
acknowledged must be known to the first answers after each start, be in the graph exactly once in the end, and be a
duplicate when it is sent again. Anchors: 0 lost, 0 twice, 0 that nobody sent; ready within 10 s of the start.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.hostile import publish_small_shop
from kindred.recommenders.products import PRODUCTS
from kindred.serving.writes.journal import Journal
from kindred.serving.writes.live import FOLDER
from kindred.serving.writes.written import APPLIED, EVENT
from kindred.settings import Settings
from kindred.stores import graph_to_read

CLI = Path(__file__).parents[1] / "cli.py"
_AT_ONCE = 5
_ITEMS_ASKED = 200
_PATIENCE_SECONDS = 120.0


@dataclass
class Outcome:
    """What the kills left.

    Attributes:
        kills: how often it was killed.
        acknowledged: events that it had said yes to.
        lost: of those, how many the graph lacks in the end.
        twice: how many it holds more than once.
        unsent: events in the graph that nobody sent.
        unknown: how often an answer after a start did not know an acknowledged event.
        accepted_again: acknowledged events that were no duplicate when they were sent again.
        seconds_to_ready: from each start to ready.
    """

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    unsent: int = 0
    unknown: int = 0
    accepted_again: int = 0
    seconds_to_ready: list[float] = field(default_factory=list)

    def passed(self) -> bool:
        """Whether nothing was lost, nothing doubled, and each start was quick."""
        wrong = self.lost + self.twice + self.unsent + self.unknown + self.accepted_again
        return wrong == 0 and max(self.seconds_to_ready) <= 10.0


class Teller:
    """Sends events one after the other until the service is gone, and remembers which were acknowledged.

    Attributes:
        sent: every event sent, by its id.
        acknowledged: those that the service said yes to, by their id.
    """

    def __init__(self, users: list[str], items: list[str], rng: random.Random) -> None:
        self._users, self._items, self._rng = users, items, rng
        self.sent: dict[str, dict[str, Any]] = {}
        self.acknowledged: dict[str, dict[str, Any]] = {}

    def tell(self, address: str) -> None:
        """Sends until the connection breaks."""
        with httpx.Client(base_url=address, timeout=30) as client, suppress(httpx.TransportError):
            while True:
                events = [self._event() for _ in range(self._rng.choice((1, 1, _AT_ONCE)))]
                self.sent |= {event["event_id"]: event for event in events}
                reply = client.post("/v1/events", json=events if len(events) > 1 else events[0])
                if reply.status_code != 200:
                    continue
                for event, result in zip(events, reply.json().get("results", ()), strict=False):
                    if result["status"] in ("accepted", "duplicate"):
                        self.acknowledged[event["event_id"]] = event

    def _event(self) -> dict[str, Any]:
        number = len(self.sent) + self._rng.randrange(10**9)
        event = {
            "event_id": f"sent-{number}",
            "user_id": self._rng.choice([*self._users, f"new-{self._rng.randrange(50)}"]),
            "item_id": self._rng.choice(self._items),
            "rating": self._rng.randint(1, 5),
        }
        return event | ({"text": "It stays in tune."} if self._rng.random() < 0.1 else {})


def main() -> int:
    """Prints what the kills left; 1 if something was lost or doubled, or a start took too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service_kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name))
        known = publish_small_shop(settings)
        outcome = kill_repeatedly(settings, known["user_id"], known["item_id"], arguments.kills)
    if arguments.json:
        print(json.dumps(asdict(outcome)))
    else:
        ready = max(outcome.seconds_to_ready)
        print(
            f"{outcome.kills} kills, {outcome.acknowledged:,} events acknowledged: {outcome.lost} lost, "
            f"{outcome.twice} twice, {outcome.unsent} that nobody sent, {outcome.unknown} unknown to the answer after "
            f"the start, {outcome.accepted_again} accepted again (anchors 0); ready after {ready:.1f} s at most (10)"
        )
    return 0 if outcome.passed() else 1


def kill_repeatedly(settings: Settings, users: list[str], items: list[str], kills: int, start: int = 0) -> Outcome:
    """What so many kills at random moments left, `start` the seed of the moments."""
    rng, outcome = random.Random(start), Outcome()
    before = event_ids(settings)
    teller = Teller(users, items, rng)
    for _ in range(kills):
        with serving(settings, outcome) as (process, address):
            outcome.unknown += _unknown(address, teller, rng)
            telling = threading.Thread(target=teller.tell, args=(address,))
            telling.start()
            time.sleep(rng.uniform(0.05, 2.5))
            process.kill()
            telling.join()
        outcome.kills += 1
    with serving(settings, outcome) as (process, address):
        outcome.unknown += _unknown(address, teller, rng)
        outcome.accepted_again = _accepted_again(address, teller)
        wait_until_applied(settings)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    after = event_ids(settings)
    outcome.acknowledged = len(teller.acknowledged)
    outcome.lost = sum(event_id not in after for event_id in teller.acknowledged)
    outcome.twice = sum(count > 1 for count in after.values())
    outcome.unsent = sum(event_id not in before and event_id not in teller.sent for event_id in after)
    return outcome


@contextmanager
def serving(settings: Settings, outcome: Outcome) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that serves and is ready, and its address; killed at the end where it still runs."""
    started = time.monotonic()
    command = [sys.executable, str(CLI), "--data-dir", str(settings.data_dir), "serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=installed_environment())
    try:
        address = _address(process)
        while httpx.get(f"{address}/health/ready", timeout=30).status_code != 200:
            time.sleep(0.02)
        outcome.seconds_to_ready.append(time.monotonic() - started)
        yield process, address
    finally:
        process.kill()
        process.wait()


def installed_environment() -> dict[str, str]:
    """The environment of a process that keeps its compiled modules from start to start, as every installed one does.

    Where Python may write none, each start compiles some thousand of them anew, for 1.3 CPU-s.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://[\w.:]+", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop it
            return found.group()
    raise RuntimeError(f"the service did not start:\n{''.join(said)}")


def _unknown(address: str, teller: Teller, rng: random.Random) -> int:
    """How many of a few acknowledged events the answers do not know: their items are recommended again."""
    told = rng.sample(sorted(teller.acknowledged), min(10, len(teller.acknowledged)))
    missing = 0
    for event_id in told:
        event = teller.acknowledged[event_id]
        answer = _answer(f"{address}/v1/products/users/{event['user_id']}/recommendations")
        missing += any(item["id"] == event["item_id"] for item in answer["items"])
    return missing


def _answer(url: str) -> dict[str, Any]:
    """The answer; asked again as long as the service says that it is not the time (503)."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (reply := httpx.get(url, params={"k": _ITEMS_ASKED}, timeout=60)).status_code == 503:
        if time.monotonic() > end:
            raise RuntimeError(f"no answer within {_PATIENCE_SECONDS:.0f} s: {reply.text}")
        time.sleep(0.2)
    answer: dict[str, Any] = reply.raise_for_status().json()
    return answer


def _accepted_again(address: str, teller: Teller) -> int:
    events, accepted = list(teller.acknowledged.values()), 0
    for start in range(0, len(events), 1_000):
        accepted += httpx.post(f"{address}/v1/events", json=events[start : start + 1_000], timeout=60).json()[
            "accepted"
        ]
    return accepted


def wait_until_applied(settings: Settings) -> None:
    """Returns once the graph holds what the journal does."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        entries = Journal(settings.data_dir / FOLDER).follow()
        through = max((entry.value["through"] for entry in entries if entry.value["kind"] == APPLIED), default=0)
        if all(entry.seq <= through for entry in entries if entry.value["kind"] == EVENT):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the graph does not hold what the journal does after {_PATIENCE_SECONDS:.0f} s")


def event_ids(settings: Settings) -> Counter[str]:
    """How often the graph holds each event."""
    found: Counter[str] = Counter()
    with graph_to_read(settings) as store:
        for batch in store.read_edges(PRODUCTS.edge, ["event_id"]):
            found.update(batch.column("event_id").to_pylist())
    return found


if __name__ == "__main__":
    sys.exit(main())
