"""What the ranking lab prints: a line a model, its published anchor, its cost and how far the ensemble leads."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.evaluation.bootstrap import Interval, paired_bootstrap
from kindred.evaluation.metrics import RankingResult, catalogue_coverage, exposure_gini

ENSEMBLE = "kindred"
ANCHORS: Mapping[str, Mapping[str, str]] = {
    "gowalla": {
        "popularity": ".0416/.0317",
        "ALS": ".1697/.1375",
        "EASE": ".1765/.1467",
        "LightGCN": ".1830/.1554",
        "GF-CF": ".1849/.1518",
        "UltraGCN": ".1862/.1580",
        "SimpleX": ".1872/.1557",
        "BSPM": ".1920/.1597",
    },
    "instruments18": {"popularity": ".0509/.0330", "itemKNN": ".1258/.0978", "EASE": ".1369/.1039"},
    "reviews14 random": {
        "popularity": ".0973/.0559",
        "itemKNN": ".1308/.0776",
        "EASE": ".1455/.0882",
        "EASE with text": ".1561/.0922",
    },
    "reviews14 last": {
        "popularity": ".0777/.0437",
        "EASE": ".1274/.0670",
        "EASE with text and popularity": ".1337/.0677",
    },
    "lastfm": {},
}
"""Published recall / NDCG of a model on the same data, seen items removed; none is known for Last.fm on this split."""
COST_FORMATS = {"fit CPU-s": ".1f", "peak GB": ".2f"}
Cell = str | float | int | None


@dataclass(frozen=True)
class Run:
    """One model on one split.

    Attributes:
        fit_cpu_seconds: of this process, ranking not included.
        peak_gb: most memory that the process held while the model was fitted and ranked, its data included.
        width: dimensions of the space it searches; None where there is none.
    """

    result: RankingResult
    fit_cpu_seconds: float
    peak_gb: float
    width: int | None


@dataclass(frozen=True)
class Setting:
    """What every line of a report has in common.

    Attributes:
        dataset: a key of `ANCHORS`.
        split: how test events were held out, and what differs between seeds.
        temporal: whether test events come last.
        num_items: of the catalogue.
        k: ranks counted.
    """

    dataset: str
    split: str
    temporal: bool
    num_items: int
    k: int

    @property
    def metrics(self) -> tuple[str, str]:
        """Names of the two figures."""
        return f"recall@{self.k}", f"ndcg@{self.k}"


@dataclass(frozen=True)
class Report:
    """What the lab found.

    Attributes:
        setting: what all lines have in common.
        weights: how the ensemble was set.
        models: a line each.
        not_run: published figures of models that were not run.
        peak_gb: the most memory that the run held.
    """

    setting: Setting
    weights: str
    models: list[dict[str, Cell]]
    not_run: dict[str, str]
    peak_gb: float


def build_report(setting: Setting, runs: Mapping[str, Sequence[Run]]) -> Report:
    """Means over the seeds, and the ensemble's paired lead over each other model with its interval over users."""
    fold = "each user's last" if setting.temporal else "a random share"
    return Report(
        setting,
        f"defaults for all data sets; scorer weights learned, EASE's ridge chosen on events held out of train ({fold})",
        [_row(setting, name, fitted, runs.get(ENSEMBLE)) for name, fitted in runs.items()],
        {name: anchor for name, anchor in ANCHORS[setting.dataset].items() if name not in runs},
        max(run.peak_gb for fitted in runs.values() for run in fitted),
    )


def _row(setting: Setting, name: str, fitted: Sequence[Run], ensemble: Sequence[Run] | None) -> dict[str, Cell]:
    """One model's line."""
    tops = [run.result.top_items for run in fitted]
    row: dict[str, Cell] = {"model": name}
    for metric in setting.metrics:
        row[metric] = float(np.mean([run.result.means[metric] for run in fitted]))
    row["anchor"] = ANCHORS[setting.dataset].get(name)
    for metric in setting.metrics:
        row[f"lead, {metric}"] = None if ensemble is None or name == ENSEMBLE else str(_lead(ensemble, fitted, metric))
    recalls = [run.result.means[setting.metrics[0]] for run in fitted]
    is_one_fit = fitted[0] is fitted[-1]  # of one seed, or of a model that has none
    row["spread between seeds"] = None if is_one_fit else float(np.std(recalls, ddof=1))
    return row | {
        "fit CPU-s": float(np.mean([run.fit_cpu_seconds for run in fitted])),
        "peak GB": max(run.peak_gb for run in fitted),
        "width": fitted[0].width,
        "coverage": float(np.mean([catalogue_coverage(top, setting.num_items) for top in tops])),
        "Gini": float(np.mean([exposure_gini(top, setting.num_items) for top in tops])),
    }


def _lead(ensemble: Sequence[Run], other: Sequence[Run], metric: str) -> Interval:
    """Paired interval of the ensemble's lead, each user's mean over the seeds that hold out one of their events."""
    size = max(int(run.result.users.max()) for run in ensemble) + 1
    totals, counts = np.zeros((2, size)), np.zeros(size)
    for mine, theirs in zip(ensemble, other, strict=True):
        users = mine.result.users
        totals[0, users] += mine.result.per_user[metric]
        totals[1, users] += theirs.result.per_user[metric]
        counts[users] += 1
    means = totals[:, counts > 0] / counts[counts > 0]
    return paired_bootstrap(means[0], means[1], np.random.default_rng(0))


def format_report(report: Report) -> str:
    """The report as text: what holds for all, then a table."""
    setting = report.setting
    header = [name for name in report.models[0] if any(row[name] is not None for row in report.models)]
    table = [header, *([_cell(name, row[name]) for name in header] for row in report.models)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    not_run = " · ".join(f"{name} {anchor}" for name, anchor in report.not_run.items()) or "none"
    return "\n".join(
        [
            f"{setting.dataset}, {setting.split}; full catalogue, seen items removed",
            f"settings: {report.weights}",
            *rows,
            f"published, not run here: {not_run}",
            f"peak memory of the run: {report.peak_gb:.2f} GB",
        ]
    )


def _cell(name: str, value: Cell) -> str:
    """A figure as papers write it, .1849; costs with fewer digits."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    return f"{value:{COST_FORMATS[name]}}" if name in COST_FORMATS else f"{value:.4f}".removeprefix("0")


def reset_peak() -> None:
    """Lets `peak_gb` begin anew, where the system can do that (Linux); elsewhere it counts from the start."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_gb() -> float:
    """The most memory that this process held since the last `reset_peak`."""
    try:
        status = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 2**20
