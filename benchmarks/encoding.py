"""Texts encoded per second: `python -m benchmarks.encoding [--texts N] [--device cpu|cuda]`.

Kindred and sentence-transformers encode the same texts in turn, best of three; how far their vectors agree and what a
second run encodes are shown too. Real reviews where they are at hand, else made-up ones of the same lengths.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.datasets import DEFAULT_DATA, read_reviews14
from kindred.features.text import open_text_encoder, precision
from kindred.features.weights import bundled_folder

ANCHORS = {torch.bfloat16: 2.0, torch.float32: 1.0, torch.float16: 1.0}  # times sentence-transformers, by precision
ROUNDS = 3
_WORDS = ("the", "and", "strings", "sound", "guitar", "tone", "it", "this", "for", "with", "great", "very", "cable")


@dataclass
class Timing:
    """The least that one way of encoding took, in seconds."""

    wall: float = float("inf")
    cpu: float = float("inf")

    def run(self, encode: Callable[[], NDArray[np.floating]]) -> NDArray[np.floating]:
        """What `encode` returns, its time noted."""
        wall, cpu = time.perf_counter(), time.process_time()
        vectors = encode()
        self.wall = min(self.wall, time.perf_counter() - wall)
        self.cpu = min(self.cpu, time.process_time() - cpu)
        return vectors


def review_texts(num_texts: int, seed: int = 0) -> list[str]:
    """A seeded sample of reviews, real ones where the file is there."""
    rng = random.Random(seed)
    try:
        texts = [text for text in read_reviews14(DEFAULT_DATA).texts if text.strip()]
    except FileNotFoundError:
        texts = [" ".join(rng.choices(_WORDS, k=int(rng.lognormvariate(4.1, 0.8)) + 1)) for _ in range(num_texts)]
    return rng.sample(texts, min(num_texts, len(texts)))


def main() -> None:
    """Prints both rates, their ratio beside its anchor, the agreement and what a second run encodes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args()
    texts = review_texts(given.texts)
    from sentence_transformers import SentenceTransformer

    theirs = SentenceTransformer(str(bundled_folder()), device=given.device)
    ours = open_text_encoder(device=given.device)
    for warm_up in (theirs.encode, ours.encode):
        warm_up(texts[:8])
    their_timing, our_timing = Timing(), Timing()
    for _ in range(ROUNDS):
        expected = their_timing.run(lambda: theirs.encode(texts, show_progress_bar=False))
        vectors = our_timing.run(lambda: ours.encode(texts))
    stored = vectors.astype(np.float64)
    cosines = (stored * expected).sum(axis=1) / np.linalg.norm(stored, axis=1) / np.linalg.norm(expected, axis=1)
    dtype = precision(torch.device(given.device))
    for name, timing in (("sentence-transformers", their_timing), (f"kindred ({dtype})", our_timing)):
        print(
            f"encoding: {name}: {len(texts) / timing.wall:,.0f} texts/s, {len(texts) / timing.cpu:,.0f} per CPU-second"
        )
    ratio = their_timing.wall / our_timing.wall
    print(f"encoding: {ratio:.2f} × sentence-transformers (anchor: at least {ANCHORS[dtype]:.0f} × with {dtype})")
    print(f"encoding: cosine with its vectors: least {cosines.min():.6f}, mean {cosines.mean():.6f}")
    print(f"encoding: a second run encodes {_encoded_again(texts[:64], given.device)} texts (anchor: 0)")


def _encoded_again(texts: list[str], device: str) -> int:
    """How many texts a second opening of the same cache still has to encode."""
    encoded: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        open_text_encoder(device=device, cache_folder=Path(folder)).encode(texts)
        again = open_text_encoder(
            device=device, cache_folder=Path(folder), progress=lambda stage, done, total: encoded.append(done)
        )
        again.encode(texts)
    return max(encoded, default=0)


if __name__ == "__main__":
    main()
