"""Pages of runs: all there are, and one with its curves and what its evaluation found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kindred.evaluation.bootstrap import interval_text
from kindred.evaluation.report_text import (
    BUCKETS,
    LIST_COLUMNS,
    LOWER_IS_BETTER,
    RATING_COLUMNS,
    beside_best,
    called,
    meanings,
    verdict,
)
from kindred.recommenders.releases import run_of
from kindred.recommenders.runs import (
    Run,
    figure_names,
    finished_runs,
    read_runs,
    shown_figures,
    tags_of,
    whole_run,
    without_figures,
)
from kindred.recommenders.systems import SYSTEMS, find_system, model_name
from kindred.serving.http.problems import PAGES, UnknownError
from kindred.serving.pages.charts import Bar, bars_of, line_chart
from kindred.serving.pages.rendering import Page
from kindred.serving.service import Service
from kindred.stores import runs_folder_of

RANKING = ("recall@10", "ndcg@10", "roc_auc")
LENGTHS = [f"{metric}@{k}" for k in (10, 20, 100) for metric in ("recall", "ndcg")]
CURVES = (("ndcg@10", "NDCG@10 on validation"), ("loss", "loss"))
"""What training chose its epoch by, and what it learned from."""


async def runs_page(service: Service) -> Page:
    """Every finished run of every system."""
    groups, damaged = await service.in_thread(partial(_all_runs, service))
    return Page("runs.html", {"groups": groups, "damaged": damaged})


def _all_runs(service: Service) -> tuple[list[tuple[str, list[str], list[dict[str, Any]]]], list[str]]:
    """Each system that has runs, the names of their figures, and the runs, newest first; and which are damaged."""
    groups, damaged = [], []
    for system in SYSTEMS:
        published = service.vectors.of(system).versions()
        current = service.systems[system].version if system in service.systems else None
        runs, errors = read_runs(runs_folder_of(service.settings, system))
        damaged += [f"{system} {name}" for name in errors]
        rows = [
            {
                "name": run.name,
                "model": model_name(run),
                "events": run.manifest["events"],
                "figures": shown_figures(run),
                "without": without_figures(run),
                "tags": tags_of(run),
                "is_current": current is not None and run_of(current) == run.name,
                "is_kept": run.name in map(run_of, published),
            }
            for run in reversed(runs)
        ]
        if rows:
            groups.append((system, figure_names(row["figures"] for row in rows), rows))
    return groups, damaged


async def run_page(service: Service, system: str, name: str, beside: str) -> Page:
    """One run, beside another where one is named."""
    values = await service.in_thread(partial(_one_run, service, system, name, beside))
    return Page("run.html", values, system)


def _one_run(service: Service, system: str, name: str, beside: str) -> dict[str, Any]:
    folder = runs_folder_of(service.settings, system)
    finished = finished_runs(folder)[::-1] if system in SYSTEMS else []  # any other name is no folder of ours
    named = next((one for one in finished if one.name == name), None)
    if named is None:
        raise UnknownError(f"there is no finished run {name!r} of {system!r}", f"{PAGES}/runs lists those there are")
    run = whole_run(named)
    others = [other for other in finished if other.name != run.name]
    second = next((other for other in others if other.name == beside), None)
    shown = [run] if second is None else [run, second]
    figures = {one.name: shown_figures(one) for one in shown}
    histories = {one.name: _history(one.folder) for one in shown}
    return {
        "run": run,
        "system": system,
        "others": [other.name for other in others],
        "beside": "" if second is None else second.name,
        "model": model_name(run),
        "facts": _facts(run),
        "weights": _weights(run),
        "curves": [chart for key, title in CURVES if (chart := _curve(histories, key, title)) is not None],
        "reports": [_report(report) for report in _reports(run)],
        "figures": figures,
        "without": {one.name: without_figures(one) for one in shown},
        "figure_names": figure_names(figures.values()),
    }


def _facts(run: Run) -> list[tuple[str, str]]:
    made, words = run.manifest, find_system(run.manifest["system"]).system.words
    named = {
        "users": words.users,
        "items": words.items,
        "events": made.get("event_words", words.events),
        "width": "embedding width",
    }
    facts = [(called, f"{made[name]:,}") for name, called in named.items() if made.get(name)]
    if learned := made.get("gnn"):
        facts.append(("best epoch", f"{learned['best_epoch']} of {learned['epochs']}"))
    return [*facts, ("seed", str(made["seed"]))]


def _weights(run: Run) -> list[Bar]:
    """The weight of each scorer in the run, of each arm's where it has several, the largest first."""
    weights: dict[str, float] = {}
    for name, weight in (run.manifest.get("weights") or {}).items():
        if isinstance(weight, dict):
            weights |= {f"{name}: {part}": value for part, value in weight.items()}
        else:
            weights[name] = weight
    best = sorted(weights.items(), key=lambda pair: -abs(pair[1]))
    return bars_of([(name, weight) for name, weight in best if abs(weight) >= 0.0005], {})


def _history(folder: Path) -> list[dict[str, float]]:
    """What each epoch of a training noted; nothing where it noted nothing that can be read.

    Of several trainings, each in a folder of its own, the first: the last is on all there is, and judges nothing.
    """
    parts = sorted(folder.glob("*/metrics.jsonl"))
    own = folder / "metrics.jsonl"
    try:
        noted = (parts[0] if parts and not own.exists() else own).read_text("utf-8")
        return [json.loads(line) for line in noted.splitlines()]
    except (OSError, ValueError):
        return []


def _curve(histories: Mapping[str, list[dict[str, float]]], key: str, title: str) -> Any:
    series = {
        name: [(epoch["epoch"], epoch[key]) for epoch in history if key in epoch and "epoch" in epoch]
        for name, history in histories.items()
    }
    return line_chart(title, {name: points for name, points in series.items() if points})


def _reports(run: Run) -> list[dict[str, Any]]:
    """The reports that can be read."""
    found = []
    for path in sorted(run.folder.glob("evaluation/*/report.json")):
        try:
            report = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if "summary" in report or "protocol" in report:
            found.append(report)
    return found


def _report(report: dict[str, Any]) -> dict[str, Any]:
    """What the template shows of a report; it is strict, so a part that the report has not is None."""
    shown: dict[str, Any] = {"summary": report.get("summary"), "ranking": None, "rating": None}
    if shown["summary"]:
        return shown
    shown |= {"protocol": report["protocol"], "warnings": report.get("warnings", []), "meanings": meanings()}
    if ranking := report.get("ranking"):
        measured = [metric for metric in RANKING if metric in ranking["model"]]
        shown["ranking"] = [(metric, _compared(ranking, metric)) for metric in measured]
        shown["lengths"] = _beside_baselines(ranking, LENGTHS)
        shown["lists"] = _beside_baselines(ranking, LIST_COLUMNS)
        shown["buckets"] = [
            (words, [(name, part, beside_best(part)) for name, part in ranking[key].items()])
            for key, words in BUCKETS.items()
            if ranking.get(key)
        ]
    if rating := report.get("rating"):
        shown["rating"] = _beside_baselines(rating, RATING_COLUMNS)
        shown["lower"] = sorted(LOWER_IS_BETTER)
    shown["variants"] = _variants(report.get("ablation", {}))
    return shown


def _variants(ablation: dict[str, Any]) -> list[tuple[str, str, float, str]]:
    """The model with one thing changed: in words, metric, its figure, and what the model is ahead of it."""
    found = []
    for name, variant in ablation.items():
        figures = {**variant.get("ranking", {}), **variant.get("rating", {})}
        leads = {metric: lead for metric, lead in variant["delta"].items() if metric in (*RANKING, "mse")}
        found += [
            (called(name), metric, figures[metric], f"{interval_text(lead)}, {verdict(lead, metric)}")
            for metric, lead in leads.items()
        ]
    return found


def _compared(ranking: dict[str, Any], metric: str) -> list[Bar]:
    """The model beside its baselines, with what the interval says of its lead."""
    values = [("model", ranking["model"][metric])]
    values += sorted(((n, f[metric]) for n, f in ranking["baselines"].items()), key=lambda pair: -pair[1])
    notes = {}
    for name, leads in ranking["delta"].items():
        lead = leads.get(metric)
        if lead is not None:
            notes[name] = f"{lead['low']:+.3f} to {lead['high']:+.3f}, {verdict(lead, metric)}"
    return bars_of(values, notes)


def _beside_baselines(part: dict[str, Any], columns: Iterable[str]) -> tuple[list[str], list[tuple[str, list[float]]]]:
    """Those of the columns that the model has figures of, and the figures of the model and each baseline."""
    names = [name for name in columns if name in part["model"]]
    everyone = {"model": part["model"], **part["baselines"]}
    return names, [(who, [figures.get(name) for name in names]) for who, figures in everyone.items()]
