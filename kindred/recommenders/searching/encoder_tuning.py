"""A text encoder fine-tuned on searches and the titles they led to, judged on what it was not shown.

It learns from the older orders only, those that `evaluate` learns from too: what `evaluate` says of a graph that it
encoded is not flattered.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import RecordError
from kindred.domain.progress import Progress
from kindred.domain.shown import counted
from kindred.evaluation.bootstrap import interval_text
from kindred.evaluation.report import Report
from kindred.features.fine_tuning import FineTuning, fine_tune
from kindred.recommenders.searching.evaluation import Metrics, held_out, measure, paired_interval
from kindred.recommenders.searching.histories import Examples, judged_examples, order_examples
from kindred.recommenders.searching.search_log import SearchLog

SHOWN = ("recall@10", "ndcg@10")
MOST_PAIRS = 200_000
"""Of more pairs the latest are taken."""
_LEAST_PAIRS = 2
_HELD_OUT = 0.2  # of judged queries, which have no time


def tune_encoder(
    log: SearchLog,
    encoder: str,
    folder: Path,
    how: FineTuning,
    opened: Callable[[str], TextEncoder],
    progress: Progress,
) -> Report:
    """Writes the encoder to a new folder, and says what it is worth by itself beside the one it began as.

    Args:
        log: searches, orders or judgements, with the vectors of the encoder that it begins as.
        encoder: that one, as in KINDRED_ENCODER.
        folder: where the new one goes.
        how: epochs, size of steps, seed, device.
        opened: a text encoder by its folder.
        progress: told of steps and of texts.

    Raises:
        RecordError: there are too few orders or judgements.
        SettingsError: a package is missing, or the folder is taken.
    """
    train, test = _split(log)
    pairs = pairs_of(log, train)
    if len(pairs) < _LEAST_PAIRS:
        raise RecordError(
            "too few searches led to a product with a title", "load more orders: kindred ingest queries --orders"
        )
    started = time.process_time()
    fine_tune(encoder, pairs, folder, how, progress)
    cost = time.process_time() - started
    before = measure(lambda rows: log.query_vectors[rows.histories.query[:, 0]] @ log.products.title_vectors.T, test)
    after = measure(_cosine(log, test, opened(str(folder.resolve()))), test)
    report: Report = {
        "encoder": str(folder),
        "pairs": len(pairs),
        "epochs": how.epochs,
        "cpu_seconds": round(cost, 1),
        "judged_on": len(test),
        "before": _means(before),
        "after": _means(after),
        "gain": {key: paired_interval(after[key], before[key]) for key in SHOWN},
    }
    report["summary"] = summary(report, "later orders" if (test.user >= 0).any() else "other judged queries")
    return report


def _split(log: SearchLog) -> tuple[Examples, Examples]:
    """Examples to learn from, and others to be judged on: later orders, or judged queries where there are no orders."""
    if len(order_examples(log)):
        held = held_out(log)
        return held.train, held.test
    judged = judged_examples(log)
    order = np.random.default_rng(0).permutation(len(judged))
    num_held_out = max(1, round(_HELD_OUT * len(judged)))
    if num_held_out >= len(judged):
        raise RecordError("there are no orders with searches, and too few judged queries", "load some of either")
    return judged.take(np.sort(order[num_held_out:])), judged.take(np.sort(order[:num_held_out]))


def pairs_of(log: SearchLog, examples: Examples) -> list[tuple[str, str]]:
    """The latest search before an order, or a judged query, with the title of each right product; each pair once."""
    gains = examples.gains.tocoo()
    exact = gains.data >= 1
    rows, items = gains.row[exact], gains.col[exact]
    query = examples.histories.query[rows, 0]
    found = dict.fromkeys(  # of the latest rows first
        (log.queries.external(int(of)), log.products.titles[int(item)])
        for of, item in zip(query[::-1], items[::-1], strict=True)
    )
    return [pair for pair in found if all(pair)][:MOST_PAIRS]


def _cosine(log: SearchLog, test: Examples, encoder: TextEncoder) -> Callable[[Examples], np.ndarray]:
    """Ranks by the cosine of the latest query and the title alone."""
    titles = encoder.encode(log.products.titles).astype(np.float32)
    queries = np.unique(test.histories.query[:, 0])
    vectors = encoder.encode([log.queries.external(int(query)) for query in queries]).astype(np.float32)
    return lambda rows: vectors[np.searchsorted(queries, rows.histories.query[:, 0])] @ titles.T


def _means(found: Metrics) -> dict[str, float]:
    return {key: float(found[key].mean()) for key in SHOWN}


def summary(report: Report, judged_on: str) -> list[str]:
    """What people are told, line by line."""
    epochs = counted(report["epochs"], "epoch", "epochs")
    lines = [
        f"{report['pairs']:,} pairs of search and title, {epochs}, {report['cpu_seconds']:,.0f} CPU-s",
        "",
        f"{'cosine of latest search and title':<36}{'R@10':>7}{'nDCG@10':>9}   of {report['judged_on']:,} {judged_on}",
    ]
    for name in ("before", "after"):
        gain = "" if name == "before" else "   " + "  ".join(interval_text(report["gain"][key]) for key in SHOWN)
        lines.append(f"{name:<36}{report[name]['recall@10']:>7.4f}{report[name]['ndcg@10']:>9.4f}{gain}")
    if report["gain"]["ndcg@10"]["low"] <= 0:
        lines += ["", "Not better beyond chance: keep the encoder that the graph has."]
    return lines
