"""Reviews parsed and validated per CPU-second: `python -m benchmarks.parsing [--reviews FILE]`.

Read, decoded, checked by the record classes and staged on disk, everything but the load. Without the real reviews at
hand the lines are generated, of the same length. gzip is unpacked beforehand: its cost is not ours.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

import orjson

from benchmarks.datasets import DEFAULT_DATA
from kindred.domain.progress import silent
from kindred.domain.schema import graph_schema
from kindred.ingest.bytes.opening import open_file
from kindred.ingest.formats.files import read_rows
from kindred.ingest.loading.staging import Stage
from kindred.ingest.sources.amazon import REVIEWS

ANCHOR = 40_000  # reviews per CPU-second on one 2.5 GHz core
REAL = DEFAULT_DATA / "amazon_reviews_musical_instruments_2014" / "reviews_Musical_Instruments_5.json.gz"
LINES = 20_000
ROUNDS = 8
_WORDS = (
    "the",
    "and",
    "strings",
    "sound",
    "guitar",
    "tone",
    "it",
    "this",
    "for",
    "with",
    "great",
    "very",
    "good",
    "cable",
)


def write_reviews(path: Path, num_reviews: int, seed: int = 0) -> Path:
    """A file of made-up reviews in the layout of 2014, about 700 bytes each."""
    rng = random.Random(seed)
    with path.open("wb") as file:
        for number in range(num_reviews):
            row = {
                "reviewerID": f"A{rng.randrange(num_reviews // 7 + 1):013X}",
                "asin": f"B{rng.randrange(num_reviews // 11 + 1):09d}",
                "reviewerName": "Some One",
                "helpful": [0, 0],
                "reviewText": " ".join(rng.choices(_WORDS, k=90)),
                "overall": float(rng.randrange(1, 6)),
                "summary": " ".join(rng.choices(_WORDS, k=4)),
                "unixReviewTime": 1_300_000_000 + 60 * number,
                "reviewTime": "03 13, 2011",
            }
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return path


def reviews_per_second(path: Path, stage_folder: Path) -> tuple[int, float]:
    """Number of reviews, and how many are staged per CPU-second."""
    started = time.process_time()
    with Stage(stage_folder, graph_schema()) as stage:
        num_reviews = 0
        for row in read_rows(path, REVIEWS, silent):
            if isinstance(row.value, dict):
                stage.add(REVIEWS.parse(row.value).records, 0, row.length)
                num_reviews += 1
        stage.finish()
        return num_reviews, num_reviews / (time.process_time() - started)


def main() -> None:
    """Prints the rate beside its anchor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--reviews", type=Path, help="a file of reviews; the default is the real one, else made-up ones"
    )
    given = parser.parse_args().reviews
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reviews.jsonl"
        if given or REAL.exists():
            with open_file(given or REAL) as file, path.open("wb") as unpacked:
                shutil.copyfileobj(file.content, unpacked)
        else:
            write_reviews(path, LINES)
        rates = [reviews_per_second(path, Path(folder) / "stage") for _ in range(ROUNDS)]
    num_reviews, rate = max(rates, key=lambda pair: pair[1])
    print(
        f"parsing: {rate:,.0f} reviews per CPU-second (anchor {ANCHOR:,}), best of 8 on {num_reviews:,} of {path.name}"
    )


if __name__ == "__main__":
    main()
