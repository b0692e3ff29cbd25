"""A report in pictures; each has the figures on the left and the model's lead with its interval on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kindred.domain.shown import counted
from kindred.evaluation.report_text import called

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Report = dict[str, Any]

MODEL_COLOUR = "#1b6ca8"
BASELINE_COLOURS = ("#c9c9c9", "#e3a857", "#7fb08a", "#9b7bb0", "#c96f6f", "#6f8fc9", "#8c8c8c")
CLEAR, UNCLEAR = "#222222", "#9a9a9a"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "figure.dpi": 130,
}


def write_plots(report: Report, folder: Path) -> list[Path]:
    """Writes a PNG for each part of the report that there is, and returns their paths."""
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        figures = _figures(report)
        paths = []
        for name, figure in figures.items():
            path = folder / f"{name}.png"
            figure.savefig(path, metadata={"Software": None})  # equal reports give equal files
            paths.append(path)
    return paths


def _figures(report: Report) -> dict[str, Figure]:
    run = report["protocol"]
    protocol = f"{run['split']} protocol, {counted(len(run['seeds']), 'seed', 'seeds')}"
    ranked = f"{protocol}, {run['items']:,} items ranked, seen items removed"
    figures = {}
    if "ranking" in report:
        ranking = report["ranking"]
        metrics = {"recall@10": "Recall@10", "ndcg@10": "NDCG@10"}
        figures["ranking"] = _comparison(ranking, metrics, f"Ranking  ·  {ranked}")
        title = f"By length of the user's history  ·  {ranked}"
        figures["by_history"] = _buckets(ranking, "by_history", "known events of the user", title)
        title = f"By popularity of the held-out item  ·  {ranked}"
        figures["by_popularity"] = _buckets(ranking, "by_popularity", "popularity of the held-out item", title)
    if "rating" in report:
        rating = report["rating"]
        unit = run["rating_unit"]
        errors = {"mse": f"mean squared error ({unit}²)", "mae": f"mean absolute error ({unit})"}
        figures["rating"] = _comparison(rating, errors, f"Rating  ·  {protocol}, {rating['events']:,} ratings held out")
    return figures


def _comparison(section: Report, metrics: Mapping[str, str], title: str) -> Figure:
    """For each metric, bars of the model and its baselines beside the model's lead over each, name by name."""
    colours = _colours(section["baselines"])
    figures = {"model": section["model"], **section["baselines"]}
    names = list(figures)[::-1]  # the first row of a horizontal chart is its lowest
    figure, panels = _panels(len(metrics), 0.34 * len(names) + 0.9, title)
    for (metric, unit), (left, right) in zip(metrics.items(), panels, strict=True):
        values = [figures[name][metric] for name in names]
        bars = left.barh([called(name) for name in names], values, color=[colours[name] for name in names], height=0.66)
        left.bar_label(bars, fmt="%.4f", padding=3)
        left.set_xlim(0, 1.18 * max(values) or 1)
        left.set_xlabel(unit)
        left.get_yticklabels()[-1].set_fontweight("bold")
        _forest(right, [None if name == "model" else section["delta"][name][metric] for name in names])
        others = [f"− {called(name)}" for name in names[:-1]]  # nothing beside the model itself
        right.set_yticks(range(len(others)), others)
        right.set_xlabel(f"difference in {unit}, 95 % interval")
    better = "left" if "mse" in metrics else "right"
    panels[0][1].set_title(f"model minus baseline: {better} of 0 the model is better")
    return figure


def _buckets(ranking: Report, part: str, axis: str, title: str) -> Figure:
    """Grouped bars by bucket beside the model's lead over each baseline, both in the same order and colours."""
    buckets: dict[str, Report] = ranking[part]
    colours = _colours(ranking["baselines"])
    baselines = {name: colour for name, colour in colours.items() if name != "model"}
    figure, panels = _panels(1, max(3.6, 0.12 * len(buckets) * len(baselines) + 1.6), title)
    left, right = panels[0]
    _grouped_bars(left, buckets, colours)
    left.set_xlabel(f"{axis} (n users tested)")
    names = list(buckets)[::-1]
    right.axvline(0, color="#bbbbbb", linewidth=1)
    for row, name in enumerate(names):
        delta = buckets[name]["delta"]
        if delta is None:
            right.annotate("too few users", (0, row), (6, 0), textcoords="offset points", va="center", color=UNCLEAR)
            continue
        for position, (baseline, colour) in enumerate(baselines.items()):
            interval = delta[baseline]["recall@10"]
            height = row + 0.4 - 0.8 * (position + 0.5) / len(baselines)
            right.plot([interval["low"], interval["high"]], [height, height], color=colour, linewidth=2)
            right.plot(interval["mean"], height, "o", color=colour, markersize=4)
    right.set_ylim(-0.6, len(names) - 0.4)
    right.grid(axis="x", color="#eeeeee")
    right.set_yticks(range(len(names)), names)
    if baselines:
        right.set_title("model minus each baseline: right of 0 the model is better")
    right.set_xlabel("difference in Recall@10, 95 % interval")
    right.set_ylabel(axis)
    return figure


def _grouped_bars(axes: Axes, buckets: Mapping[str, Report], colours: Mapping[str, str]) -> None:
    """Recall@10 of all users in each bucket; pale where there are too few users for an interval."""
    width = 0.8 / len(colours)
    for position, (name, colour) in enumerate(colours.items()):
        for index, bucket in enumerate(buckets.values()):
            figures = bucket["model"] if name == "model" else bucket["baselines"][name]
            position_x = index - 0.4 + width * (position + 0.5)
            strength = 0.3 if bucket["delta"] is None else 1.0
            axes.bar(position_x, figures["recall@10"], width, color=colour, alpha=strength)
        axes.bar(0, 0, color=colour, label=called(name))  # a bar of its own for the legend, never pale
    axes.set_xticks(range(len(buckets)), [f"{name}\nn = {bucket['users']:,}" for name, bucket in buckets.items()])
    axes.set_ylabel("Recall@10")
    axes.grid(axis="y", color="#eeeeee")
    columns = min(len(colours), 5)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, fontsize=8, columnspacing=1.2, frameon=False)


def _panels(num_rows: int, row_height: float, title: str) -> tuple[Figure, Sequence[Sequence[Axes]]]:
    """A figure with rows of two panels, `[num_rows][2]`."""
    from matplotlib.figure import Figure

    # A Figure of its own, without pyplot, renders with Agg whatever the machine's display and leaves no state behind.
    figure = Figure(figsize=(10, num_rows * row_height + 0.6), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    panels: list[list[Axes]] = figure.subplots(
        num_rows, 2, squeeze=False, gridspec_kw={"width_ratios": [1.15, 1]}
    ).tolist()
    return figure, panels


def _forest(axes: Axes, rows: Sequence[Report | None]) -> None:
    """A dot with its interval for each row from the bottom up, dark where it excludes zero; None leaves a gap."""
    axes.axvline(0, color="#bbbbbb", linewidth=1)
    for height, row in enumerate(rows):
        if row is None:
            continue
        colour = CLEAR if row["low"] > 0 or row["high"] < 0 else UNCLEAR
        axes.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot(row["mean"], height, "o", color=colour, markersize=5)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color="#eeeeee")


def _colours(baselines: Mapping[str, Any]) -> dict[str, str]:
    """One colour for each name, the same in every picture of a report."""
    cycle = [BASELINE_COLOURS[i % len(BASELINE_COLOURS)] for i in range(len(baselines))]
    return {"model": MODEL_COLOUR, **dict(zip(baselines, cycle, strict=True))}
