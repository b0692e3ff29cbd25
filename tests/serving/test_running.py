"""`kindred serve` as a process: it says where it is, answers, and ends in order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from kindred.settings import Settings


@contextmanager
def running(settings: Settings, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address."""
    command = [sys.executable, str(Path(__file__).parents[2] / "cli.py"), "--data-dir", str(settings.data_dir)]
    process = subprocess.Popen([*command, "serve", "--port", "0", *options], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                break
        else:
            raise AssertionError("".join(said))
        yield process, found.group()
    finally:
        process.kill()
        process.wait()


def test_a_process_answers_and_ends_in_order(settings: Settings) -> None:
    with running(settings) as (process, address):
        with httpx.Client(base_url=address, timeout=30) as client:
            assert client.get("/health/ready").json()["status"] == "ready"
            assert len(client.get("/v1/products/users/nobody/recommendations?k=3").json()["items"]) == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
