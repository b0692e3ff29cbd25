"""Freed memory goes back to the system."""

from __future__ import annotations

import sys

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
