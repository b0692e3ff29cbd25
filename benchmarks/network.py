"""What the graph network adds: `python -m benchmarks.network [--data DIR] [--sample] [--seeds N] [--last] [--text]`.

Random 80/20 splits as `kindred evaluate --protocol random` makes them, one a seed, or each user's last review with
other random starts a seed; the whole catalogue ranked, known products left out: the whole model, the same without the
network, the network alone, and EASE with its ridge chosen on validation; with `--text` what texts add instead: the same
without texts in place of that without the network. Leads are paired over the users of all seeds.
Star ratings are compared with user + item bias. Every setting is the program's default.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import datasets
from benchmarks.product_graphs import read_product_data, reviews14_lines, sample_lines
from kindred.evaluation.bootstrap import paired_bootstrap
from kindred.evaluation.metrics import evaluate_ranking
from kindred.evaluation.splits import ProtocolName, split_by
from kindred.linear.baselines.ease import fit_ease
from kindred.linear.baselines.rating_baselines import fit_bias_rating
from kindred.recommenders.baselines import choose_ease_ridge
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.fitting import fit_model, fit_network_scores
from kindred.recommenders.interaction_graph import InteractionGraph
from kindred.training.fit import RunOptions

K = 10
METRICS = (f"recall@{K}", f"ndcg@{K}")
WHOLE, EASE, ALONE = "whole model", "EASE", "network alone"
LEFT_OUT = {"without network": ModelConfig(network=False), "without text": ModelConfig(text=False)}
ANCHORS = {"reviews of 2014": "EASE .1455 / .0882, EASE + text .1561 / .0922 on other random splits", "sample": "none"}
SQUARED, OF_BIAS = "squared error", "squared error of user + item bias"

Measured = dict[str, NDArray[np.float64]]
"""A metric of each user, or the squared error of each test event, by its name."""


def main() -> None:
    """Prints figures and leads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--sample", action="store_true", help="the generated sample instead of the reviews of 2014")
    parser.add_argument("--seeds", type=int, default=5, help="random splits, or random starts on the one in time")
    parser.add_argument("--last", action="store_true", help="each user's last review instead of random ones")
    parser.add_argument("--text", action="store_true", help="leave texts out, not the network")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    name = "sample" if arguments.sample else "reviews of 2014"
    graph = read_product_data(sample_lines() if arguments.sample else reviews14_lines(arguments.data)).graph
    bare = "without text" if arguments.text else "without network"
    configs = {WHOLE: ModelConfig(), bare: LEFT_OUT[bare]}
    protocol: ProtocolName = "temporal" if arguments.last else "random"
    seeds = [measure(graph, configs, seed, protocol) for seed in range(arguments.seeds)]
    figures = report(seeds, bare)
    if arguments.json:
        print(json.dumps({"data": name, "anchors": ANCHORS[name], **figures}))
        return
    how = "each user's last" if arguments.last else "random 80/20"
    print(f"{name}, {how}, {arguments.seeds} seeds; anchors: {ANCHORS[name]}")
    for title, figure in figures.items():
        print(f"  {title:<44} {figure}")


def measure(
    graph: InteractionGraph, configs: Mapping[str, ModelConfig], seed: int, protocol: ProtocolName
) -> dict[str, Measured]:
    """Every model of one split on its test events; on stderr what each fit took."""
    split, temporal = split_by(protocol, graph.interactions, seed), protocol == "temporal"
    test, known = split.test_events, split.known_events
    ease = fit_ease(known, choose_ease_ridge(split.train_events, split.validation_events))
    found = {EASE: dict(evaluate_ranking(ease, test, known, ks=(K,)).per_user)}
    for name, config in configs.items():
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            model = fit_model(graph, split.known, config, RunOptions(Path(folder), seed=seed), temporal=temporal)
        print(f"seed {seed}, {name}: fitted in {time.process_time() - start:.0f} CPU-s", file=sys.stderr, flush=True)
        found[name] = dict(evaluate_ranking(model.score_users, test, known, ks=(K,)).per_user)
        alone = fit_network_scores(graph, split.known, config, seed, temporal=temporal) if name == WHOLE else None
        if alone is not None:
            found[ALONE] = dict(evaluate_ranking(alone, test, known, ks=(K,)).per_user)
        if model.learned is not None and test.rating is not None:
            pairs = test.user_index, test.item_index
            found[name][SQUARED] = (model.rate(*pairs) - test.rating).astype(np.float64) ** 2
            found[name][OF_BIAS] = (fit_bias_rating(known)(*pairs) - test.rating).astype(np.float64) ** 2
    return found


def report(seeds: Sequence[Mapping[str, Measured]], bare: str) -> dict[str, str]:
    """Figures of each model, and what the whole one is ahead of each other, over all seeds and by seed.

    Args:
        seeds: what was measured.
        bare: the model that something is left out of.
    """
    figures = {}
    for name in seeds[0]:
        means = [np.mean([seed[name][metric].mean() for seed in seeds]) for metric in METRICS]
        figures[name] = " / ".join(f"{mean:.4f}" for mean in means)
    for name in [name for name in seeds[0] if name != WHOLE]:
        leads = [_lead([seed[WHOLE][m] for seed in seeds], [seed[name][m] for seed in seeds]) for m in METRICS]
        figures[f"whole − {name}"] = " / ".join(leads)
    gains = [float((seed[WHOLE][METRICS[0]] - seed[bare][METRICS[0]]).mean()) for seed in seeds]
    figures[f"whole − {bare}, recall by seed"] = ", ".join(f"{gain:+.4f}" for gain in gains)
    if all(SQUARED in seed[WHOLE] for seed in seeds):
        errors = [np.concatenate([seed[WHOLE][name] for seed in seeds]) for name in (SQUARED, OF_BIAS)]
        figures["MSE of stars, user + item bias"] = f"{errors[0].mean():.4f}, {errors[1].mean():.4f}"
        figures["MSE − that of user + item bias"] = _lead([errors[0]], [errors[1]])
    return figures


def _lead(ours: Sequence[NDArray[np.float64]], others: Sequence[NDArray[np.float64]]) -> str:
    return str(paired_bootstrap(np.concatenate(ours), np.concatenate(others), np.random.default_rng(0)))


if __name__ == "__main__":
    main()
