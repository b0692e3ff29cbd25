"""Rankings through the published store beside the full matrix: `python -m benchmarks.published [--data DIR] [--json]`.

Two real data sets: the reviews of 2014, each user's last held out, the model fitted as `train-gnn` fits it; gowalla's
published split (41,000 items × 512), the linear ensemble with its defaults. Users and items are published, and asked
for as `recommend` asks: the user's vector fetched, then searched with, what the user knows excluded. Every way answers
the same users, a seeded sample of those with a test event (all of them where there are fewer):

* full matrix: every score, ranked by the evaluation; what the others should equal.
* chosen: `qdrant-edge:`, which compares all or has an index, whichever is cheaper.
* exact: `exact:`, every vector compared; equal but for the order of equal scores.
* HNSW: the index, even where comparing all is cheaper.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import datasets
from kindred.domain.embeddings import Embeddings
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions, Scorer
from kindred.evaluation.metrics import RankingResult, evaluate_ranking
from kindred.vectorstore.exact import ExactSearch
from kindred.vectorstore.folder_store import FolderVectors, Search
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.qdrant_edge import EdgeSearch, IndexLimits
from kindred.vectorstore.store import SystemVectors

ANCHOR = 0.005
"""A published ranking may lose this share of the full matrix's recall."""
FULL, CHOSEN, EXACT, INDEX = "full matrix", "chosen", "exact", "HNSW"
SYSTEM, VERSION, USERS, PRODUCTS = "products", "v1", "users", "products"
NUM_WARM_UP = 20
ALWAYS_INDEXED = IndexLimits(exact_bytes=0, rows_per_ef=0)


@dataclass(frozen=True)
class Model:
    """What is published, and what it is asked for: users and items by position, events on the same axes."""

    name: str
    k: int
    users: FloatArray
    items: FloatArray
    known: Interactions
    test: Interactions
    fit_cpu_seconds: float

    def asked(self, num_users: int) -> IntArray:
        """The users that every way answers, `[num_asked]`, ascending."""
        with_test = np.unique(self.test.user_index)
        return np.sort(np.random.default_rng(0).permutation(with_test)[:num_users])


@dataclass(frozen=True)
class Published:
    """A published store, and how it is searched.

    Attributes:
        cpu_seconds: to write, index, check and switch, child processes included.
    """

    name: str
    folder: Path
    search: Search
    cpu_seconds: float

    @property
    def engine(self) -> str:
        """Whether the items have an index."""
        has_index = (self.folder / SYSTEM / "versions" / VERSION / PRODUCTS / "index").is_dir()
        return INDEX if has_index else EXACT


@dataclass(frozen=True)
class Row:
    """What one way is worth.

    Attributes:
        engine: whether the items had an index.
        recall: of the test events in the first k ranks.
        ndcg: of the same.
        recall_change: share of the full matrix's recall that is gained or lost.
        ndcg_change: the same of NDCG.
        overlap: share of the full matrix's k best that is in the list.
        score_gap: the most by which a list's last item falls short, as a share of the user's best score.
        p50_ms: of a request, the fetch of the user's vector included.
        p95_ms: the same.
        cpu_ms: mean CPU time of a request, which other programs on the machine disturb less.
        megabytes: on disk.
        publish_cpu_seconds: see `Published`.
    """

    way: str
    engine: str
    recall: float
    ndcg: float
    recall_change: float | None = None
    ndcg_change: float | None = None
    overlap: float | None = None
    score_gap: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    cpu_ms: float | None = None
    megabytes: float | None = None
    publish_cpu_seconds: float | None = None


def main() -> None:
    """Prints a table for each data set."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.published", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=datasets.DEFAULT_DATA, help="folder of the public files")
    parser.add_argument("--users", type=int, default=2_500, help="users sampled of each data set")
    parser.add_argument("--only", choices=["reviews14", "gowalla"], help="one of the data sets")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    tables = {}
    for name, fit in (("reviews14", fit_reviews14), ("gowalla", fit_gowalla)):
        if arguments.only in (None, name):
            model = fit(arguments.data)
            tables[model.name] = rows = compare(model, arguments.users)
            if not arguments.json:
                print(format_table(model, len(model.asked(arguments.users)), rows), flush=True)
    if arguments.json:
        print(json.dumps({name: [asdict(row) for row in rows] for name, rows in tables.items()}))


def format_table(model: Model, num_asked: int, rows: list[Row]) -> str:
    """A line a way, the anchor beside what it is for."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = [
        f"published: {model.name}, {len(model.items):,} items × {model.items.shape[1]}, a seeded draw of {num_asked:,} "
        f"users, fit {model.fit_cpu_seconds:.0f} CPU-s, peak memory so far {peak:.1f} GB"
    ]
    for row in rows:
        line = f"  {row.way:<11} recall@{model.k} {row.recall:.4f}  NDCG {row.ndcg:.4f}"
        if row.recall_change is not None:
            met = "met" if abs(row.recall_change) <= ANCHOR else "MISSED"
            line += (
                f"  {row.recall_change:+.3%} / {row.ndcg_change:+.3%} (recall within ±{ANCHOR:.1%}: {met})  "
                f"top-{model.k} overlap {row.overlap:.4f}  score gap {row.score_gap:.1e}  "
                f"p50 {row.p50_ms:.2f} ms  p95 {row.p95_ms:.2f} ms  CPU {row.cpu_ms:.2f} ms  {row.megabytes:.0f} MB  "
                f"published in {row.publish_cpu_seconds:.1f} CPU-s ({row.engine})"
            )
        lines.append(line)
    return "\n".join(lines)


def fit_reviews14(data: Path) -> Model:
    """The product model as `train-gnn` fits it, on all but each user's last review."""
    from benchmarks.product_graphs import read_product_data, reviews14_lines  # here: else tests need the network
    from kindred.evaluation.splits import temporal_split
    from kindred.recommenders.config import ModelConfig
    from kindred.recommenders.fitting import fit_model
    from kindred.training.fit import RunOptions

    graph = read_product_data(reviews14_lines(data)).graph
    split = temporal_split(graph.interactions)
    start = cpu_seconds()
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit_model(graph, split.known, ModelConfig(), RunOptions(folder=Path(folder)))
    name = "reviews of 2014, each user's last"
    vectors = (fitted.vectors, fitted.ranking.items)
    return Model(name, 10, *vectors, split.known_events, split.test_events, cpu_seconds() - start)


def fit_gowalla(data: Path) -> Model:
    """The linear ensemble on the published split."""
    from kindred.linear.ensemble.fit import RankingConfig, fit_linear_ensemble

    split = datasets.read_gowalla(data)
    start = cpu_seconds()
    ensemble = fit_linear_ensemble(split.train, RankingConfig(), seed=0)
    users = ensemble.encode_users(split.train)
    return Model("gowalla, published split", 20, users, ensemble.items, split.train, split.test, cpu_seconds() - start)


def compare(model: Model, num_users: int) -> list[Row]:
    """Every way on the same users."""
    asked = model.asked(num_users)
    full = evaluate(lambda users: model.users[users] @ model.items.T, model, asked)
    rows = [Row(FULL, "-", *_means(full, model.k))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = publish(CHOSEN, model, folder / "chosen", EdgeSearch(IndexLimits()))
        rows.append(measure(chosen, model, asked, full))
        rows.append(measure(publish(EXACT, model, folder / "exact", ExactSearch()), model, asked, full))
        index = EdgeSearch(ALWAYS_INDEXED)
        if chosen.engine == INDEX:  # the same index
            indexed = replace(chosen, name=INDEX, search=index)
        else:
            indexed = publish(INDEX, model, folder / "indexed", index)
        rows.append(measure(indexed, model, asked, full))
    return rows


def evaluate(scorer: Scorer, model: Model, asked: IntArray) -> RankingResult:
    """What a ranking of the asked users is worth."""
    test = model.test.take(np.isin(model.test.user_index, asked))
    return evaluate_ranking(scorer, test, model.known, ks=(model.k,))


def publish(name: str, model: Model, folder: Path, search: Search) -> Published:
    """The model's users and items as the one version of a new store."""
    collections = {
        collection: Embeddings(IdMap(f"{collection}-{row}" for row in range(len(vectors))), vectors)
        for collection, vectors in ((USERS, model.users), (PRODUCTS, model.items))
    }
    start = cpu_seconds()
    with closing(FolderVectors("", folder, search)) as store:
        publish_collections(store.of(SYSTEM), VERSION, collections, options=PublishOptions(searched=[PRODUCTS]))
    return Published(name, folder, search, cpu_seconds() - start)


def measure(way: Published, model: Model, asked: IntArray, full: RankingResult) -> Row:
    """What one way answers, beside the full matrix."""
    with closing(FolderVectors("", way.folder, way.search)) as store:
        lists, seconds, cpu = answer(model, store.of(SYSTEM), asked)
    found = evaluate(_scores_of(lists, asked, len(model.items)), model, asked)
    (recall, ndcg), (full_recall, full_ndcg) = _means(found, model.k), _means(full, model.k)
    p50, p95 = np.quantile(seconds, (0.5, 0.95)) * 1e3
    same = [len(set(mine) & set(best)) for mine, best in zip(lists, full.top_items, strict=True)]
    return Row(
        way=way.name,
        engine=way.engine,
        recall=recall,
        ndcg=ndcg,
        recall_change=recall / full_recall - 1,
        ndcg_change=ndcg / full_ndcg - 1,
        overlap=float(np.mean(same)) / model.k,
        score_gap=_score_gap(model, asked, lists, full.top_items),
        p50_ms=float(p50),
        p95_ms=float(p95),
        cpu_ms=cpu * 1e3,
        megabytes=sum(path.stat().st_blocks * 512 for path in way.folder.rglob("*") if path.is_file()) / 1e6,
        publish_cpu_seconds=way.cpu_seconds,
    )


def answer(model: Model, store: SystemVectors, asked: IntArray) -> tuple[IntArray, list[float], float]:
    """Items of each list `[num_asked, k]`, −1 where it is shorter, each request's seconds, and its mean CPU seconds."""
    order = np.argsort(model.known.user_index, kind="stable")
    bounds = np.searchsorted(model.known.user_index[order], [asked, asked + 1])
    seen = [
        frozenset(f"{PRODUCTS}-{item}" for item in model.known.item_index[order[start:end]]) for start, end in bounds.T
    ]
    lists = np.full((len(asked), model.k), -1, dtype=np.int64)
    seconds = []
    for user in asked[:NUM_WARM_UP]:
        store.search(VERSION, PRODUCTS, model.users[user], model.k)
    cpu_start = time.process_time()
    for row, (user, known) in enumerate(zip(asked, seen, strict=True)):
        started = time.perf_counter()
        vector = store.fetch(VERSION, USERS, [f"{USERS}-{user}"]).vectors[0]
        found = store.search(VERSION, PRODUCTS, vector, model.k, exclude=known)
        seconds.append(time.perf_counter() - started)
        lists[row, : len(found)] = [int(candidate.item_id.rpartition("-")[2]) for candidate in found]
    return lists, seconds, (time.process_time() - cpu_start) / len(asked)


def _scores_of(lists: IntArray, asked: IntArray, num_items: int) -> Scorer:
    """Scores that rank the items of a user's list in its order and leave out all others."""

    def score(users: IntArray) -> FloatArray:
        scores = np.full((len(users), num_items + 1), -np.inf, dtype=np.float32)
        ranks = -np.arange(lists.shape[1], dtype=np.float32)
        np.put_along_axis(scores, lists[np.searchsorted(asked, users)], ranks[None, :], axis=1)
        return scores[:, :-1]  # the last column took the −1 of short lists

    return score


def _score_gap(model: Model, asked: IntArray, lists: IntArray, best: IntArray) -> float:
    """The most by which the worst score of a full list falls short of the full matrix's, a share of the best score."""
    users = model.users[asked].astype(np.float64)
    mine, theirs = (np.einsum("ud,ukd->uk", users, model.items[items]) for items in (lists, best))
    whole = ((lists >= 0) & (best >= 0)).all(axis=1)
    gaps = (theirs.min(axis=1) - mine.min(axis=1)) / np.abs(theirs).max(axis=1).clip(1e-12)
    return float(gaps[whole].max(initial=0.0))


def _means(result: RankingResult, k: int) -> tuple[float, float]:
    return result.means[f"recall@{k}"], result.means[f"ndcg@{k}"]


def cpu_seconds() -> float:
    """Of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
