"""A kill inside any call of the system, a write torn or not, costs nothing that was acknowledged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[3]
KILLS = 6  # of thousands of calls; `python -m tests.graph.ladybug.killed_calls FOLDER` tries them all


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that can be: a kill loses no page that was written, and thousands of syncs cost nothing."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as made:
        yield Path(made)


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="NOT TESTED: a kill inside a call needs Linux and a C compiler",
)
def test_a_kill_inside_a_call_costs_nothing_that_was_acknowledged(folder: Path) -> None:
    command = [sys.executable, "-m", "tests.graph.ladybug.killed_calls", str(folder), "--sample", str(KILLS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == f"{KILLS} right\n", done.stdout + done.stderr
