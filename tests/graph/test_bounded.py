"""A user's own query in a process of its own: the same answers, and an end where it takes too much."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from kindred.domain.errors import SchemaError, StoreError
from kindred.domain.schema import graph_schema
from kindred.graph.bounded import bounded_query
from kindred.graph.open import open_graph, open_to_read
from kindred.graph.query_process import request_of
from kindred.graph.server import GraphServer
from kindred.graph.store import QueryLimits
from tests.graph.crowd import build_crowd

# What passes gigabytes, or runs for minutes, before the embedded engine looks at its own limits.
GREEDY = [
    "UNWIND range(1, 100000000) AS x RETURN collect(x) AS xs",
    "UNWIND range(1, 100000000) AS x RETURN count(DISTINCT x) AS n",
    "UNWIND range(1, 100000000) AS x WITH x ORDER BY x % 1000 RETURN x AS x",
    "UNWIND range(1, 100000000) AS x WITH DISTINCT x RETURN max(x) AS x",
    "RETURN size(range(1, 1000000000)) AS n",
    "RETURN size(repeat(repeat(repeat('abcdefgh', 1000), 1000), 1000)) AS n",
    "UNWIND range(1, 100000) AS x RETURN collect(repeat('abcdefgh', 10000)) AS xs",
    "UNWIND range(1, 20000) AS x UNWIND range(1, 20000) AS y RETURN collect(x * y) AS xs",
    "UNWIND range(1, 20000) AS x UNWIND range(1, 20000) AS y WITH x, collect(y) AS ys RETURN collect(ys) AS xs",
    "WITH range(1, 30000000) AS xs RETURN size(xs + xs + xs + xs) AS n",
    "UNWIND range(1, 100000) AS x WITH range(1, 10000) AS ys RETURN collect(ys) AS ys",
    "MATCH (a:User), (b:User), (c:User), (d:User), (e:User), (f:User), (g:User) RETURN collect(a.id) AS ids",
]
MEGABYTES = 500


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = f"ladybug:{tmp_path_factory.mktemp('bounded') / 'graph'}"
    with closing(open_graph(url)) as store:
        build_crowd(store, seed=1)
    with closing(open_to_read(url, graph_schema())):  # a reader beside every query
        yield url


@pytest.mark.parametrize("cypher", GREEDY)
def test_a_greedy_query_is_ended_and_told_by_which_limit(url: str, cypher: str) -> None:
    limits = QueryLimits(seconds=0.5, memory_bytes=MEGABYTES << 20)
    try:
        answered = bounded_query(url, GraphServer(), cypher, {}, limits).num_rows
    except SchemaError as error:
        said = (f"{MEGABYTES} MB", "too much memory", "0.5 s", "failed")
        assert error.next_step and any(word in str(error) for word in said), error
    else:
        assert answered <= limits.rows
    assert not [child for child in psutil.Process().children() if "query_process" in " ".join(child.cmdline())]


def test_memory_is_bounded_by_the_limit_that_is_named(url: str) -> None:
    limits = QueryLimits(seconds=60.0, memory_bytes=MEGABYTES << 20)
    with pytest.raises(SchemaError, match=f"more than {MEGABYTES} MB of memory") as caught:
        bounded_query(url, GraphServer(), GREEDY[0], {}, limits)
    assert "KINDRED_QUERY_MEMORY_MB" in caught.value.next_step


def test_time_is_bounded_by_the_limit_that_is_named(url: str) -> None:
    endless = "UNWIND range(1, 1000000) AS x UNWIND range(1, 1000000) AS y RETURN sum(x * y) AS n"
    with pytest.raises(SchemaError, match=r"longer than 0\.5 s"):
        bounded_query(url, GraphServer(), endless, {}, QueryLimits(seconds=0.5))


def test_an_answer_is_the_one_that_the_store_gives(url: str) -> None:
    cypher = "MATCH (u:User) WHERE u.id = $id OR $every RETURN u AS u, u.id AS id, [1, 2] AS numbers ORDER BY id"
    parameters: dict[str, object] = {"id": "u1", "every": True}
    with closing(open_to_read(url, graph_schema())) as store:
        expected = store.query(cypher, parameters, QueryLimits(rows=3))
    answer = bounded_query(url, GraphServer(), cypher, parameters, QueryLimits(rows=3))
    assert answer.equals(expected) and answer.num_rows == 3


def test_the_process_of_a_query_loads_no_pandas(url: str) -> None:
    code = "import sys; from kindred.graph.query_process import main; main(); sys.exit('pandas' in sys.modules)"
    asked = request_of(url, GraphServer("", "", ""), "MATCH (u:User) RETURN u LIMIT 2", {}, QueryLimits())
    done = subprocess.run([sys.executable, "-c", code], input=asked, capture_output=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith(b"open\nnull\n"), done.stderr


@pytest.mark.parametrize(
    ("cypher", "said"),
    [("MATCH (n) RETURN n.id AS", "failed"), ("MATCH (n) DELETE n", "DELETE"), ("RETURN $x AS x", r"\$x")],
)
def test_an_error_is_the_one_that_the_store_raises(url: str, cypher: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said) as caught:
        bounded_query(url, GraphServer(), cypher, {}, QueryLimits())
    assert caught.value.next_step


def test_a_graph_that_is_being_written_can_not_be_asked(tmp_path: Path) -> None:
    url = f"ladybug:{tmp_path / 'graph'}"
    with closing(open_graph(url)), pytest.raises(StoreError, match=f"process {os.getpid()} writes it"):
        bounded_query(url, GraphServer(), "RETURN 1 AS n", {}, QueryLimits())
