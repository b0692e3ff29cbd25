"""A report in words: the table for a terminal and the page for a run folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kindred.domain.shown import counted
from kindred.evaluation.bootstrap import interval_text

Report = dict[str, Any]

RANKING_COLUMNS = ("recall@10", "ndcg@10", "mrr@10", "roc_auc")
LIST_COLUMNS = ("coverage", "gini", "novelty", "diversity", "popularity_calibration", "makers")
RATING_COLUMNS = ("mae", "mse", "accuracy", "f1")
BUCKETS = {"by_history": "known events of the user", "by_popularity": "popularity of the held-out item"}
"""Parts of a report that hold the figures of some users or items apart, and what tells these."""
LOWER_IS_BETTER = frozenset({"mae", "mse"})

_MEANINGS = {
    "recall@k": "share of a user's held-out items among the first k, mean over tested users",
    "ndcg@k": "the same with hits near the top counting more, 1 when all held-out items come first",
    "mrr@k": "1 / rank of the first hit, 0 if none is among the first k",
    "roc_auc": "chance that a held-out item scores above one of like popularity that its user never chose; "
    "popularity and chance have .5",
    "coverage": "share of the catalogue that is in at least one list",
    "gini": "how unevenly items are listed: 0 all alike, near 1 a few fill every list",
    "novelty": "mean surprise of a listed item in bits; an item that half of the users know has 1",
    "diversity": "mean of 1 − cosine between the items of a list",
    "popularity_calibration": "distance between how popular a user's items and their list are, 0 alike to 1",
    "makers": "different makers of the items of a list, such as artists, mean over lists",
}
_VARIANTS = {
    "no_text": "without text",
    "without_network": "without the graph network",
    "gnn_alone": "the graph network alone",
    "retrieval_alone": "retrieval alone",
    "cosine_rating": "ratings by cosine alone",
}
"""Variants in words; another one is called by its name."""
_LIMITS = (
    "Only what users chose by themselves counts as a hit: an item that they would have liked but never met is a miss, "
    "for every model alike.",
    "The interval says how sure the difference is for other users of the same kind. It does not cover other data, and "
    "the spread between trainings only as far as several seeds were run.",
    "Many intervals are shown: about one in twenty of those without any true difference excludes zero by chance. "
    "Decide by the one that you named before.",
    "EASE's ridge is chosen on validation. The other baselines run with one fixed setting, the same for all data; "
    "tuned to this data they may do better.",
)
_LIMITS_OF_SPLIT = {
    "temporal": "Each user is split at their own last event, so events of other users may be later than the one asked "
    "about. An as-of evaluation by months is stricter.",
    "random": "Time is ignored: a user's later events help to find earlier ones, which never happens live.",
    "given": "Whatever the published split does, leaks included, is taken as it is.",
}


def meanings() -> Mapping[str, str]:
    """What each figure of a report means, by name."""
    return _MEANINGS


def verdict(interval: Report, metric: str) -> str:
    """The interval's verdict on the model: `better`, `worse` or `no clear difference`."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    low, high = sorted((sign * interval["low"], sign * interval["high"]))
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no clear difference"


def render_table(report: Report) -> str:
    """The report in at most 100 columns, for a terminal."""
    protocol = report["protocol"]
    seeds = counted(len(protocol["seeds"]), "seed", "seeds")
    lines = [
        f"{protocol['split']} protocol, {seeds}: {protocol['tested_users']:,} users tested, "
        f"{protocol['items']:,} items ranked, seen removed",
    ]
    if "ranking" in report:
        lines += ["", *_section("ranking", report["ranking"], RANKING_COLUMNS, "recall@10")]
        lines += ["", *_apart(report["ranking"])]
        lines += ["", *_lists(report["ranking"], protocol["list_length"])]
    if "rating" in report:
        lines += ["", *_section("rating", report["rating"], RATING_COLUMNS, "mse")]
    lines += [f"{name} is left out: {reason}" for name, reason in protocol["baselines_left_out"].items()]
    if "ablation" in report:
        lines += ["", *_variants(report["ablation"])]
    lines += [f"! {warning}" for warning in report["warnings"]]
    return "\n".join(lines)


def called(variant: str) -> str:
    """A variant of the model, or a baseline, in words."""
    return _VARIANTS.get(variant, variant.replace("_", " "))


def _section(title: str, section: Report, columns: Sequence[str], compared: str) -> list[str]:
    """Aligned lines of the model and its baselines, each baseline with the model's lead on it."""
    rows = {"model": section["model"], **section["baselines"]}
    head = f"{title:<12}" + "".join(f"{column:>11}" for column in columns) + f"   model − it, {compared}"
    lines = [head]
    for name, figures in rows.items():
        line = f"{name[:12]:<12}" + "".join(f"{_number(figures[column]):>11}" for column in columns)
        delta = section["delta"].get(name)
        if delta is not None:
            line += f"   {interval_text(delta[compared])} {_sign(verdict(delta[compared], compared))}"
        lines.append(line.rstrip())
    return lines


def _variants(section: Report) -> list[str]:
    """The model with one thing changed, a line each for ranking and rating, with what the model is ahead of it."""
    lines = [f"{'the model changed':<36}{'its figure':>11}   model − it"]
    for name, variant in section.items():
        figures = {**variant.get("ranking", {}), **variant.get("rating", {})}
        for metric in ("recall@10", "mse"):
            if metric in variant["delta"]:
                interval = variant["delta"][metric]
                words = f"{called(name)}, {metric}"
                sign = _sign(verdict(interval, metric))
                lines.append(f"{words:<36}{_number(figures[metric]):>11}   {interval_text(interval)} {sign}")
    return lines


def _apart(section: Report) -> list[str]:
    """Recall@10 by how much is known of users and of items, with the model's lead over the best baseline there."""
    lines = []
    for key, words in BUCKETS.items():
        lines.append(f"{f'by {words}':<36}{'users':>9}{'recall@10':>11}   model − best baseline")
        for name, part in section[key].items():
            recall = _number(part["model"]["recall@10"])
            lines.append(f"{name:<36}{part['users']:>9,}{recall:>11}   {beside_best(part)}".rstrip())
    return lines


def beside_best(part: Report) -> str:
    """The baseline with the highest recall@10 of a bucket, and the model's lead over it."""
    recall = {name: figures["recall@10"] for name, figures in part["baselines"].items()}
    if not recall:
        return ""
    best = max(recall, key=recall.__getitem__)
    return "too few users" if part["delta"] is None else f"{best}: {interval_text(part['delta'][best]['recall@10'])}"


def _lists(section: Report, list_length: int) -> list[str]:
    """What accuracy does not tell of the lists, one figure a line under the names of the models, with its meaning."""
    models = {"model": section["model"], **section["baselines"]}
    widths = [max(9, len(name) + 1) for name in models]
    lines = [f"{f'lists of {list_length}':<22}" + "".join(f"{n:>{w}}" for n, w in zip(models, widths, strict=True))]
    for figure in _list_columns(section):
        values = zip((_number(figures[figure]) for figures in models.values()), widths, strict=True)
        lines.append(f"{figure:<22}" + "".join(f"{value:>{width}}" for value, width in values))
        lines.append(f"  {_MEANINGS[figure]}")
    return lines


def _list_columns(section: Report) -> list[str]:
    return [figure for figure in LIST_COLUMNS if figure in section["model"]]


def markdown(report: Report, plots: Sequence[str]) -> str:
    """The whole report as a Markdown page; `plots` are file names beside it."""
    parts = ["# Evaluation", _setting(report["protocol"]), _warnings(report["warnings"])]
    if "ranking" in report:
        parts.append(_ranking(report["ranking"], report["protocol"]["list_length"]))
    if "rating" in report:
        parts.append(_rating(report["rating"]))
    if "ablation" in report:
        parts.append(_ablation(report["ablation"]))
    parts += [f"![{name.removesuffix('.png').replace('_', ' ')}]({name})" for name in plots]
    parts += [_meanings(report), _limits(report["protocol"]["split"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _setting(protocol: Report) -> str:
    rows = [
        ["split", f"{protocol['split']}: {protocol['rule']}"],
        ["seen items", protocol["seen"]],
        ["catalogue", protocol["catalogue"]],
        ["fit on", protocol["fit"]],
        ["settings", protocol["selection"]],
        ["intervals", protocol["interval"]],
        ["seeds", ", ".join(map(str, protocol["seeds"]))],
        ["data", f"{protocol['events']:,} events of {protocol['users']:,} users and {protocol['items']:,} items"],
        ["known / tested events", f"{_mean(protocol['known_events']):,.0f} / {_mean(protocol['test_events']):,.0f}"],
        ["tested users", f"{protocol['tested_users']:,}, {protocol['cases']:,} cases over all seeds"],
    ]
    rows += [["left out", f"{name}: {reason}"] for name, reason in protocol["baselines_left_out"].items()]
    return "## How it was measured\n\n" + _table(["", ""], rows)


def _warnings(warnings: Sequence[str]) -> str:
    return "\n".join(["## Warnings", "", *(f"* {warning}" for warning in warnings)]) if warnings else ""


def _ranking(section: Report, list_length: int) -> str:
    left_out = ("hit_rate", *LIST_COLUMNS)
    metrics = [name for name in section["model"] if not name.startswith(left_out)]
    parts = [
        "## Ranking",
        _figures_table(section, metrics),
        "Model minus baseline with its 95 % interval; “better” and “worse” where the whole interval excludes zero:",
        _delta_table(section["delta"], RANKING_COLUMNS),
        f"### Beyond accuracy, lists of {list_length}",
        _figures_table(section, _list_columns(section)),
        "\n".join(f"* **{figure}**: {_MEANINGS[figure]}." for figure in _list_columns(section)),
        "### Recall@10 by length of the user's history (known events)",
        _bucket_table(section["by_history"]),
        "### Recall@10 by popularity of the held-out item",
        "Head, middle and tail items carry 20, 60 and 20 % of the known events; cold items have none.",
        _bucket_table(section["by_popularity"]),
    ]
    return "\n\n".join(parts)


def _rating(section: Report) -> str:
    parts = [
        "## Rating",
        _figures_table(section, RATING_COLUMNS),
        f"Model minus baseline over {section['events']:,} held-out ratings; below zero is better for errors:",
        _delta_table(section["delta"], ("mae", "mse")),
    ]
    return "\n\n".join(parts)


def _ablation(section: Report) -> str:
    """Each variant's figures beside the model's lead over it."""
    rows = []
    for name, variant in section.items():
        for metric, interval in variant["delta"].items():
            if metric in ("recall@10", "ndcg@10", "roc_auc", "mae", "mse"):
                figures = {**variant.get("ranking", {}), **variant.get("rating", {})}
                seeds = variant["delta_by_seed"][metric]
                sign = -1 if metric in LOWER_IS_BETTER else 1
                wins = f"{sum(sign * delta > 0 for delta in seeds)} of {len(seeds)}"
                words = called(name)
                judged = [interval_text(interval), verdict(interval, metric), wins]
                rows.append([words, metric, _number(figures[metric]), *judged])
    header = ["variant", "metric", "its figure", "model − it", "the model is", "better in seeds"]
    return "## Variants\n\nThe model with one thing changed, everything else alike.\n\n" + _table(header, rows)


def _meanings(report: Report) -> str:
    """The figures of other sections than the one on lists, which explains its own."""
    meanings = {name: text for name, text in _MEANINGS.items() if name not in LIST_COLUMNS}
    if "rating" in report:
        (low, high), unit = report["protocol"]["rating_scale"], report["protocol"]["rating_unit"]
        meanings["mae, mse"] = f"mean absolute and mean squared error in {unit}, smaller is better"
        meanings["accuracy, f1"] = (
            f"whether a rating above {(low + high) / 2:g} is told from the others; "
            "undefined where only one kind was given"
        )
    return "## What the figures mean\n\n" + "\n".join(f"* **{name}**: {text}." for name, text in meanings.items())


def _limits(split: str) -> str:
    return "## Limits\n\n" + "\n".join(f"* {limit}" for limit in (_LIMITS_OF_SPLIT[split], *_LIMITS))


def _figures_table(section: Report, metrics: Sequence[str]) -> str:
    rows = {"**model**": section["model"], **section["baselines"]}
    return _table(["", *metrics], ([name, *(_number(f[m]) for m in metrics)] for name, f in rows.items()))


def _delta_table(delta: Report, metrics: Sequence[str]) -> str:
    rows = ([name, *(f"{interval_text(by[m])} {verdict(by[m], m)}" for m in metrics)] for name, by in delta.items())
    return _table(["model − …", *metrics], rows)


def _bucket_table(buckets: Report) -> str:
    """Recall@10 of all users in each bucket, and the model's lead over the baseline that is best there."""
    names = list(next(iter(buckets.values()))["baselines"]) if buckets else []
    rows = []
    for bucket, part in buckets.items():
        recall = [figures["recall@10"] for figures in (part["model"], *part["baselines"].values())]
        rows.append([bucket, f"{part['users']:,}", *map(_number, recall), beside_best(part)])
    return _table(["", "users", "**model**", *names, "model − best baseline"], rows)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _sign(found: str) -> str:
    return found if found in ("better", "worse") else "~"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
