"""Ctrl-C comes through where Python or a library would drop it."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAR = """import signal, sys, time
from kindred.cli.interrupts import hear_every_interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test that runs in the background has none
hear_every_interrupt()
"""
WAIT = "try:\n    time.sleep(60)\n    print('slept')\nexcept KeyboardInterrupt:\n    print('heard')"
SWALLOWS = (
    "import signal\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept BaseException:\n    pass\nended = True\n"
)
FINALIZER = "class Dropped:\n    def __del__(self):\n        raise KeyboardInterrupt\nDropped()\n"


@pytest.mark.parametrize("loses", ["import swallows\nassert swallows.ended\n", FINALIZER])
def test_a_ctrl_c_that_would_be_lost_is_heard(tmp_path: Path, loses: str) -> None:
    (tmp_path / "swallows.py").write_text(SWALLOWS)
    code = f"{HEAR}sys.path.insert(0, {str(tmp_path)!r})\n{loses}{WAIT}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("heard\n", "", 0)


STOPS = """import sys
from kindred import cli
class Stop:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
cli.main()
"""


def test_a_ctrl_c_while_commands_are_imported_ends_with_a_line_and_its_code() -> None:
    ended = subprocess.run([sys.executable, "-c", STOPS], capture_output=True, text=True)
    assert ended.returncode == 130
    assert ended.stderr == "interrupted; nothing was begun: run the same command again\n"
