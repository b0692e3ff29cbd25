"""`make bench`: every figure that the documents quote, beside its anchor, in one run.

Those that need long are run by hand: `python -m benchmarks.ranking gowalla|instruments18|lastfm`, `sql_tables` (a
PostgreSQL of its own). The last step needs Java 17 and Maven.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

STEPS = (
    "planted",
    "planted_network",
    "parsing",
    "scale",
    "encoding",
    "graph_load",
    "epoch",
    "propagation",
    "vector_search",
    "published",
    "recommend",
    "encoder_start",
    "service",
    "service_events",
    "ranking reviews14",
    "diversity",
    "one_history",
    "freshness",
    "network",
    "cold_start",
    "new_products",
    "queries esci",
    "queries shop",
    "tracks generated",
    "tracks lastfm",
    "posts samples",
    "posts simulator",
    "news",
    "tag_lists",
    "tags_given",
    "tags gtzan",
    "tags generated",
    "hostile",
    "service_kills",
    "graph_neo4j",
)


def main() -> int:
    """Runs each step in a process of its own, so that none warms or burdens the next; 1 if any failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=f"Runs benchmarks one after the other: {', '.join(STEPS)}."
    )
    parser.add_argument("steps", nargs="*", metavar="STEP", help="only these, such as freshness; all unless named")
    named = parser.parse_args().steps
    if unknown := set(named) - set(STEPS):
        parser.error(f"no step is called {', '.join(sorted(unknown))}; --help lists them")
    failed = []
    for step in named or STEPS:
        print(f"\n== python -m benchmarks.{step}", flush=True)
        module, *arguments = step.split()
        if subprocess.run([sys.executable, "-m", f"benchmarks.{module}", *arguments], check=False).returncode:
            failed.append(step)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
