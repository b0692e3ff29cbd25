"""Runs the service: one process or several, until it is told to stop."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn
from threadpoolctl import threadpool_limits

from kindred.domain.allocator import share_freed_among_threads
from kindred.domain.errors import SettingsError
from kindred.serving.app import build_app
from kindred.serving.protection.connections import READER
from kindred.serving.protection.keys import check_bind, keys_of
from kindred.serving.service import open_service
from kindred.serving.workers import run_workers
from kindred.settings import Settings
from kindred.stores import check_encoder_setting

DRAIN_SECONDS = 10
STOP_SECONDS = DRAIN_SECONDS + 3
"""So long after it was told to stop a process waits for what hangs."""
SWITCH_SECONDS = 0.0005
"""So long a thread that encodes or writes may keep the interpreter from the one that answers; ten times by default."""
KEEP_ALIVE_SECONDS = 65
"""An idle connection is kept longer than clients keep theirs, so that none is closed just when a request is sent."""


def run(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM; requests in progress are answered before it ends.

    Raises:
        SettingsError: the address can't be listened on, others can reach it and there is no key, or the encoder is not
            there.
        ArtifactError: nothing is published.
        StoreError: a store can't be opened.
    """
    check_bind(settings.serve_host, keys_of(settings.data_dir))
    check_encoder_setting(settings)
    with listening(settings.serve_host, settings.serve_port) as listener:
        if settings.serve_workers > 1:
            run_workers(settings, listener, serve_on)
        else:
            serve_on(settings, listener)


def check_address(settings: Settings) -> None:
    """Checks that the service could listen now, before minutes are spent on it. Raises: SettingsError."""
    check_bind(settings.serve_host, keys_of(settings.data_dir))
    listening(settings.serve_host, settings.serve_port).close()


def serve_on(settings: Settings, listener: socket.socket) -> None:
    """Serves in this process on an address that is listened on."""
    _log_to_stderr()
    share_freed_among_threads()
    sys.setswitchinterval(SWITCH_SECONDS)
    threadpool_limits(limits=1, user_api="blas")  # several wait for one another: four times the CPU for small products
    with open_service(settings) as service:
        gc.collect()
        gc.freeze()  # what is held from now on to the end need not be walked through again and again
        host, port = listener.getsockname()[:2]
        threading.Thread(target=service.warm, name="warm", daemon=True).start()
        log = logging.getLogger("kindred.serving")
        log.info("serving on http://%s:%d (pages for people: /ui)", host, port)
        log.info(
            "%s; graph %s, vectors %s", ", ".join(service.systems), settings.effective_graph_url, service.vectors.url
        )
        config = uvicorn.Config(
            build_app(service),
            http=READER,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            lifespan="on",
        )
        server = uvicorn.Server(config)
        _stop_on_signals(server)
        server.run([listener])  # in the loop of uvloop where it is installed


def _stop_on_signals(server: uvicorn.Server) -> None:
    """Has SIGINT and SIGTERM end the server in order, also before its loop runs, or where they come again."""

    def told_to_stop(number: int, frame: FrameType | None) -> None:
        server.handle_exit(number, frame)
        last = threading.Timer(STOP_SECONDS, _end_at_once)
        last.daemon = True
        last.start()

    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, told_to_stop)


def _end_at_once() -> None:
    """Ends a process that was told to stop and whose threads still wait; all that it acknowledged is on the disk."""
    logging.getLogger("kindred.serving").warning("ended without waiting longer for a store that does not answer")
    os._exit(0)


def _log_to_stderr() -> None:
    """One line an event on stderr, whatever else logs."""
    log = logging.getLogger("kindred.serving")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


def listening(host: str, port: int) -> socket.socket:
    """A socket bound to an address. Raises: SettingsError where it is taken or not of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SettingsError(
            f"can't listen on {host}:{port}: {error}", "choose another with --host and --port"
        ) from error
    return listener
