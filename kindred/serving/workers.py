"""Several processes that answer on one address; each has what it knows in its own memory."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from kindred.settings import Settings

Serve = Callable[[Settings, socket.socket], None]
LOOK_SECONDS = 0.5
END_SECONDS = 25
"""A process has so long to end in order; what was written to it is safe in its journal by then."""


def run_workers(settings: Settings, listener: socket.socket, serve: Serve) -> None:
    """Runs `serve` in so many processes as the settings say until SIGINT or SIGTERM; one that dies is replaced."""
    context = multiprocessing.get_context("spawn")
    stopping = threading.Event()
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: stopping.set())

    def started() -> BaseProcess:
        process = context.Process(target=serve, args=(settings, listener))
        process.start()
        return process

    processes = [started() for _ in range(settings.serve_workers)]
    while not stopping.wait(LOOK_SECONDS):
        processes = [process if process.is_alive() else started() for process in processes]
    for process in processes:
        process.terminate()
    latest = time.monotonic() + END_SECONDS
    for process in processes:
        process.join(max(0.0, latest - time.monotonic()))
        if process.is_alive():
            logging.getLogger("kindred.serving").error("process %d did not end in order; it is killed", process.pid)
            process.kill()
            process.join()
