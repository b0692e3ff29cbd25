"""Tables of PostgreSQL into the graph: `python -m benchmarks.sql_tables [--rows 5000000] [--disturbed 500000]`.

* Reading alone, of a table of so many views with a key and of one without: rows a second, CPU-seconds, peak memory.
* `kindred ingest posts --sql` of the same views, 100,000 users and 7,000 posts, in a process of its own: the same, and
  once more of a tenth of them, so that it is seen how memory grows.
* Of the disturbed rows: the command killed in the middle of reading and run again; the server stopped for some seconds
  in the middle, and one whose processes stand still for some; each must give the content hash of an ingest that nobody
  disturbed.

Needs PostgreSQL's programs; the server is its own, on 127.0.0.1, in a folder that is deleted at the end. Texts are
encoded as means of word vectors.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.scale import CLI, run
from tests.ingest.postgres import PASSWORD, Postgres, new_postgres

USERS, POSTS = 100_000, 7_000
STOPPED_SECONDS = 5.0
_TABLES = (
    "CREATE TABLE user_data (user_id integer PRIMARY KEY, gender smallint, age smallint, city text)",
    f"INSERT INTO user_data SELECT n, n % 2, 20, 'Port ' || n % 90 FROM generate_series(0, {USERS - 1}) n",
    "CREATE TABLE post_text_df (post_id smallint PRIMARY KEY, text text, topic text)",
    f"INSERT INTO post_text_df SELECT n, 'what post ' || n || ' says', 'sport' FROM generate_series(0, {POSTS - 1}) n",
    f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'",
)
_FEED = 'CREATE TABLE {} ({}"timestamp" timestamp, user_id integer, post_id smallint, action text, target smallint)'
_FILL = (
    "INSERT INTO {} (\"timestamp\", user_id, post_id, action, target) SELECT timestamp '2021-01-01' + n * interval"
    f" '1 second', n % {USERS}, n % {POSTS}, 'view', 0 FROM generate_series(1, {{}}) n"
)


def main() -> None:
    """Prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--disturbed", type=int, default=500_000)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read(options.read)
        return
    with TemporaryDirectory() as folder:
        server = new_postgres(Path(folder))
        server.start()
        try:
            measure(server, Path(folder), options.rows, options.disturbed)
        finally:
            server.stop()


def measure(server: Postgres, folder: Path, rows: int, disturbed: int) -> None:
    """Prints rows a second and memory of each way to read, and what became of ingests that were disturbed."""
    run(sys.executable, "-m", "benchmarks.scale", "--encoder", str(folder / "encoder"))
    os.environ |= {"KINDRED_SQL": server.url, "KINDRED_ENCODER": str(folder / "encoder")}
    server.run(*_TABLES)
    sizes = {"feed_data": rows, "keyed": rows, "tenth": rows // 10, "disturbed": disturbed}
    for table, size in sizes.items():
        key = "" if table == "feed_data" else "id bigserial PRIMARY KEY, "
        server.run(_FEED.format(table, key), _FILL.format(table, size))
    server.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", "ANALYZE")
    for table in ("feed_data", "keyed"):
        _timed(f"reading {table}", sizes[table], sys.executable, "-m", "benchmarks.sql_tables", "--read", table)
    for table in ("tenth", "keyed"):
        _timed(f"ingest of {table}", sizes[table], *_ingest(folder / table, table))
    run(*_ingest(folder / "whole", "disturbed"))
    whole = _content(folder / "whole")
    for name, disturb in (("killed", _kill), ("stopped", _stop(server)), ("standing still", _halt(server))):
        graph = folder / name.replace(" ", "-")
        print(f"{name}: {_disturbed(graph, disturb)}, content hash as undisturbed: {_content(graph) == whole}")


def read(table: str) -> None:
    """Reads a table to its end."""
    from kindred.ingest.formats.sql_tables import find_table, read_table
    from kindred.ingest.sources import social_feed

    for _ in read_table(find_table(os.environ["KINDRED_SQL"], table), social_feed.FEED):
        pass


def _ingest(data: Path, table: str) -> tuple[str, ...]:
    names = ("--users-table", "user_data", "--posts-table", "post_text_df", "--feed-table", table)
    return (*CLI, "--data-dir", str(data), "ingest", "posts", *names)


def _timed(name: str, rows: int, *command: str) -> None:
    begin = time.perf_counter()
    cost = run(*command)
    took = time.perf_counter() - begin
    rate = f"{rows / took:,.0f} rows a second, {rows / cost.seconds:,.0f} a CPU-second"
    print(f"{name}: {rows:,} rows in {took:.0f} s, {rate}; at most {cost.gb:.2f} GB", flush=True)


def _content(data: Path) -> str:
    done = subprocess.run(
        (*CLI, "--data-dir", str(data), "graph", "stats", "--json"), check=True, capture_output=True, text=True
    )
    return str(json.loads(done.stdout)["content_hash"])


def _disturbed(data: Path, disturb: Callable[[subprocess.Popen[bytes]], None]) -> str:
    """Runs an ingest, disturbs it in the middle of reading, and runs it again if it came to nothing."""
    command = _ingest(data, "disturbed")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    feed = data / "staging"
    while process.poll() is None and sum(file.stat().st_size for file in feed.glob("*VIEWED*")) < 5 << 20:
        time.sleep(0.05)
    was_running = process.poll() is None
    disturb(process)
    _, said = process.communicate()
    if process.returncode:
        run(*command)
    ended = f"ended with {process.returncode} and was run again" if process.returncode else "went on"
    return f"{'disturbed while reading' if was_running else 'too late'}, {ended} {said.decode()[-200:]}".strip()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)


def _stop(server: Postgres) -> Callable[[subprocess.Popen[bytes]], None]:
    def stop(_: subprocess.Popen[bytes]) -> None:
        server.stop()
        time.sleep(STOPPED_SECONDS)
        server.start()

    return stop


def _halt(server: Postgres) -> Callable[[subprocess.Popen[bytes]], None]:
    """Every process of the server stands still, as on a machine that is too busy."""

    def halt(_: subprocess.Popen[bytes]) -> None:
        import psutil

        assert server.process is not None
        main_process = psutil.Process(server.process.pid)
        all_of_it = [main_process, *main_process.children(recursive=True)]
        for one in all_of_it:
            one.suspend()
        time.sleep(STOPPED_SECONDS)
        for one in all_of_it:
            one.resume()

    return halt


if __name__ == "__main__":
    main()
