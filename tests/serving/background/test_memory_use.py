"""What a service no longer uses goes back to the system."""

from __future__ import annotations

import sys

import anyio
import httpx
import numpy as np
import psutil
import pytest

from kindred.serving.background import memory_use
from kindred.serving.service import Service
from tests.serving.conftest import ask


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator of glibc")
def test_memory_that_was_freed_is_given_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_use, "SECONDS", 0.05)
    resident = psutil.Process().memory_info

    async def asks(client: httpx.AsyncClient) -> None:
        arrays = [np.ones(1 << 17) for _ in range(200)]  # 200 MB, which the process keeps when they are freed
        held = resident().rss
        arrays.clear()
        with anyio.fail_after(60):
            while resident().rss > held - 150e6:
                await anyio.sleep(0.05)
        assert resident().rss <= held - 150e6

    ask(service, asks)
