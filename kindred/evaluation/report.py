"""The report of an evaluation: one nested dictionary, from which the files, the tables and the plots are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kindred.domain.errors import GateError, SettingsError
from kindred.evaluation.plots import write_plots
from kindred.evaluation.pooling import UserSums, paired_intervals
from kindred.evaluation.protocol import LIST_LENGTH, Measured, Outcome, ProtocolResult
from kindred.evaluation.rating import f1
from kindred.evaluation.report_text import markdown
from kindred.evaluation.splits import repeated_share, undecided_share
from kindred.files import write_with_hash

Report = dict[str, Any]

FEWEST_USERS = 20
"""A bucket with fewer users gets no interval: resampling a handful of people tells nothing of others."""

MOST_UNDECIDED = 0.8
"""Share of the test events, beyond which the order of a user's events is told to be a guess."""

MOST_REPEATED = 0.1
"""Share of the test events, beyond which those of items that their user had before are told of."""

ABOVE_POPULARITY = {"ranking.delta.popularity.recall@10.low": 0.0}
"""The least that a model has to show before it is worth publishing."""

SPLIT_RULES = {
    "temporal": "each user's last event is test, the one before it validation, the rest train; "
    "a hash orders events of one user at the same time",
    "random": "each user-item pair falls by a seeded hash: 20 % test, 10 % validation, 70 % train",
    "given": "rows given by the caller, as published",
}


def build_report(result: ProtocolResult, selection: str, notes: Sequence[str] = ()) -> Report:
    """Everything measured, as JSON types: `report["ranking"]["delta"]["popularity"]["recall@10"]["low"]` and so on.

    A delta is the model minus the other, so above zero is better for rankings and accuracy, below zero for `mae` and
    `mse`. Sections that the model has no part in (`ranking`, `rating`) are absent; a figure that is undefined is None.

    Args:
        result: what `run_protocol` measured.
        selection: how the model's settings were chosen, one sentence for the reader.
        notes: what else to warn the reader of, a sentence each.
    """
    report: Report = {"protocol": _protocol(result, selection)}
    if result.model.pooled.ranking is not None:
        report["ranking"] = _ranking(result)
    if result.model.pooled.rating is not None:
        report["rating"] = _rating(result)
    if result.variants:
        report["ablation"] = {name: _variant(result, variant) for name, variant in result.variants.items()}
    report["warnings"] = [*suspicious(report), *_undecided(result), *_repeated(result), *notes]
    return report


def _undecided(result: ProtocolResult) -> list[str]:
    """A sentence where most of what is held out is no user's last event by its time."""
    share = undecided_share(result.splits[0])
    told = f"{share:.0%} of the last events are no later than the one before: judge with `--protocol random`"
    return [told] if share > MOST_UNDECIDED else []


def _repeated(result: ProtocolResult) -> list[str]:
    """A sentence where much of what is held out can be in no list, since its user had the item before."""
    share = repeated_share(result.splits[0])
    told = f"{share:.0%} of the held-out events are of items that their user had before, which no list holds again"
    return [told] if result.model.pooled.ranking is not None and share > MOST_REPEATED else []


def suspicious(report: Report) -> list[str]:
    """Results too good to believe before someone has looked for a leak, a sentence each.

    A rating MSE under 0.85 × that of the user + item bias predictor, or a recall@10 twice that of the best baseline:
    ratings hold that much noise, and tuned models beat good baselines by tenths, not by multiples. A model that reads
    the event it is asked about is what usually does. Planted data, whose text decides the next event, can pass these
    lines honestly.
    """
    found = []
    rating, ranking = report.get("rating"), report.get("ranking")
    if rating is not None and "bias" in rating["baselines"]:
        model, bias = rating["model"]["mse"], rating["baselines"]["bias"]["mse"]
        if model < 0.85 * bias:
            found.append(f"rating MSE {model:.4f} is under 0.85 × the bias predictor's {bias:.4f}: look for a leak")
    if ranking is not None and ranking["baselines"]:
        model = ranking["model"]["recall@10"]
        name, best = max(((n, b["recall@10"]) for n, b in ranking["baselines"].items()), key=lambda pair: pair[1])
        if model > 0 and model >= 2 * best:
            found.append(f"recall@10 {model:.4f} is at least twice that of {name}, {best:.4f}: look for a leak")
    return found


def gate(report: Report, above: Mapping[str, float]) -> None:
    """Checks that every named figure of a report is above its line; to be on the line is not enough.

    Args:
        report: from `build_report`.
        above: dotted path of a figure -> line that it must be above, such as `ABOVE_POPULARITY`.

    Raises:
        GateError: a figure misses its line or is undefined.
        SettingsError: the report has no such figure.
    """
    missed = [
        f"{path} is {_shown(_figure(report, path))}, must be above {line}"
        for path, line in above.items()
        if (figure := _figure(report, path)) is None or not figure > line  # NaN is above nothing
    ]
    if missed:
        raise GateError("; ".join(missed), "train longer, with more data or other settings, or move the line")


def write_report(report: Report, folder: Path) -> list[Path]:
    """Writes `report.json`, `report.md` and the plots into the folder, made if need be, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = write_plots(report, folder)
    as_json, as_markdown = write_figures(report, folder), folder / "report.md"
    as_markdown.write_text(markdown(report, [plot.name for plot in plots]), encoding="utf-8")
    return [as_json, as_markdown, *plots]


def write_summary(report: Report, folder: Path) -> list[Path]:
    """Writes a report that has a `summary` as `report.json` and `report.md`, and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    as_json, as_markdown = write_figures(_defined(report), folder), folder / "report.md"
    as_markdown.write_text("\n".join(["```", *report["summary"], "```"]) + "\n", encoding="utf-8")
    return [as_json, as_markdown]


def write_figures(report: Report, folder: Path) -> Path:
    """Writes `report.json` into a folder that is there, whole or not at all, with a hash that it is known again by."""
    path = folder / "report.json"
    write_with_hash(path, report, allow_nan=False)
    return path


def _defined(value: Any) -> Any:
    """The same with None for figures that are undefined."""
    if isinstance(value, Mapping):
        return {key: _defined(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_defined(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _protocol(result: ProtocolResult, selection: str) -> Report:
    first = result.splits[0]
    ranking = result.model.pooled.ranking
    return {
        "split": first.name,
        "rule": SPLIT_RULES[first.name],
        "seen": "removed: what a user has in train or validation is not recommended to them again",
        "catalogue": "full: every item that the user has not seen is ranked; equal scores share their expected rank",
        "fit": "settings chosen on validation, then model and baselines alike fitted on train and validation together",
        "selection": selection,
        "interval": f"95 %, paired bootstrap over users, {result.config.num_samples} samples; "
        "a sampled user brings all their cases of all seeds",
        "seeds": [int(seed) for seed in result.config.seeds],
        "list_length": LIST_LENGTH,
        "baselines_left_out": dict(result.config.baselines.left_out),
        "rating_scale": [result.config.scale.low, result.config.scale.high],
        "rating_unit": result.config.unit,
        "users": first.interactions.num_users,
        "items": first.interactions.num_items,
        "events": len(first.interactions),
        "known_events": [len(split.known) for split in result.splits],
        "test_events": [len(split.test) for split in result.splits],
        "tested_users": 0 if ranking is None else ranking.num_users,
        "cases": 0 if ranking is None else int(ranking.counts.sum()),
    }


def _ranking(result: ProtocolResult) -> Report:
    outcomes = {"model": result.model, **result.ranking_baselines}
    model = result.model.pooled
    others = {name: outcome.pooled for name, outcome in result.ranking_baselines.items()}
    return {
        "model": _ranking_figures(model),
        "baselines": {name: _ranking_figures(other) for name, other in others.items()},
        "delta": _deltas(model.ranking, {name: other.ranking for name, other in others.items()}, result),
        "by_seed": {name: _by_seed(outcome) for name, outcome in outcomes.items()},
        "by_history": {
            name: _bucket(part, {n: o.by_history[name] for n, o in others.items()}, result)
            for name, part in model.by_history.items()
        },
        "by_popularity": {
            name: _bucket(part, {n: o.by_popularity[name] for n, o in others.items()}, result)
            for name, part in model.by_popularity.items()
        },
    }


def _rating(result: ProtocolResult) -> Report:
    others = {name: outcome.pooled for name, outcome in result.rating_baselines.items()}
    return {
        "model": _rating_figures(result.model.pooled),
        "baselines": {name: _rating_figures(other) for name, other in others.items()},
        "delta": _deltas(result.model.pooled.rating, {name: other.rating for name, other in others.items()}, result),
        "by_seed": {n: _by_seed(o) for n, o in {"model": result.model, **result.rating_baselines}.items()},
        "events": int(result.model.pooled.confusion.sum()),
    }


def _variant(result: ProtocolResult, variant: Outcome) -> Report:
    """Figures of the variant, and the model minus it over all seeds and in each."""
    delta: Report = {}
    figures: Report = {}
    for full, changed in (
        (result.model.pooled.ranking, variant.pooled.ranking),
        (result.model.pooled.rating, variant.pooled.rating),
    ):
        if full is not None and changed is not None:
            delta |= _deltas(full, {"variant": changed}, result)["variant"]
    if variant.pooled.ranking is not None:
        figures["ranking"] = _ranking_figures(variant.pooled)
    if variant.pooled.rating is not None:
        figures["rating"] = _rating_figures(variant.pooled)
    full_by_seed, by_seed = _by_seed(result.model), _by_seed(variant)
    per_seed = {
        metric: [full - changed for full, changed in zip(full_by_seed[metric], values, strict=True)]
        for metric, values in by_seed.items()
        if metric in full_by_seed
    }
    return {**figures, "delta": delta, "delta_by_seed": per_seed}


def _bucket(model: UserSums, others: Mapping[str, UserSums], result: ProtocolResult) -> Report:
    return {
        "users": model.num_users,
        "model": model.means,
        "baselines": {name: other.means for name, other in others.items()},
        "delta": _deltas(model, others, result) if model.num_users >= FEWEST_USERS else None,
    }


def _ranking_figures(measured: Measured) -> Report:
    return {**({} if measured.ranking is None else measured.ranking.means), **measured.lists}


def _rating_figures(measured: Measured) -> Report:
    means: Report = {} if measured.rating is None else dict(measured.rating.means)
    means["f1"] = f1(measured.confusion)
    if means["f1"] is None:
        means["accuracy"] = None
    return means


def _deltas(model: UserSums | None, others: Mapping[str, UserSums | None], result: ProtocolResult) -> Report:
    comparable = {name: other for name, other in others.items() if other is not None}
    if model is None or not comparable:
        return {}
    found = paired_intervals(model, comparable, np.random.default_rng(0), result.config.num_samples)
    return {name: {metric: asdict(i) for metric, i in by_metric.items()} for name, by_metric in found.items()}


def _by_seed(outcome: Outcome) -> dict[str, list[float]]:
    """Each metric's mean of every seed, rankings and ratings together."""
    parts: Sequence[dict[str, float]] = [
        {**({} if m.ranking is None else m.ranking.means), **({} if m.rating is None else m.rating.means)}
        for m in outcome.by_split
    ]
    return {metric: [part[metric] for part in parts] for metric in parts[0]}


def _figure(report: Report, path: str) -> float | None:
    value: Any = report
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            raise SettingsError(f"the report has no figure {path!r}", "see report.json for the paths that it has")
        value = value[key]
    if isinstance(value, dict | list | str):
        raise SettingsError(f"{path!r} is no figure of the report", "name one number, such as ranking.model.recall@10")
    return None if value is None else float(value)


def _shown(figure: float | None) -> str:
    return "undefined" if figure is None else f"{figure:.4f}"
