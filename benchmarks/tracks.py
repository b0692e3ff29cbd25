"""What to listen to next, beside the anchors: `python -m benchmarks.tracks generated|lastfm [--data-dir DIR]`.

* `generated`: listening sessions of `kindred generate tracks`, 3,000 users, 4,000 tracks, 120,000 events: the report of
  `kindred evaluate --system tracks` on each user's last played track, and what sessions of the same listeners last
  against four policies (`kindred simulate tracks`).
* `lastfm`: the plays of 1,892 listeners and 17,632 artists, a random fifth held out, one split, system `listens`.
* `lastfm-parts`: the same without the graph network, and what tags of artists and numbers of plays add to it.

Both go through the steps that the commands call, into a folder that is kept, so that texts are encoded once.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.datasets import DEFAULT_DATA, find_file
from kindred.evaluation.protocol import FittedModel
from kindred.evaluation.report import Report
from kindred.evaluation.report_text import render_table
from kindred.evaluation.splits import Split
from kindred.ingest.generate.tracks import TrackSample, generate_tracks
from kindred.ingest.music import track_files
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.judging.evaluating import EvaluationOptions, evaluate, fit_recipe
from kindred.recommenders.listens import LISTENS
from kindred.recommenders.runs import Run
from kindred.settings import Settings, load_settings
from kindred.steps import evaluate_run, ingest, publish_run, simulate_sessions, train_system
from kindred.stores import graph_to_read
from kindred.training.fit import RunOptions

POLICIES = ("random", "popular", "same-artist", "model")
SESSIONS, AT_MOST = 2_000, 2
SIMULATED = "anchors of a published simulator, over random: same artist +46 %, LightGCN +18 %"
LASTFM = (
    "anchors, recall / NDCG @20, another random 80/20: ALS .2894 / .2915, the linear scorers with plays .2936 / .2971"
)


def main() -> None:
    """Prints the report that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("generated", "lastfm", "lastfm-parts"))
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--data-dir", type=Path, default=Path("data/benchmarks"))
    parser.add_argument("--users", type=int, default=3_000)
    parser.add_argument("--tracks", type=int, default=4_000)
    parser.add_argument("--events", type=int, default=120_000)
    options = parser.parse_args()
    if options.which == "generated":
        sample = TrackSample(options.users, options.tracks, options.events)
        _generated(sample, _settings(options.data_dir / f"tracks-{options.events}"))
    else:
        plays = find_file(options.data, "lastfm_hetrec2011", "user_artists.dat")
        settings = _settings(options.data_dir / "lastfm")
        ingest(settings, track_files(plays.parent))
        if options.which == "lastfm":
            _lastfm(settings)
        else:
            _lastfm_parts(settings)


def _settings(folder: Path) -> Settings:
    return load_settings().model_copy(update={"data_dir": folder})


def _generated(sample: TrackSample, settings: Settings) -> None:
    files = generate_tracks(sample, settings.data_dir / "sample")
    ingest(settings, track_files(None, [files.events], [files.metadata]))
    run = _trained(settings, "tracks")
    _judge(settings, run, EvaluationOptions("temporal", range(1)))
    publish_run(settings, run)
    print(f"\nseconds of recommended tracks a session, {SESSIONS:,} sessions, at most {AT_MOST} of an artist")
    for policy in POLICIES:
        mean = simulate_sessions(settings, policy, (sample.users, sample.tracks), SESSIONS, AT_MOST).mean
        print(f"  {policy:12} {mean.mean:6.0f} [{mean.low:.0f}, {mean.high:.0f}]", flush=True)
    print(SIMULATED)


def _lastfm(settings: Settings) -> None:
    report = _judge(settings, _trained(settings, "listens"), EvaluationOptions("random", range(1)))
    rows = {"model": report["ranking"]["model"], **report["ranking"]["baselines"]}
    for name, figures in rows.items():
        print(f"  {name:12} recall / NDCG @20  {figures['recall@20']:.4f} / {figures['ndcg@20']:.4f}")
    print(LASTFM)


def _lastfm_parts(settings: Settings) -> None:
    with graph_to_read(settings) as store:
        graph, *others = (
            read_interaction_graph(system, store)
            for system in (LISTENS, replace(LISTENS, context=()), replace(LISTENS, weight=()))
        )
    without = dict(zip(("without tags", "without plays"), others, strict=True))

    def fit(known: InteractionGraph, config: ModelConfig, split: Split, options: RunOptions) -> FittedModel:
        variants = {name: fit_recipe(other, config, split, options) for name, other in without.items()}
        return replace(fit_recipe(known, config, split, options), variants=variants)

    options = RunOptions(settings.data_dir / "parts")
    report = evaluate(graph, ModelConfig(network=False), EvaluationOptions("random", range(1)), options, fit)
    print(render_table(report))
    print(LASTFM)


def _trained(settings: Settings, system: str) -> Run:
    started = time.process_time()
    run = train_system(settings, system, ModelConfig(), None)
    print(f"trained {system} in {time.process_time() - started:,.0f} CPU-s", flush=True)
    if ranker := run.manifest.get("ranker"):
        print(f"ranker on validation: {ranker}")
    return run


def _judge(settings: Settings, run: Run, options: EvaluationOptions) -> Report:
    started = time.process_time()
    report, _ = evaluate_run(settings, run, options)
    print(render_table(report))
    print(f"judged in {time.process_time() - started:,.0f} CPU-s", flush=True)
    return report


if __name__ == "__main__":
    main()
