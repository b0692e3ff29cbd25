"""What an A/B test has found so far: exposures from its log, hits from the events that followed in the graph."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError
from kindred.domain.experiments import Experiment
from kindred.domain.shown import counted
from kindred.evaluation.bootstrap import Interval
from kindred.evaluation.experiments import (
    POWER,
    Difference,
    Group,
    Pairs,
    SampleRatio,
    days_to_significance,
    difference,
    hits_within,
    ips,
    sample_ratio,
)
from kindred.graph.store import GraphStore
from kindred.recommenders.system import System
from kindred.serving.ab_tests.experiments import Exposure, by_arm

DAY = 86_400


@dataclass(frozen=True)
class ArmResult:
    """What one arm came to.

    Attributes:
        against_control: the difference from the first arm; None for that arm, and where there are too few users.
        days: in all, until a difference as large as this one would be significant.
        off_policy: estimates of always showing the best first, and of any of the items first, by name; None where
            the arm does not explore.
    """

    name: str
    num_users: int
    num_exposures: int
    rate: float
    against_control: Difference | None
    days: float | None
    off_policy: Mapping[str, Interval] | None


@dataclass(frozen=True)
class ExperimentReport:
    """An experiment's users, sample ratio and rates.

    Attributes:
        window: seconds after an exposure in which an event counts.
        days: between the first exposure and the last.
        immature: exposures left out because their window is not over.
        ratio: whether the arms have the users that their shares say.
        arms: in the order of the declaration.
    """

    experiment: str
    window: int
    days: float
    immature: int
    ratio: SampleRatio
    arms: Sequence[ArmResult]


def report_of(
    experiment: Experiment,
    system: System,
    store: GraphStore,
    exposures: Sequence[Exposure],
    window: int,
    now: float | None = None,
) -> ExperimentReport:
    """The report of an experiment as of now.

    Raises:
        ArtifactError: no user was exposed yet.
    """
    before = (time.time() if now is None else now) - window
    mature = [exposure for exposure in exposures if exposure["at"] <= before]
    grouped = by_arm(mature)
    if not any(arm.name in grouped for arm in experiment.arms):
        hint = f"ask again when the window of {window:,} s is over" if exposures else "is the service running with it?"
        raise ArtifactError(f"experiment {experiment.name} has no exposures whose window is over", hint)
    times = [exposure["at"] for exposure in mature]
    days = max(max(times) - min(times), 1.0) / DAY
    events = _Events.read(system, store)
    hits = {arm.name: events.hits(grouped.get(arm.name, ()), window) for arm in experiment.arms}
    groups = {name: _group(grouped.get(name, ()), hits[name]) for name in hits}
    control = groups[experiment.arms[0].name]
    results = []
    for place, arm in enumerate(experiment.arms):
        group = groups[arm.name]
        enough = place and min(len(group.hits), len(control.hits)) >= 2
        found = difference(control, group, np.random.default_rng(0)) if enough else None
        needed = None if found is None else days_to_significance(found, days)
        exposed = grouped.get(arm.name, [])
        policies = off_policy(exposed, hits[arm.name]) if arm.explore and exposed else None
        num_users = len(group.hits)
        results.append(ArmResult(arm.name, num_users, len(exposed), group.rate, found, needed, policies))
    ratio = sample_ratio([arm.num_users for arm in results], [arm.share for arm in experiment.arms])
    return ExperimentReport(experiment.name, window, days, len(exposures) - len(mature), ratio, results)


@dataclass(frozen=True)
class _Events:
    """The system's events, and the positions of their users and items."""

    users: Mapping[str, int]
    items: Mapping[str, int]
    pairs: Pairs

    @staticmethod
    def read(system: System, store: GraphStore) -> _Events:
        """All events that have a time."""
        users: dict[str, int] = {}
        items: dict[str, int] = {}
        rows = []
        for batch in store.read_edges(system.edge, ["source_id", "target_id", "at"]):
            for user, item, at in zip(*(batch.column(name).to_pylist() for name in batch.schema.names), strict=True):
                if at is not None:
                    rows.append((users.setdefault(user, len(users)), items.setdefault(item, len(items)), at))
        columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
        return _Events(users, items, Pairs(*columns.T))

    def hits(self, exposures: Sequence[Exposure], window: int) -> NDArray[np.bool_]:
        """Which items of each exposure were hits, `[num_exposures, most_items]`.

        Events have whole seconds: one of the second of the exposure came after it, for what a user has is not shown.
        """
        most = max((len(exposure["items"]) for exposure in exposures), default=1) or 1
        no_user, nothing = len(self.users), len(self.items)
        rows = np.full((len(exposures), most, 3), (no_user, nothing, 0), dtype=np.int64)
        for row, exposure in enumerate(exposures):
            rows[row, :, 0], rows[row, :, 2] = self.users.get(exposure["user"], no_user), int(exposure["at"]) - 1
            rows[row, : len(exposure["items"]), 1] = [self.items.get(item, nothing) for item in exposure["items"]]
        found = hits_within(Pairs(*rows.reshape(-1, 3).T), self.pairs, window + 1)
        return found.reshape(len(exposures), most)


def _group(exposures: Sequence[Exposure], hits: NDArray[np.bool_]) -> Group:
    """Users of an arm with their hits and exposures; an exposure with any item that was a hit is one."""
    users = sorted({exposure["user"] for exposure in exposures})
    position = {user: row for row, user in enumerate(users)}
    rows = np.array([position[exposure["user"]] for exposure in exposures], dtype=np.int64)
    sums = np.bincount(rows, hits.any(axis=1), len(users)).astype(np.float64)
    counts = np.bincount(rows, minlength=len(users)).astype(np.float64)
    buckets = np.array([crc32(str(user).encode()) for user in users], dtype=np.int64)
    return Group(sums, counts, buckets)


def off_policy(exposures: Sequence[Exposure], hits: NDArray[np.bool_]) -> Mapping[str, Interval] | None:
    """Hit rates of the first place, had it always gone to the best item, or to any of the items."""
    logged = [row for row, exposure in enumerate(exposures) if "propensity" in exposure]
    if not logged:
        return None
    rewards = hits[logged, 0].astype(np.float64)
    propensity = np.array([exposures[row]["propensity"] for row in logged])
    best = np.array([exposures[row]["items"][0] == exposures[row]["best"] for row in logged], dtype=np.float64)
    uniform = np.array([1 / len(exposures[row]["items"]) for row in logged])
    found = {}
    for name, target in (("best", best), ("uniform", uniform)):
        for estimate, normalised in (("IPS", False), ("SNIPS", True)):
            rng = np.random.default_rng(0)
            found[f"{name} first, {estimate}"] = ips(rewards, propensity, target, rng, normalised=normalised)
    return found


def report_text(report: ExperimentReport) -> str:
    """A report for people."""
    ratio = "as declared" if report.ratio.holds else "NOT AS DECLARED: find out why before you believe the rest"
    lines = [
        f"experiment {report.experiment}: {report.days:.1f} days, hits within {report.window:,} s of the exposure"
        + (f"; {report.immature:,} exposures whose window is not over are left out" if report.immature else ""),
        f"sample ratio {ratio} (p = {report.ratio.p_value:.3g})",
    ]
    for arm in report.arms:
        users, exposures = counted(arm.num_users, "user", "users"), counted(arm.num_exposures, "exposure", "exposures")
        lines.append(f"{arm.name}: {users}, {exposures}, hit rate {arm.rate:.4f}")
        if arm.against_control is not None:
            lines.append(f"  {_verdict(arm.against_control, arm.days, report.days)}")
        for name, interval in (arm.off_policy or {}).items():
            lines.append(f"  {name}: {interval.mean:.4f} [{interval.low:.4f}, {interval.high:.4f}]")
    return "\n".join(lines)


def _verdict(found: Difference, needed: float | None, days: float) -> str:
    said = f"against control {found.interval}, p = {found.p_value:.3g}: "
    if found.is_significant:
        return said + "significant"
    if needed is None:
        return said + "no difference"
    more = max(0.0, needed - days)
    return f"{said}not significant; were it as large as this, {more:.0f} more days would tell with {POWER:.0%} power"


def report_json(report: ExperimentReport) -> dict[str, Any]:
    """A report for machines."""

    def interval(of: Interval) -> dict[str, float]:
        return {"value": of.mean, "low": of.low, "high": of.high}

    def arm_json(arm: ArmResult) -> dict[str, Any]:
        found = arm.against_control
        return {
            "arm": arm.name,
            "users": arm.num_users,
            "exposures": arm.num_exposures,
            "hit_rate": arm.rate,
            "against_control": found and {**interval(found.interval), "p_value": found.p_value},
            "days_to_significance": arm.days,
            "off_policy": arm.off_policy and {name: interval(of) for name, of in arm.off_policy.items()},
        }

    ratio = {"counts": report.ratio.counts, "expected": report.ratio.expected, "p_value": report.ratio.p_value}
    return {
        "experiment": report.experiment,
        "window_seconds": report.window,
        "days": report.days,
        "immature_exposures": report.immature,
        "sample_ratio": {**ratio, "holds": report.ratio.holds},
        "arms": [arm_json(arm) for arm in report.arms],
    }
