"""The report on a tagger: figures beside those of rivals, by how frequent tags are, and how far it can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import BoolArray, DoubleArray
from kindred.evaluation.bootstrap import Interval, resample
from kindred.evaluation.report import write_figures
from kindred.evaluation.tagging import (
    Ranked,
    Reliability,
    f1,
    mean_known,
    reliability,
    roc_aucs,
)

Report = dict[str, Any]

FREQUENCIES = ("head", "middle", "tail")
_RESAMPLES = 200
_NAMED = 10
_MEANINGS = {
    "macro_ap": "average precision of each tag, mean over tags: how well tracks are ranked for a tag",
    "micro_ap": "the same of all pairs of a track and a tag in one ranking",
    "roc_auc": "chance that a track with a tag is ranked above one without, mean over tags",
    "f1": "2·precision·recall/(precision + recall) at each tag's own threshold, mean over tags",
    "calibration": "mean |said − found| of pairs with a probability of .1 and more, in bins",
    "accuracy": "share of tracks whose one tag is ranked first",
    "head, middle, tail": "macro_ap of the thirds of tags by how many tracks have them",
}


@dataclass(frozen=True)
class Tagged:
    """Tracks whose tags are known and were predicted.

    Attributes:
        tags: names, `[num_tags]`.
        labels: `[num_tracks, num_tags]`.
        frequency: tracks that have each tag where models learned, `[num_tags]`.
        probabilities: of the model, calibrated, `[num_tracks, num_tags]`.
        said: where the model says yes.
        rivals: scores of others, the same shape.
    """

    tags: Sequence[str]
    labels: BoolArray
    frequency: NDArray[np.integer]
    probabilities: NDArray[np.float32]
    said: BoolArray
    rivals: Mapping[str, NDArray[np.floating]]


def tagging_report(tagged: Tagged, rng: np.random.Generator) -> Report:
    """Everything measured, as JSON types; a lead is the model's figure minus the rival's, with its 95 % interval."""
    scores = {"model": tagged.probabilities, **tagged.rivals}
    by_tag = {name: Ranked.of(own, tagged.labels) for name, own in scores.items()}
    precision = {name: ranked.average_precision() for name, ranked in by_tag.items()}
    figures = {name: _figures(own, precision[name], tagged) for name, own in scores.items()}
    believed = reliability(tagged.probabilities, tagged.labels)
    figures["model"] |= {"f1": mean_known(f1(tagged.said, tagged.labels)), "calibration": believed.error}
    weights = [resample(len(tagged.labels), rng) for _ in range(_RESAMPLES)]
    sampled = {name: np.array([mean_known(r.average_precision(w)) for w in weights]) for name, r in by_tag.items()}
    own = sampled.pop("model")
    return {
        "tracks": len(tagged.labels),
        "tags": len(tagged.tags),
        "pairs": int(tagged.labels.sum()),
        "model": figures.pop("model"),
        "interval": asdict(_interval(precision["model"], own)),
        "rivals": figures,
        "lead": {
            name: asdict(_interval(precision["model"] - precision[name], own - values))
            for name, values in sampled.items()
        },
        "reliability": {name: values.tolist() for name, values in asdict(believed).items()},
        **_extremes(precision["model"], tagged),
    }


def _figures(scores: NDArray[np.floating], precision: DoubleArray, tagged: Tagged) -> dict[str, float]:
    flat = Ranked.of(scores.reshape(-1, 1), tagged.labels.reshape(-1, 1))
    found = {
        "macro_ap": mean_known(precision),
        "micro_ap": mean_known(flat.average_precision()),
        "roc_auc": mean_known(roc_aucs(scores, tagged.labels)),
    }
    order = np.argsort(-tagged.frequency, kind="stable")
    thirds = zip(FREQUENCIES, np.array_split(order, len(FREQUENCIES)), strict=True)
    found |= {name: mean_known(precision[part]) for name, part in thirds}
    if (tagged.labels.sum(1) == 1).all():
        found["accuracy"] = float(tagged.labels[np.arange(len(scores)), scores.argmax(1)].mean())
    return found


def _interval(values: DoubleArray, sampled: DoubleArray) -> Interval:
    """The mean and how far resamples spread around it.

    A track that is taken twice raises the precision of its tags, so resamples lie higher than the figure itself, and
    are brought back by their mean.
    """
    mean = mean_known(values)
    low, high = np.quantile(sampled - sampled.mean(), [0.025, 0.975]) + mean
    return Interval(mean, float(low), float(high))


def _extremes(precision: DoubleArray, tagged: Tagged) -> Report:
    """The tags that are found best and worst, with their average precision and how many tracks have them."""
    known = np.flatnonzero(~np.isnan(precision))
    order = known[np.argsort(-precision[known], kind="stable")].tolist()
    rows = [
        {"tag": tagged.tags[tag], "ap": round(float(precision[tag]), 4), "tracks": int(tagged.frequency[tag])}
        for tag in order
    ]
    return {"best": rows[:_NAMED], "worst": rows[-_NAMED:][::-1]}


def tagging_lines(report: Report) -> list[str]:
    """The report for people, line by line."""
    columns = ["macro_ap", *FREQUENCIES, "micro_ap", "roc_auc"]
    columns += [name for name in ("accuracy",) if name in report["model"]]
    interval = report["interval"]
    lines = [
        f"{report['tracks']:,} tracks held out, {report['tags']:,} tags, {report['pairs']:,} pairs of both",
        "",
        f"{'':<22}" + "".join(f"{name:>10}" for name in columns) + "   model − it, macro_ap",
    ]
    for name, figures in {"model": report["model"], **report["rivals"]}.items():
        line = f"{name[:22]:<22}" + "".join(f"{figures[column]:>10.4f}" for column in columns)
        if name == "model":
            line += f"   itself [{interval['low']:.4f}, {interval['high']:.4f}]"
        else:
            lead = report["lead"][name]
            line += f"   {Interval(lead['mean'], lead['low'], lead['high'])}"
        lines.append(line)
    model = report["model"]
    lines += [
        "",
        f"F1 at chosen thresholds {model['f1']:.4f}, calibration error {model['calibration']:.4f} where p ≥ .1",
    ]
    for which in ("best", "worst"):
        named = ", ".join(f"{row['tag']} {row['ap']:.2f} ({row['tracks']:,})" for row in report[which])
        lines.append(f"{which} tags: {named}")
    return lines


def write_tagging_report(report: Report, folder: Path) -> None:
    """Writes `report.json`, `report.md` and `reliability.png` into the folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    write_figures(report, folder)
    said = "\n".join(["# Tags of tracks held out", "", "```", *tagging_lines(report), "```", ""])
    meanings = "\n".join(f"* `{name}`: {meaning}." for name, meaning in _MEANINGS.items())
    text = f"{said}\n{meanings}\n\n![How often what was said was so](reliability.png)\n"
    (folder / "report.md").write_text(text, encoding="utf-8")
    values = {name: np.array(report["reliability"][name]) for name in ("said", "found", "cases")}
    _plot(Reliability(**values), folder / "reliability.png")


def _plot(believed: Reliability, path: Path) -> None:
    from matplotlib.figure import Figure  # without pyplot: the same on every machine

    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    axes.plot(believed.said, believed.found, "o-", color="#1b6ca8", markersize=4)
    axes.set_xlabel("probability that the model said")
    axes.set_ylabel("share of these pairs that were so")
    axes.set_title(f"p ≥ .1, {int(believed.cases.sum()):,} pairs, mean error {believed.error:.3f}", fontsize=9)
    figure.savefig(path, metadata={"Software": None})
