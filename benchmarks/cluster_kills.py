"""What becomes of work on a cluster whose workers are killed: `python -m benchmarks.cluster_kills [--kills N]`.

Reading files into a graph, encoding texts and lists for everyone, each by one process and by a local cluster whose
workers die at random times, until so many have died at each: content hash, vectors and files must be the same. And a
network that two workers train together, whose weights must be those of two that live. How well such a network ranks,
`benchmarks.cluster_training` tells.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.killing import kills_of
from kindred.cluster import LOCAL, ray_parts, ray_together
from kindred.domain.ids import IdMap
from kindred.domain.interactions import Interactions
from kindred.domain.parts import PartMap, in_turn
from kindred.domain.schema import graph_schema
from kindred.features.text import open_text_encoder
from kindred.gnn.model import GnnConfig
from kindred.gnn.train import EdgeSplit, train_gnn
from kindred.graph.open import open_graph
from kindred.graph.statistics import graph_statistics
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.products import product_files
from kindred.linear.inputs.known_items import dot_scores
from kindred.recommenders.answering import lists_folder
from kindred.recommenders.answering.batch import BestItems, Everyone
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.ranking.ranker import RankedUsers
from kindred.training.fit import RunOptions

FILES, TEXTS, USERS, ITEMS = 12, 24_576, 200_000, 2_000
NETWORK = GnnConfig(hidden_dim=16, heads=4, text_dim=8, sampled_from=1, sampled_steps=4, sampled_batch=256, epochs=40)
Stage = Callable[[Path, PartMap], str]


def main() -> None:
    """Prints how many died at each stage, and whether the result is that of one process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_kills", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10, help="how many workers die at each stage")
    kills = parser.parse_args().kills
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = _files(folder / "sample")
        stages: dict[str, tuple[bytes, Stage]] = {
            "reading files": (b"ray::read_part", partial(_load, files)),
            "encoding texts": (b"ray::_encode_chunk", _encode),
            "lists for everyone": (b"ray::best_of_part", _lists),
        }
        for what, (title, stage) in stages.items():
            alone = stage(folder / f"{what} alone", in_turn)
            victims: list[int] = []
            results = set()
            while len(victims) < kills:
                with ray_parts(LOCAL) as parts, kills_of(title, kills - len(victims), 3.0, victims):
                    results.add(stage(folder / f"{what} {len(victims)}", parts))
            print(f"{what}: {len(victims)} workers killed, the same: {results == {alone}} (anchor True)", flush=True)
        _train_with_kills(_graph(files, folder / "graph"), folder, kills)


def _files(folder: Path) -> list[Path]:
    """A sample of reviews as several files."""
    lines = generate_products(ProductSample(), folder).reviews.read_bytes().splitlines(keepends=True)
    files = [folder / f"reviews-{number}.jsonl" for number in range(FILES)]
    for number, file in enumerate(files):
        file.write_bytes(b"".join(lines[number::FILES]))
    return files


def _load(files: list[Path], folder: Path, parts: PartMap) -> str:
    store = open_graph(f"ladybug:{folder / 'graph'}")
    ingest_files(
        store, product_files(files), None, IngestOptions(folder / "staging", folder / "quarantine", parts=parts)
    )
    content = graph_statistics(store, graph_schema()).content_hash
    store.close()
    return content


def _graph(files: list[Path], folder: Path) -> InteractionGraph:
    _load(files, folder, in_turn)
    store = open_graph(f"ladybug:{folder / 'graph'}")
    graph = read_interaction_graph(PRODUCTS, store)
    store.close()
    return graph


def _train_with_kills(graph: InteractionGraph, folder: Path, kills: int) -> None:
    """Prints whether a network is the same whose workers die, some of them after it was begun again."""
    alone = _weights(graph, folder / "network")
    victims: list[int] = []
    results = set()
    while len(victims) < kills:
        with kills_of(b"RayTrainWorker", kills - len(victims), 20.0, victims):
            results.add(_weights(graph, folder / f"network {len(victims)}"))
    print(f"network by two: {len(victims)} workers killed, the same: {results == {alone}} (anchor True)", flush=True)


def _weights(graph: InteractionGraph, folder: Path) -> str:
    """Hash of the weights of a network that two workers train."""
    rows = graph.interactions.edge_index
    assert rows is not None
    options = RunOptions(folder, device="cpu", save_seconds=1.0, together=ray_together(LOCAL))
    trained = train_gnn(graph.data, PRODUCTS.triple, EdgeSplit(rows, rows[:0]), NETWORK, options)
    told = hashlib.sha256()
    for name, values in sorted(trained.network.state_dict().items()):
        told.update(name.encode() + values.numpy().tobytes())
    return told.hexdigest()


def _encode(folder: Path, parts: PartMap) -> str:
    encoder = open_text_encoder(device="cpu", cache_folder=folder, parts=parts)
    return hashlib.sha256(encoder.encode([f"tent number {number}" for number in range(TEXTS)]).tobytes()).hexdigest()


def _lists(folder: Path, parts: PartMap) -> str:
    rng = np.random.default_rng(0)
    users, items = (rng.normal(size=(size, 64)).astype(np.float32) for size in (USERS, ITEMS))
    known = Interactions(rng.integers(0, USERS, 10 * USERS), rng.integers(0, ITEMS, 10 * USERS), USERS, ITEMS)
    some = np.zeros((USERS, 1), np.float32)
    ranked = RankedUsers(partial(dot_scores, users, items), np.arange(USERS), some, known, None)
    best = BestItems(100, ranked, None, ITEMS, np.ones(USERS, np.bool_), [])
    everyone = Everyone(IdMap(f"u{n}" for n in range(USERS)), IdMap(f"i{n}" for n in range(ITEMS)), best)
    lists_folder.write_lists_folder(folder, everyone, {"version": "v1"}, "products", parts)
    told = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        told.update(path.read_bytes())
    return told.hexdigest()


if __name__ == "__main__":
    main()
