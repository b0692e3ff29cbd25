"""What to listen to next, beside the anchors: `python -m benchmarks.tracks generated|answers|lastfm [--data-dir DIR]`.

* `generated`: listening sessions of `kindred generate tracks`, 3,000 users, 4,000 tracks, 120,000 events: the report of
  `kindred evaluate --system tracks` on each user's last played track, and what sessions of the same listeners last
  against five policies (`kindred simulate tracks`).
* `answers`: what an answer of the service costs, from the version that `generated` published: between two sessions,
  where retrieval ranks, right after a play in a session, where the network ranks candidates, and the same asked again.
* `lastfm`: the plays of 1,892 listeners and 17,632 artists, a random fifth held out, one split, system `listens`.
* `lastfm-parts`: the same without the graph network, beside ALS alone, and what it is without tags of artists, without
  numbers of plays, and with what friends listen to, which no model reads.

Both go through the steps that the commands call, into a folder that is kept, so that texts are encoded once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from benchmarks.datasets import DEFAULT_DATA, find_file
from benchmarks.light_client import LightClient
from benchmarks.service import Server
from kindred.domain.ids import IdMap
from kindred.domain.interactions import Scorer
from kindred.domain.records import FriendOf
from kindred.domain.schema import edge_type_of
from kindred.evaluation.bootstrap import interval_text
from kindred.evaluation.protocol import Baselines, FittedModel, ProtocolConfig, run_protocol
from kindred.evaluation.report import Report, build_report
from kindred.evaluation.report_text import render_table
from kindred.evaluation.splits import Split
from kindred.graph.store import GraphStore
from kindred.graph.tables import edge_table
from kindred.ingest.generate.tracks import TrackSample, generate_tracks
from kindred.ingest.music import track_files
from kindred.linear.inputs.known_items import known_items
from kindred.linear.scorers.scorer import in_spreads
from kindred.recommenders.baselines import report_baselines
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.interaction_graph import read_interaction_graph
from kindred.recommenders.judging.evaluating import SELECTION, EvaluationOptions, fit_recipe
from kindred.recommenders.listens import LISTENS
from kindred.recommenders.runs import Run
from kindred.settings import Settings, load_settings
from kindred.simulating import POLICIES, simulate_sessions
from kindred.steps import evaluate_run, ingest, publish_run, train_system
from kindred.stores import graph_to_read
from kindred.training.fit import RunOptions

FRIENDS_SHARE = np.float32(0.1)
"""What friends say beside what the model says: of a tenth to four tenths the least was best on validation."""
SESSIONS, AT_MOST = 2_000, 2
ASKED, SETTLED = 300, 5.0
"""Users that are asked for, and seconds after their events, so that these are in the graph before."""
ROUTE = "/v1/tracks/users/{}/recommendations?k=10"
SIMULATED = "anchors of a published simulator, over random: same artist +46 %, LightGCN +18 %"
LASTFM = (
    "anchors, recall / NDCG @20, another random 80/20: ALS .2894 / .2915, the linear scorers with plays .2936 / .2971"
)


def main() -> None:
    """Prints the report that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("generated", "answers", "lastfm", "lastfm-parts"))
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--data-dir", type=Path, default=Path("data/benchmarks"))
    parser.add_argument("--users", type=int, default=3_000)
    parser.add_argument("--tracks", type=int, default=4_000)
    parser.add_argument("--events", type=int, default=120_000)
    options = parser.parse_args()
    settings = _settings(options.data_dir / f"tracks-{options.events}")
    if options.which == "generated":
        _generated(TrackSample(options.users, options.tracks, options.events), settings)
    elif options.which == "answers":
        _answers(settings)
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
        print(f"  {policy:17} {mean.mean:6.0f} [{mean.low:.0f}, {mean.high:.0f}]", flush=True)
    print(SIMULATED)


def _answers(settings: Settings) -> None:
    lines = (settings.data_dir / "sample" / "events.jsonl").read_text().splitlines()
    played = [json.loads(line) for line in random.Random(0).sample(lines, 4 * ASKED)]
    users, tracks = [*dict.fromkeys(event["user"] for event in played)], [event["track"] for event in played]
    warm, asked = users[:ASKED], users[ASKED : 2 * ASKED]
    server = Server(settings.data_dir)

    def cost(users: Sequence[str]) -> float:
        """Milliseconds of CPU that the service takes for an answer, at the mean."""
        before = server.cpu()
        asyncio.run(server.ask([ROUTE.format(user) for user in users], connections=1))
        return 1e3 * (server.cpu() - before) / len(users)

    def play(users: Sequence[str]) -> None:
        event = {"system": "tracks", "share": 0.9}
        events = [
            {**event, "user_id": user, "item_id": track, "event_id": f"{user} {time.time_ns()}"}
            for user, track in zip(users, tracks, strict=False)
        ]
        client = LightClient(server.host, server.port)
        assert asyncio.run(client.post("/v1/events", events)).status == 200
        time.sleep(SETTLED)

    try:
        cost(warm)
        print(f"CPU ms an answer of ten tracks, one connection, means of {len(asked)}; anchor: <= 5 in a session")
        print(f"  between two sessions, by retrieval        {cost(asked):5.1f}")
        play(warm)
        cost(warm)
        play(asked)
        print(f"  in a session, right after a play          {cost(asked):5.1f}")
        print(f"  in a session, asked again                 {cost(asked):5.1f}")
        play(asked)
        print(f"  in a session, right after the next play   {cost(asked):5.1f}")
    finally:
        server.stop()


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
        friends = _friends(store, graph.users)
    without = dict(zip(("without tags", "without plays"), others, strict=True))
    config, options = ModelConfig(network=False), RunOptions(settings.data_dir / "parts")

    def fit(split: Split, seed: int) -> FittedModel:
        fitted, *bare = (
            fit_recipe(read, config, split, replace(options, seed=seed)) for read in (graph, *without.values())
        )
        assert fitted.score_users is not None
        variants = dict(zip(without, bare, strict=True)) | _with_friends(fitted.score_users, friends, split)
        return replace(fitted, variants=variants)

    offered = report_baselines(graph.interactions, None)
    als = {name: baseline for name, baseline in offered.ranking.items() if name == "als"}
    protocol = ProtocolConfig("random", baselines=Baselines(als, left_out=offered.left_out))
    report = build_report(run_protocol(graph.interactions, fit, protocol), SELECTION)
    print(f"{'recall / NDCG @20':28}{report['ranking']['model']['recall@20']:.4f}", end="")
    print(f" / {report['ranking']['model']['ndcg@20']:.4f}   the model minus each")
    for name, figures in report["ranking"]["baselines"].items():
        _print_beside(name, figures, report["ranking"]["delta"][name])
    for name, variant in report["ablation"].items():
        _print_beside(name, variant["ranking"], variant["delta"])
    print(LASTFM)


def _print_beside(name: str, figures: Report, delta: Report) -> None:
    leads = " / ".join(interval_text(delta[metric]) for metric in ("recall@20", "ndcg@20"))
    print(f"{name:28}{figures['recall@20']:.4f} / {figures['ndcg@20']:.4f}   {leads}")


def _friends(store: GraphStore, users: IdMap) -> sp.csr_matrix:
    """Who is a friend of whom, by either of the two, 0 or 1, `[num_users, num_users]`."""
    table = edge_table(store, edge_type_of(FriendOf), ["source_id", "target_id"])
    if table is None:
        return sp.csr_matrix((len(users), len(users)), dtype=np.float32)
    sources, targets = (users.positions_of_column(table[name]) for name in ("source_id", "target_id"))
    known = (sources >= 0) & (targets >= 0)
    ends = (np.ones(int(known.sum()), np.float32), (sources[known], targets[known]))
    named = sp.csr_matrix(ends, (len(users), len(users)))
    return ((named + named.T) > 0).astype(np.float32)


def _with_friends(model: Scorer, friends: sp.csr_matrix, split: Split) -> dict[str, FittedModel]:
    """The model with a tenth of what friends say added, both in units of their spread.

    That is the mean of the model's scores for each friend, or how many friends listen to an artist, rarer ones counting
    more.
    """
    known = known_items(split.known_events)
    own = in_spreads(model(np.arange(split.known_events.num_users)))
    mean = sp.diags(1 / np.maximum(np.asarray(friends.sum(1)).ravel(), 1)) @ friends @ own
    rarity = np.maximum(np.asarray(known.sum(0)).ravel(), 1) ** -0.5
    heard = np.asarray((friends @ known @ sp.diags(rarity)).todense(), dtype=np.float32)
    told = {"with rows of friends": mean, "with artists of friends": heard}
    return {name: FittedModel((own + FRIENDS_SHARE * in_spreads(add)).__getitem__) for name, add in told.items()}


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
