"""`kindred serve` as a process: it says where it is, answers, and ends in order."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kindred.cli.app import whole_tree
from kindred.cli.demo import service_text
from kindred.domain.errors import SettingsError
from kindred.serving.running import listening, run
from kindred.settings import Settings

app = whole_tree()

pytestmark = pytest.mark.long

OTHER_ENCODER = "free texts and words of new events can't be understood"
"""That of the shop is the tests' own; the process finds that out soon after it has begun."""


@contextmanager
def running(settings: Settings, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address."""
    command = [sys.executable, str(Path(__file__).parents[2] / "cli.py"), "--data-dir", str(settings.data_dir)]
    patient = os.environ | {"KINDRED_SERVE_DEADLINE_MS": "60000"}  # of a busy machine that loads PyTorch
    started = [*command, "serve", "--port", "0", *options]
    process = subprocess.Popen(started, stderr=subprocess.PIPE, text=True, env=patient)
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                break
        else:
            raise AssertionError("".join(said))
        yield process, found.group()
    finally:
        process.kill()
        process.wait()


def test_the_lines_that_the_demo_ends_with_work_and_the_process_ends_in_order(settings: Settings) -> None:
    with running(settings) as (process, address):
        with httpx.Client(base_url=address, timeout=30) as client:
            assert set(client.get("/health/ready").json()["problems"]) <= {OTHER_ENCODER}
            assert len(client.get("/v1/products/users/nobody/recommendations?k=3").json()["items"]) == 3
        host, port = address.removeprefix("http://").split(":")
        here = settings.model_copy(update={"serve_host": host, "serve_port": int(port)})
        start, *requests = service_text(here, "kindred ", "U00001", "P00007").splitlines()
        assert start.startswith("kindred serve") and address in start and len(requests) == 3
        for request in requests:
            wordless = request.replace("just what I was looking for", "")
            done = subprocess.run(wordless, shell=True, capture_output=True, check=True, text=True)
            answer = json.loads(done.stdout)
            lists = answer["recommendations"] if "recommendations" in answer else [answer["items"]]
            assert len(lists) == 1 and len(lists[0]) == 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_two_processes_answer_on_one_address(settings: Settings) -> None:
    with (
        running(settings, "--workers", "2") as (process, address),
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        assert client.get("/v1/users/U00001/recommendations?k=3").json()["level"] == "model"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_the_service_starts_without_the_libraries_of_training() -> None:
    wanted = "{'torch', 'scipy', 'lightgbm', 'matplotlib', 'sentence_transformers'}"
    script = f"import sys, kindred.serving.running; print(*{wanted} & set(sys.modules))"
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == "", "loaded before the first request"


STOPPED_AT_ONCE = """
import os, signal, sys, uvicorn
from threadpoolctl import threadpool_info
from kindred.cli import main

def told_to_stop_first(server, sockets, run=uvicorn.Server.run):
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    os.kill(os.getpid(), signal.SIGTERM)
    run(server, sockets)

uvicorn.Server.run = told_to_stop_first
main()
"""


HANGS = """
import threading
from kindred.serving import running
from kindred.serving.service import Service

running.STOP_SECONDS = 0.5
Service.warm = lambda service: None
Service.close = lambda service: threading.Event().wait(600)
"""


@pytest.mark.parametrize("first", ["", HANGS])
def test_a_process_told_to_stop_before_it_listens_ends(settings: Settings, first: str) -> None:
    """Also one with a store that does not answer; each has one thread for linear algebra, whatever the machine has."""
    command = [
        sys.executable,
        "-c",
        first + STOPPED_AT_ONCE,
        "--data-dir",
        str(settings.data_dir),
        "serve",
        "--port",
        "0",
    ]
    two = os.environ | {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    assert subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60, env=two).returncode == 0


def test_an_encoder_that_is_not_there_is_told_before_anything_is_served(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kindred.serving.running.serve_on", lambda settings, listener: None)
    run(settings)
    with pytest.raises(SettingsError, match="no folder that is there"):
        run(settings.model_copy(update={"encoder": "/no/such/folder"}))


DEAF = """
import os, signal, socket, sys, time
from kindred.serving import workers
from kindred.settings import Settings

def serve(settings, listener):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(600)

if __name__ == "__main__":
    workers.END_SECONDS = 0.5
    workers.run_workers(Settings(serve_workers=2), socket.socket(), serve)
"""


def test_processes_that_do_not_end_are_killed(tmp_path: Path) -> None:
    script = tmp_path / "deaf.py"
    script.write_text(DEAF, encoding="utf-8")
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, script], env=here, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0 and "did not end in order" in done.stderr


def test_a_demo_that_could_not_listen_begins_nothing(tmp_path: Path) -> None:
    with listening("127.0.0.1", 0) as taken, pytest.raises(SettingsError, match="can't listen"):
        port = str(taken.getsockname()[1])
        app(["--data-dir", str(tmp_path), "serve", "--demo", "--port", port], standalone_mode=False)
    assert not (tmp_path / "sample").exists()
