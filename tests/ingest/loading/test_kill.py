"""A kill at any moment, then the same command again: the graph of an ingest that nobody killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from tests.ingest.conftest import json_lines, review
from tests.ingest.loading.killed_ingest import KILLS


def test_killed_at_any_moment_and_run_again(tmp_path: Path) -> None:
    lines = [*(review(n) for n in range(300)), {"asin": "no user"}]
    (tmp_path / "reviews.jsonl").write_bytes(json_lines(lines))
    products = [{"asin": f"P{n}", "title": f"Title {n}", "category": ["A"], "brand": f"B{n % 4}"} for n in range(60)]
    (tmp_path / "metadata.jsonl").write_bytes(json_lines(products))
    done = subprocess.run(
        [sys.executable, "-m", "tests.ingest.loading.killed_ingest", str(tmp_path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[-signal.SIGKILL, 0, True]] * KILLS
    assert not (tmp_path / "staging").exists()
    for path in (tmp_path / "quarantine").iterdir():
        assert json.loads(path.read_bytes())["line"] == 301  # whole files, and no part of one
