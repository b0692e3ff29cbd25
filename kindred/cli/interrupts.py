"""Ctrl-C where Python would lose it: within imports, some of which catch everything, and within finalizers."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

_AGAIN_SECONDS = 0.05
_IMPORTING = "<frozen importlib._bootstrap>"


def hear_every_interrupt() -> None:
    """Has a Ctrl-C wait until nothing is being imported, and one that a finalizer dropped come again."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # whoever started the process wants none, or another handler
    interrupts = _Interrupts()
    signal.signal(signal.SIGINT, interrupts.come)
    sys.unraisablehook = interrupts.drop


class _Interrupts:
    def __init__(self) -> None:
        self._is_waiting = False
        self._show = sys.unraisablehook

    def come(self, number: int, frame: FrameType | None) -> None:
        if _is_importing(frame):
            self._come_again()
        else:
            signal.default_int_handler(number, frame)

    def drop(self, dropped: Any) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            self._come_again()
        else:
            self._show(dropped)

    def _come_again(self) -> None:
        main = threading.main_thread().ident
        if self._is_waiting or main is None:
            return

        def send() -> None:
            self._is_waiting = False
            # to the main thread itself: it may sleep or wait, and only a signal of its own wakes it
            signal.pthread_kill(main, signal.SIGINT)

        self._is_waiting = True
        timer = threading.Timer(_AGAIN_SECONDS, send)
        timer.daemon = True
        with suppress(RuntimeError):  # the process is ending already
            timer.start()


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False
