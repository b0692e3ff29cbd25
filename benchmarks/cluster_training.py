"""The graph network by workers of a local cluster: `python -m benchmarks.cluster_training [--data DIR] [--kills N]`.

Reviews of 2014, each user's last review held out, a training whose steps see samples of the graph whatever its size:
by this process alone, by two workers, and by two workers of which one is killed at random moments. The lists of the
first two are compared over the users, their networks' by themselves too; of the last two, every tensor.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import datasets
from benchmarks.killing import kills_of
from benchmarks.product_graphs import read_product_data, reviews14_lines
from kindred.cluster import LOCAL, ray_together
from kindred.domain.parts import Together
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import Split, split_by
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.fitting import fit_model
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.recommenders.model import Model
from kindred.training.fit import RunOptions

METRIC = "recall@10"


def main() -> None:
    """Prints figures, leads with intervals, and whether killing changed anything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_training", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--kills", type=int, default=3, help="how often a worker is killed")
    arguments = parser.parse_args()
    graph = read_product_data(reviews14_lines(arguments.data)).graph
    split = split_by("temporal", graph.interactions, 0)
    alone, two = _fitted(graph, split, None), _fitted(graph, split, ray_together(LOCAL))
    for name, whole in (("whole model", True), ("network by itself", False)):
        one_hits, two_hits = (_hits(model, split, whole=whole) for model in (alone, two))
        lead = paired_bootstrap(two_hits, one_hits, np.random.default_rng(0))
        print(f"{name}: {METRIC} {one_hits.mean():.4f} alone, {two_hits.mean():.4f} by two, {lead}", flush=True)
    victims: list[int] = []
    killed = _fitted(graph, split, _killing(ray_together(LOCAL), arguments.kills, victims))
    print(f"largest difference after {len(victims)} kills: {_difference(two, killed)} (anchor 0)")


def _fitted(graph: InteractionGraph, split: Split, together: Together | None) -> Model:
    config = ModelConfig()
    config = config.model_copy(update={"gnn": config.gnn.model_copy(update={"sampled_from": 1})})
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        model = fit_model(graph, split.known, config, RunOptions(Path(folder), save_seconds=2.0, together=together))
    print(f"fitted in {time.perf_counter() - began:.0f} s", flush=True)
    return model


def _hits(model: Model, split: Split, *, whole: bool) -> np.ndarray:
    assert model.learned is not None
    score = model.score_users if whole else model.learned.vectors.score
    return evaluate_ranking(score, split.test_events, split.known_events, ks=(10,)).per_user[METRIC]


def _killing(together: Together, kills: int, victims: list[int]) -> Together:
    """The same while a worker is killed now and then."""

    def killed(work, shared, waiting):  # type: ignore[no-untyped-def]
        with kills_of(b"RayTrainWorker", kills, 15.0, victims):
            together(work, shared, waiting)

    return killed


def _difference(one: Model, other: Model) -> float:
    assert one.learned is not None and other.learned is not None
    mine, theirs = (part.gnn.network.state_dict() for part in (one.learned, other.learned))
    return max(float((mine[name] - theirs[name]).abs().max()) for name in mine)


if __name__ == "__main__":
    main()
