"""The process that `bounded_query` starts: one query, read from standard input, answered on standard output.

The request is one JSON object. The answer begins with a line `open` once the graph is; then comes a line of JSON, null
or an error, and the rows as an Arrow stream.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

import pyarrow as pa

from kindred.domain.errors import KindredError
from kindred.domain.schema import graph_schema
from kindred.graph.open import open_to_read
from kindred.graph.server import GraphServer
from kindred.graph.store import QueryLimits

EXTRA_CPU_SECONDS = 30  # for start and end; whoever outlives this is ended by the system even if unwatched


class NoPandas(MetaPathFinder):
    """Finds no pandas, which pyarrow would load where it is installed, to see that no value of an answer is of it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Nothing. Raises: ModuleNotFoundError for pandas, half of the time of a short query."""
        if name == "pandas":
            raise ModuleNotFoundError("pandas is not needed here", name=name)


def main() -> None:
    """Answers the query of standard input."""
    sys.meta_path.insert(0, NoPandas())
    request: dict[str, Any] = json.load(sys.stdin)
    limits = QueryLimits(**request["limits"])
    cpu = int(limits.seconds * (os.cpu_count() or 1)) + EXTRA_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    try:
        with closing(open_to_read(request["url"], graph_schema(), GraphServer(**request["server"]))) as store:
            _say(b"open\n")
            answer = store.query(request["cypher"], request["parameters"], limits)
    except KindredError as error:
        said = {"kind": type(error).__name__, "message": error.message, "next_step": error.next_step}
        _say(json.dumps(said).encode() + b"\n")
        return
    _say(b"null\n")
    with pa.ipc.new_stream(sys.stdout.buffer, answer.schema) as stream:
        stream.write_table(answer)
    sys.stdout.buffer.flush()


def request_of(url: str, server: GraphServer, cypher: str, parameters: dict[str, object], limits: QueryLimits) -> bytes:
    """The request as `main` reads it."""
    request = {
        "url": url,
        "server": dataclasses.asdict(server),
        "cypher": cypher,
        "parameters": parameters,
        "limits": dataclasses.asdict(limits),
    }
    return json.dumps(request).encode()


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
