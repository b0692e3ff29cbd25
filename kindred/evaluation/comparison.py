"""Two models on the same splits: what each is worth, and their paired difference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kindred.domain.shown import counted
from kindred.evaluation.bootstrap import interval_text
from kindred.evaluation.pooling import UserSums, paired_intervals
from kindred.evaluation.protocol import ProtocolResult
from kindred.evaluation.report_text import verdict

RANKING = ("recall@10", "ndcg@10", "mrr@10")
RATING = ("mse", "mae")


@dataclass(frozen=True)
class Comparison:
    """The first of two runs minus the second.

    Attributes:
        runs: names of both.
        split: rule that split the events.
        seeds: one split and one fit of each run a seed.
        figures: metric → `first` and `second` (their means), `mean`, `low` and `high` of first − second, and `users`.
            Rating errors are absent unless both runs rate.
        unrated: those of the runs that predict no ratings.
    """

    runs: tuple[str, str]
    split: str
    seeds: tuple[int, ...]
    figures: dict[str, dict[str, float]]
    unrated: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


def compare(result: ProtocolResult, runs: tuple[str, str]) -> Comparison:
    """The model of the result beside its one variant, which is the second run."""
    (second,) = (outcome.pooled for outcome in result.variants.values())
    first = result.model.pooled
    figures = _figures(first.ranking, second.ranking, RANKING, result)
    figures |= _figures(first.rating, second.rating, RATING, result)
    unrated = tuple(run for run, of in zip(runs, (first, second), strict=True) if of.rating is None)
    seeds = tuple(int(seed) for seed in result.config.seeds)
    return Comparison(runs, result.splits[0].name, seeds, figures, unrated)


def _figures(
    first: UserSums | None, second: UserSums | None, metrics: tuple[str, ...], result: ProtocolResult
) -> dict[str, dict[str, float]]:
    if first is None or second is None:
        return {}
    between = paired_intervals(first, {"second": second}, np.random.default_rng(0), result.config.num_samples)["second"]
    return {
        metric: {
            "first": first.means[metric],
            "second": second.means[metric],
            **asdict(between[metric]),
            "users": first.num_users,
        }
        for metric in metrics
    }


def comparison_text(comparison: Comparison) -> str:
    """The comparison for a terminal, at most 100 columns."""
    first, second = comparison.runs
    lines = [
        f"first {first}, second {second}",
        f"{comparison.split} protocol, {counted(len(comparison.seeds), 'seed', 'seeds')}, "
        "95 % intervals, paired over users",
        "",
        f"{'':<11}{'first':>9}{'second':>9}{'users':>8}   first − second               the first is",
    ]
    for metric, found in comparison.figures.items():
        each = f"{metric:<11}{found['first']:>9.4f}{found['second']:>9.4f}{found['users']:>8,}"
        lines.append(f"{each}   {interval_text(found):<29}{verdict(found, metric)}")
    if comparison.unrated:
        lines.append(f"ratings not compared: none are predicted by {' and '.join(comparison.unrated)}")
    return "\n".join(lines)
