"""Tags for tracks from their frames, beside the anchors: `python -m benchmarks.tags gtzan|generated|speed`.

* `gtzan`: genres of 733 tracks from 50-d frames; as published (artists apart), and both ways round.
* `generated`: the sample of `kindred generate tags`: 8,000 tracks to learn from, 4,000 to judge, 256 tags.
* `speed`: one epoch over some tracks of 60 frames, 768 wide, on disk, and what 50,000 would take; memory; predicting.

Settings are the program's defaults; early stopping, weights and thresholds come from tracks held out of those to learn
from. The originals of GTZAN's frames: https://github.com/jordipons/sklearn-audio-transfer-learning.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.datasets import DEFAULT_DATA, find_file
from kindred.domain.frames import FramesInMemory, SomeFrames
from kindred.domain.interactions import FloatArray, IntArray
from kindred.evaluation.tagging import macro_ap
from kindred.features.audio_frames import open_frames
from kindred.ingest.generate.tags import TagSample, generate_tags, tag_truth
from kindred.models.sequence_tagger import TaggerConfig
from kindred.models.sequence_tagger_fit import TaggedFrames, fit_tagger, tagger_logits
from kindred.recommenders.tagging.evaluation import Judged, judged_report
from kindred.recommenders.tagging.fitting import fit_tag_model
from kindred.recommenders.tagging.rivals import network_scores, rival_scores
from kindred.recommenders.tagging.tables import TrainingTracks
from kindred.training.fit import RunOptions

Answer = TypeVar("Answer")
_GTZAN = "audio_frames_gtzan"
_NETS = 4


def main() -> None:
    """Prints the table that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=("gtzan", "generated", "speed"))
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--data-dir", type=Path, default=Path("data/benchmarks/tags"))
    parser.add_argument("--tracks", type=int, default=2_000, help="of the epoch whose time is taken")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        run = RunOptions(Path(folder), device="cpu")
        if options.which == "gtzan":
            _gtzan(options.data, run)
        elif options.which == "generated":
            _generated(options.data_dir, run)
        else:
            _speed(Path(folder), run, options.tracks)


def _timed(ask: Callable[[], Answer]) -> tuple[Answer, float]:
    """What it returns, and the CPU seconds that took."""
    began = time.process_time()
    return ask(), time.process_time() - began


def _gtzan(data: Path, run: RunOptions) -> None:
    arrays: list[FloatArray] = []
    genres: list[int] = []
    starts = [0]
    for name in ("training", "evaluation"):
        archive = np.load(find_file(data, _GTZAN, f"{name}_data_GTZAN_MSDmusicnn_taggram.npz"))
        _, first, track = np.unique(archive["IDS"], return_index=True, return_inverse=True)
        arrays += [archive["X"][track == number] for number in range(len(first))]
        genres += archive["Y"][first].tolist()
        starts.append(len(arrays))
    labels = csr_matrix(np.eye(10, dtype=bool)[genres])
    tracks = TrainingTracks(
        TaggedFrames(FramesInMemory(arrays, arrays[0].shape[1]), labels),
        np.arange(len(arrays)),
        -np.ones(len(arrays), dtype=np.int64),
    )
    one, other = np.arange(starts[1]), np.arange(starts[1], starts[2])
    print("anchors: mean-pool logistic accuracy .824 [.779, .866], mAP .885; both ways round mAP .835 (frame logistic)")
    print("reach: accuracy .83, mAP .90, both ways round .845\n")
    there = _judged(tracks, one, other, replace(run, folder=run.folder / "there"))
    print("train → evaluation")
    _print(tracks, [there])
    print("\nboth ways round, all 733 judged")
    _print(tracks, [there, _judged(tracks, other, one, replace(run, folder=run.folder / "back"))])


def _judged(tracks: TrainingTracks, known: IntArray, asked: IntArray, run: RunOptions) -> Judged:
    """The single model and its rivals, the default network alone among them."""
    config = TaggerConfig()
    model = fit_tag_model(TrainingTracks(tracks.data, known, tracks.artist), _names(tracks), config, run).model
    found = model.probabilities(SomeFrames(tracks.data.frames, asked))
    rivals = dict(rival_scores(tracks.data, known, asked, config, run))
    rivals["network alone"] = network_scores(tracks.data, known, asked, config, run)
    return Judged(asked, found, found >= model.thresholds, rivals)


def _names(tracks: TrainingTracks) -> list[str]:
    return [str(number) for number in range(tracks.data.labels.shape[1])]


def _print(tracks: TrainingTracks, parts: list[Judged]) -> None:
    print("\n".join(judged_report(tracks, parts, _names(tracks))["summary"]))


def _generated(folder: Path, run: RunOptions) -> None:
    sample = TagSample()
    truth = tag_truth(sample)
    if not (folder / "truth.csv").exists():
        generate_tags(sample, folder)
    paths = [folder / "frames" / f"{track}.npy" for track in truth.ids.tolist()]
    data = TaggedFrames(open_frames(paths), csr_matrix(truth.lists))
    known, asked = np.arange(sample.tracks), np.arange(sample.tracks, len(paths))
    tracks, config = TrainingTracks(data, known, -np.ones(len(paths), dtype=np.int64)), TaggerConfig(folds=_NETS)
    print("reach: a single model .325 macro AP, four .345, at most 120 CPU-s each, 4,000 tracks/s\n", flush=True)
    fitted, seconds = _timed(lambda: fit_tag_model(tracks, _names(tracks), config, run))
    single = replace(fitted.model, networks=fitted.model.networks[:1])
    of_asked = SomeFrames(data.frames, asked)
    by_single, asking = _timed(lambda: single.probabilities(of_asked))
    found = fitted.model.probabilities(of_asked)
    print(f"{_NETS} networks and regressions: {seconds:.0f} CPU-s; {dict(fitted.made)}")
    print(f"single: {len(asked) / asking:,.0f} tracks/s; macro AP {macro_ap(by_single, truth.lists[asked]):.4f}")
    print(f"four:   macro AP {macro_ap(found, truth.lists[asked]):.4f}", flush=True)
    rivals = {"single": by_single, **rival_scores(data, known, asked, config, run)}
    for encoder in ("conv", "transformer"):
        own = config.model_copy(update={"encoder": encoder})
        rivals[encoder] = network_scores(data, known, asked, own, run)
    _print(tracks, [Judged(asked, found, found >= fitted.model.thresholds, rivals)])


def _speed(folder: Path, run: RunOptions, num: int) -> None:
    wanted = 50_000
    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.npy" for number in range(num)]
    for path in paths:
        np.save(path, rng.standard_normal((60, 768), dtype=np.float32))
    labels = csr_matrix(rng.random((num, 256)) < 0.015)
    data, rows, config = TaggedFrames(open_frames(paths), labels), np.arange(num), TaggerConfig(epochs=1, least_steps=1)
    (network, result), seconds = _timed(lambda: fit_tagger(data, rows, config, run))
    whole = result.metrics[0]["seconds"] * wanted / num / 60
    _, asking = _timed(lambda: tagger_logits(network, data.frames, rows, config))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{num:,} tracks × 60 × 768: {seconds:.0f} CPU-s an epoch; {wanted:,} would take {whole:.1f} min (limit 10)")
    print(f"predicting {num / asking:,.0f} tracks/s, 25,000 in {25_000 / num * asking / 60:.1f} min (limit 5)")
    print(f"memory {memory:.2f} GiB at most (limit 4), of which frames are one batch")


if __name__ == "__main__":
    main()
