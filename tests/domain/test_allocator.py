"""Freed memory goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from kindred.domain.allocator import give_back_freed


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of Arrow's wheels for Linux")
def test_what_arrow_keeps_of_freed_memory_is_given_back_too() -> None:
    resident = psutil.Process().memory_info
    texts = [pa.array(np.arange(20_000 + number)).cast(pa.string()) for number in range(300)]  # 80 MB
    held = resident().rss
    texts.clear()
    give_back_freed()
    assert resident().rss < held - 50e6


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of glibc")
def test_threads_share_what_they_freed(tmp_path: Path) -> None:
    code = f"""
import ctypes, threading
from kindred.domain.allocator import share_freed_among_threads
library = ctypes.CDLL(None)
library.fopen.restype = library.malloc.restype = ctypes.c_void_p
if {{share}}:
    share_freed_among_threads()
together = threading.Barrier(8)
def takes():
    library.malloc(1000)
    together.wait()
threads = [threading.Thread(target=takes) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
file = ctypes.c_void_p(library.fopen(b"{tmp_path / "arenas"}", b"w"))
library.malloc_info(0, file)
library.fclose(file)
"""

    def num_arenas(share: bool) -> int:
        subprocess.run([sys.executable, "-c", code.format(share=share)], check=True)
        return (tmp_path / "arenas").read_text().count("<heap nr=")

    assert num_arenas(share=True) == 2 < num_arenas(share=False)
