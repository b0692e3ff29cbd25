"""Several processes that answer on one address; each has what it knows in its own memory."""

from __future__ import annotations

import multiprocessing
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess

from kindred.settings import Settings

Serve = Callable[[Settings, socket.socket], None]
LOOK_SECONDS = 0.5


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
    for process in processes:
        process.join()
