"""Workers of a local Ray cluster, killed now and then while something is under way."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def kills_of(title: bytes, kills: int, seconds: float, victims: list[int]) -> Iterator[None]:
    """Kills so many workers while the `with` lasts.

    Args:
        title: what their processes are called, a part of their command line.
        kills: how often at most.
        seconds: before each, at most; drawn at random.
        victims: takes the number of each process.
    """
    ended = threading.Event()
    killer = threading.Thread(target=_kill, args=(title, kills, seconds, victims, ended), daemon=True)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()


def _kill(title: bytes, kills: int, seconds: float, victims: list[int], ended: threading.Event) -> None:
    chance = random.Random(len(victims))
    for _ in range(kills):
        while not _workers(title) and not ended.wait(0.2):
            pass
        if ended.wait(chance.uniform(0, seconds)) or not (workers := _workers(title)):
            continue
        victims.append(chance.choice(workers))
        os.kill(victims[-1], signal.SIGKILL)


def _workers(title: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if title in command:
                found.append(int(entry.name))
    return sorted(found)
