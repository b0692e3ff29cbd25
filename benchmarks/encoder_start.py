"""`python -m benchmarks.encoder_start`: from a fresh process to the row of a user, by PyTorch and by ONNX Runtime.

A run of a generated sample (its texts as random vectors: their values change no time), its encoder exported; each
process loads the run and encodes ten users with eight events each. CPU seconds from the start of the process, time of
an encoding once warm, memory (RSS) in the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import TextEncoder
from kindred.domain.schema import graph_schema
from kindred.gnn.model import GnnConfig
from kindred.gnn.onnx_encoder import NOTE_FILE
from kindred.graph.open import open_graph
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.exporting import export_onnx
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.training import GraphState, train
from kindred.training.fit import RunOptions

_CHILD = """
import json, sys, time, resource
from pathlib import Path
import numpy as np
from kindred.domain.interactions import Interactions
from kindred.recommenders.histories import Histories
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
model = load_model(PRODUCTS, Path(sys.argv[1]))
users, items = np.repeat(np.arange(10), 8), np.arange(80) % len(model.items)
events = Interactions(users, items, 10, len(model.items), np.full(80, 5, np.float32), np.arange(80))
columns = {"at": np.arange(80), "rating": np.full(80, 5, np.float32),
           "text_embedding": np.full((80, 384), .05, np.float16)}
histories = Histories(events, columns)
rows = model.encode(histories)
used = time.process_time()
warm = []
for _ in range(50):
    started = time.perf_counter()
    model.encode(histories)
    warm.append(time.perf_counter() - started)
rss = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
print(json.dumps({"start": used, "ms": 1e3 * float(np.median(warm)), "rss": rss, "torch": "torch" in sys.modules,
                  "rows": rows.tolist()}))
"""


def _random_texts(texts: Sequence[str]) -> NDArray[np.float16]:
    rows: NDArray[np.float16] = np.random.default_rng(len(texts)).normal(0, 0.05, (len(texts), 384)).astype(np.float16)
    return rows


def main() -> None:
    """Prints both, and how far their rows are apart."""
    argparse.ArgumentParser(prog="python -m benchmarks.encoder_start", description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = generate_products(ProductSample(users=400, products=300, reviews=3_000), folder / "sample")
        store = open_graph(f"ladybug:{folder / 'graph'}")
        store.create_schema(graph_schema())
        encoder = TextEncoder("random", 384, _random_texts)
        options = IngestOptions(folder / "staging", folder / "quarantine")
        ingest_files(store, product_files(files.reviews, files.metadata), encoder, options)
        config = ModelConfig(gnn=GnnConfig(epochs=2))
        (folder / "runs" / "20260101-000000-aaaaaa").mkdir(parents=True)
        runs = RunOptions(folder / "runs" / "20260101-000000-aaaaaa", device="cpu")
        run = train(PRODUCTS, store, config, runs, GraphState(store.url, "benchmark"))
        store.close()
        exported = export_onnx(PRODUCTS, run)
        found = {"ONNX Runtime": _measured(run.folder)}
        (run.folder / NOTE_FILE).unlink()
        found["PyTorch"] = _measured(run.folder)
    for title, one in found.items():
        print(
            f"{title}: {one['start']:.2f} CPU-s from start to first rows, then {one['ms']:.2f} ms for 10 users, "
            f"{one['rss']:.0f} MB{'' if one['torch'] else ', PyTorch not imported'}"
        )
    apart = np.abs(np.array(found["PyTorch"]["rows"]) - np.array(found["ONNX Runtime"]["rows"])).max()
    print(f"rows at most {apart:.1g} apart (asked: 1e-5); at 0 to 10,000 events {exported.difference:.1g}")


def _measured(folder: Path) -> dict[str, object]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", _CHILD, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
