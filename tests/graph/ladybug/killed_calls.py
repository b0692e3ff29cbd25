"""Kills a load at calls of the system: `python -m tests.graph.ladybug.killed_calls FOLDER [--every N] [--fraction F]`.

Each load runs in a process of its own that ends at its nth call that changes a file of the graph, a write after a
fraction of its bytes. The load opens an empty graph, opens it again, and ends with single live events. What is left
is opened, compared with what was acknowledged, completed by the whole load once more, and compared again.
Needs a C compiler; all calls are several thousand, and each takes about half a second in a folder held in memory.
"""

from __future__ import annotations

import argparse
import collections
import ctypes
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

from kindred.graph.ladybug import tables as embedded_tables
from kindred.graph.ladybug.store import EmbeddedGraph
from kindred.graph.statistics import graph_statistics
from kindred.graph.store import GraphStore
from tests.graph.graphs import BOOK, LIKED, READER, SCHEMA, table_of
from tests.graph.ladybug.killed_load import in_child, liked, load_frames, steps

SOURCE = Path(__file__).with_name("kill_calls.c")
BULK_ROWS = 20
Step = Callable[[GraphStore], object]


def sessions() -> list[list[Step]]:
    """What is done between an opening and the next: a first load, a second one, live events."""
    loaded = steps()
    events: list[Step] = [
        lambda store, rows=rows: store.upsert_edges(LIKED, table_of(LIKED, rows))  # type: ignore[misc]
        for rows in (
            liked(range(300, 301), 1_000, "live"),
            liked(range(300, 301), 4_000, "live, later"),
            liked(range(8, 9), 5_000, "live, an old one"),
        )
    ]
    events += [
        lambda store: store.upsert_nodes(READER, table_of(READER, [{"id": "r-new"}])),
        lambda store: store.upsert_nodes(BOOK, table_of(BOOK, [{"id": "b1", "title": "Live"}])),
        lambda store: store.delete_edges(LIKED, ["e300"]),
    ]
    return [loaded[:6], loaded[6:], events]


def load(folder: Path) -> None:
    """All sessions, a byte a step acknowledged."""
    with (folder / "acknowledged").open("ab", buffering=0) as notes:
        for session in sessions():
            with closing(EmbeddedGraph(folder / "graph")) as store:
                for step in session:
                    step(store)
                    notes.write(b".")


def reference(folder: Path) -> list[str]:
    """The content hash before the first step and after each."""
    with closing(EmbeddedGraph(folder)) as store:
        store.create_schema(SCHEMA)
        hashes = [graph_statistics(store, SCHEMA).content_hash]
        for step in (step for session in sessions() for step in session):
            step(store)
            hashes.append(graph_statistics(store, SCHEMA).content_hash)
    return hashes


def verdict(folder: Path, hashes: Sequence[str]) -> str:
    """`right`, or what is wrong with what a kill left in the folder."""
    done = len((folder / "acknowledged").read_bytes())
    with closing(EmbeddedGraph(folder / "graph")) as store:
        store.create_schema(SCHEMA)
        if graph_statistics(store, SCHEMA).content_hash not in hashes[done : done + 2]:
            return f"wrong after {done} acknowledged steps"
        for step in (step for session in sessions() for step in session):
            step(store)
        if graph_statistics(store, SCHEMA).content_hash != hashes[-1]:
            return f"wrong when completed after {done} acknowledged steps"
    return "right"


def compiled(folder: Path) -> Path:
    """The shared library of `kill_calls.c`."""
    library = folder / "kill_calls.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


def killed(folder: Path, call: int, fraction: float) -> int:
    """Calls made by a load that is ended at that call, by none if it is 0; 0 where it was ended."""
    shim = ctypes.CDLL(None)
    shim.kill_at_call.argtypes = [ctypes.c_char_p, ctypes.c_long, ctypes.c_double]
    folder.mkdir()

    def work() -> None:
        shim.kill_at_call(str(folder / "graph").encode(), call, fraction)
        load(folder)
        (folder / "calls").write_text(str(shim.calls_made()))

    code = in_child(work)
    assert code == (-signal.SIGKILL if call else 0), f"call {call}: the load ended with {code}"
    return 0 if call else int((folder / "calls").read_text())


def judge(folder: Path, kills: Iterable[tuple[int, float]]) -> collections.Counter[str]:
    """Kills at each (call, fraction) and counts the verdicts; what is not right keeps its folder.

    Everything that opens the engine runs in a child: the engine's threads would not survive the next fork.
    """
    found: collections.Counter[str] = collections.Counter()
    in_child(lambda: (folder / "hashes.json").write_text(json.dumps(reference(folder / "reference"))) and None)
    hashes = json.loads((folder / "hashes.json").read_text())
    for call, fraction in kills:
        run = folder / f"{call}-{fraction:g}"
        killed(run, call, fraction)
        code = in_child(lambda run=run: (run / "verdict").write_text(verdict(run, hashes)) and None)  # type: ignore[misc]
        said = (run / "verdict").read_text() if code == 0 else f"could not be opened again ({code})"
        found[said if said == "right" else f"call {call}, fraction {fraction:g}: {said}"] += 1
        if said == "right":
            shutil.rmtree(run)
    return found


def main() -> None:
    """Starts itself once more with the shim preloaded, then kills and judges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="kill at every Nth call")
    parser.add_argument(
        "--sample", type=int, default=0, help="kill at so many calls instead, spread evenly; the fractions take turns"
    )
    parser.add_argument("--fraction", type=float, nargs="+", default=[0.0, 0.5, 1.0])
    options = parser.parse_args()
    if "kill_calls" not in os.environ.get("LD_PRELOAD", ""):
        preloaded = {**os.environ, "LD_PRELOAD": str(compiled(options.folder))}
        os.execve(sys.executable, [sys.executable, "-m", "tests.graph.ladybug.killed_calls", *sys.argv[1:]], preloaded)
    embedded_tables.BULK_ROWS = BULK_ROWS
    load_frames()
    counted = options.folder / "all"
    killed(counted, 0, 1.0)
    made = range(1, int((counted / "calls").read_text()) + 1, options.every)
    if options.sample:
        sampled = sorted({made[place * (len(made) - 1) // (options.sample - 1)] for place in range(options.sample)})
        kills = list(zip(sampled, itertools.cycle(options.fraction), strict=False))
    else:
        kills = list(itertools.product(made, options.fraction))
    found = judge(options.folder, kills)
    sys.stdout.write("".join(f"{count} {said}\n" for said, count in found.items()))
    sys.exit(0 if set(found) == {"right"} else 1)


if __name__ == "__main__":
    main()
