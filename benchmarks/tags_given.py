"""What a track's tags add to its sound: `python -m benchmarks.tags_given [--seed 11]`, a minute.

Generated tracks, 900 to learn from and 700 to judge, 40 tags. Of each judged list of two tags or more every tag is
given with probability .5, at least one and not all of them; what is left is to be found from sound, from the given
tags, and from both with several weights of the tags. The weight in force was a first guess, not searched for.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from kindred.domain.interactions import BoolArray, FloatArray
from kindred.evaluation.tagging import macro_ap
from kindred.features.audio_frames import open_frames
from kindred.ingest.generate.tags import TagFiles, TagSample, generate_tags
from kindred.ingest.loading.frame_files import write_frames
from kindred.ingest.music import tag_files
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.runs import Run
from kindred.recommenders.tagging.answers import TAGS_BESIDE_SOUND, load_tagger
from kindred.recommenders.tagging.completion import partly_seen
from kindred.settings import load_settings
from kindred.steps import ingest, train_system

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
K = 5


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=11)
    seed = parser.parse_args().seed
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = generate_tags(TagSample(tracks=900, asked=700, tags=40, seed=seed), folder / "sample")
        settings = load_settings(data_dir=folder / "data")
        ingest(settings, tag_files([files.tags], [files.frames], lambda track, own: write_frames(folder, track, own)))
        judge(files, train_system(settings, "tags", ModelConfig(), None))


def judge(files: TagFiles, run: Run) -> None:
    """Prints what each kind of answer finds."""
    tagger = load_tagger(run.folder)
    ids, lists = _judged(files, tagger.model.tags)
    seen = partly_seen(lists, np.random.default_rng(1))
    frames = open_frames([files.frames / f"{track}.npy" for track in ids], tagger.model.frame_dim)
    _print("sound alone", tagger.answers(frames, np.zeros_like(seen)).probabilities, lists, seen)
    _print("given tags alone", tagger.completion.chances(seen), lists, seen)
    heard = tagger.model.probabilities(frames)
    for weight in WEIGHTS:
        in_force = "  (in force)" if weight == TAGS_BESIDE_SOUND else ""
        _print(f"both, tags × {weight}", tagger.with_tags(heard, seen, weight), lists, seen, in_force)


def _judged(files: TagFiles, tags: tuple[str, ...]) -> tuple[list[str], BoolArray]:
    """Tracks that were not learned from and have two tags or more, and their tags."""
    order = {tag: place for place, tag in enumerate(tags)}
    asked = set(files.asked.read_text("utf-8").split()[1:])
    with files.truth.open(encoding="utf-8", newline="") as file:
        rows = [(row["track"], row["tags"].split(",")) for row in csv.DictReader(file) if row["track"] in asked]
    lists = np.zeros((len(rows), len(tags)), dtype=np.bool_)
    for known, (_, names) in zip(lists, rows, strict=True):
        known[[order[name] for name in names if name in order]] = True
    several = lists.sum(axis=1) > 1
    return [track for (track, _), has in zip(rows, several.tolist(), strict=True) if has], lists[several]


def _print(name: str, chances: FloatArray, lists: BoolArray, seen: BoolArray, note: str = "") -> None:
    hidden, scores = lists & ~seen, np.where(seen, np.float32(-1.0), chances)
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    found = np.take_along_axis(hidden, best, axis=1).sum(axis=1) / hidden.sum(axis=1)
    print(f"{name:18} macro AP {macro_ap(scores, hidden):.4f}  R@{K} {found.mean():.4f}{note}")


if __name__ == "__main__":
    main()
