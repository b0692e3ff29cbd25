"""A user's own query in a process of its own, which is ended where it takes more memory or time than it may.

An engine's own limits are not enough: the embedded one looks at its clock and its memory between steps, and one step
may take gigabytes. Nothing but the end of a process bounds it truly.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import IO

import psutil
import pyarrow as pa

from kindred.domain.errors import KindredError, SchemaError, SettingsError, StoreError
from kindred.graph.cypher import check_parameters, check_read_only
from kindred.graph.query_process import request_of
from kindred.graph.server import GraphServer
from kindred.graph.store import QueryLimits
from kindred.processes import child_environment

GRACE_SECONDS = 1.0  # for the engine's own limit, which says more
LOOK_SECONDS = 0.01
START_SECONDS = 120.0  # for Python, the engine, and what a killed process left to mend
_KINDS: dict[str, type[KindredError]] = {kind.__name__: kind for kind in (SchemaError, SettingsError, StoreError)}


def bounded_query(
    url: str, server: GraphServer, cypher: str, parameters: Mapping[str, object], limits: QueryLimits
) -> pa.Table:
    """At most `limits.rows` rows of the answer of the graph at that URL, opened to be read.

    Raises:
        SchemaError: it would write, does not parse, or takes more memory or time than it may.
        StoreError: the graph can't be opened.
    """
    check_read_only(cypher)
    check_parameters(cypher, parameters)
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "kindred.graph.query_process"],
            stdin=subprocess.PIPE,
            stdout=answer,
            stderr=errors,
            env=child_environment(),
        )
        try:
            assert process.stdin is not None
            process.stdin.write(request_of(url, server, cypher, dict(parameters), limits))
            process.stdin.close()
            _watch(process, answer, limits)
        finally:
            process.kill()
            process.wait()
        return _answer(process.returncode, answer, errors)


def _watch(process: subprocess.Popen[bytes], answer: IO[bytes], limits: QueryLimits) -> None:
    """Returns when the process has ended by itself. Raises SchemaError where it takes too much."""
    watched = psutil.Process(process.pid)
    started = time.monotonic()
    opened: float | None = None
    while process.poll() is None:
        now = time.monotonic()
        if opened is None and os.fstat(answer.fileno()).st_size:
            opened = now
        if _memory(watched) > limits.memory_bytes:
            raise SchemaError(
                f"the query needs more than {limits.memory_bytes >> 20} MB of memory",
                "narrow it, or add a LIMIT; KINDRED_QUERY_MEMORY_MB sets the limit",
            )
        if opened is not None and now - opened > limits.seconds + GRACE_SECONDS:
            raise SchemaError(
                f"the query took longer than {limits.seconds:g} s",
                "narrow it, or add a LIMIT; --seconds and KINDRED_QUERY_SECONDS set the limit",
            )
        if opened is None and now - started > START_SECONDS:
            raise StoreError(f"the graph was not open after {START_SECONDS:g} s", "see `kindred doctor`")
        time.sleep(LOOK_SECONDS)


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended
        return 0


def _answer(code: int, answer: IO[bytes], errors: IO[bytes]) -> pa.Table:
    if code < 0:
        raise SchemaError(f"the query ended the graph engine (signal {-code})", "write it in another way")
    answer.seek(0)
    errors.seek(0)
    said = answer.readline()
    if said == b"open\n":
        said = answer.readline()
    if code or not said:
        last = errors.read().decode(errors="replace").strip().splitlines()[-1:]
        raise StoreError(f"the query's process failed: {''.join(last)}", "see `kindred doctor`")
    if error := json.loads(said):
        raise _KINDS.get(error["kind"], StoreError)(error["message"], error["next_step"])
    with pa.ipc.open_stream(answer.read()) as stream:
        return stream.read_all()
