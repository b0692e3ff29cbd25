"""Reading a table of PostgreSQL: `python -m benchmarks.sql_tables --rows 5000000`; rows a second and memory.

Needs PostgreSQL's programs; the server is its own, on 127.0.0.1, in a folder that is deleted at the end.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from kindred.ingest.sources import social_feed
from kindred.ingest.sql_tables import sql_table
from tests.ingest.postgres import new_postgres

_TABLE = (
    'CREATE TABLE feed_data ("timestamp" timestamp, user_id integer, post_id smallint, action text, target smallint)'
)
_FILL = (
    "INSERT INTO feed_data SELECT timestamp '2021-10-01' + n * interval '1 second', n % 100000, n % 7000, 'view', 0"
    " FROM generate_series(1, {}) n"
)
_GRANT = "CREATE ROLE reader LOGIN PASSWORD 's3cret/of:a@test'; GRANT SELECT ON feed_data, keyed TO reader"
_KEYED = "CREATE TABLE keyed (id bigserial PRIMARY KEY, LIKE feed_data)"


def main() -> None:
    """Prints a line for a table with a key and one without."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        server = new_postgres(Path(folder))
        server.start()
        try:
            server.run(_TABLE, _FILL.format(options.rows), _KEYED)
            server.run("INSERT INTO keyed SELECT nextval('keyed_id_seq'), * FROM feed_data", _GRANT)
            for table in ("feed_data", "keyed"):
                _read(server.url, table)
        finally:
            server.stop()


def _read(url: str, table: str) -> None:
    read = sql_table(url, table, social_feed.FEED).source.read_table
    assert read is not None
    begin, count = time.perf_counter(), 0
    for _ in read():
        count += 1
    took = time.perf_counter() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{table}: {count:,} rows in {took:.1f} s, {count / took:,.0f} a second; at most {memory:.0f} MB")


if __name__ == "__main__":
    main()
