from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError, StoreError
from kindred.vectorstore.open import open_vectors


def test_the_url_picks_the_engine(tmp_path: Path) -> None:
    for scheme in ("exact", "qdrant-edge"):
        url = f"{scheme}:{tmp_path / scheme}"
        store = open_vectors(url)
        assert store.url == url and store.systems() == []
        store.close()


@pytest.mark.parametrize("url", ["", "data/vectors", "exact:", "faiss:here", "ftp://host"])
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_vectors(url)
    assert "qdrant-edge:FOLDER" in caught.value.next_step


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    server = pytest.importorskip("kindred.vectorstore.qdrant_server", reason="the extra qdrant is not installed")
    monkeypatch.setattr(server, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(StoreError, match=f"vector server {url}: timed out"):
            open_vectors(url)


def test_importing_costs_no_engine() -> None:
    heavy = {"qdrant_edge", "qdrant_client", "torch"}
    code = f"import sys, kindred.vectorstore.open; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
