"""What Prometheus reads: how fast, by which level, how degraded, how old. No label names a user."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

if TYPE_CHECKING:
    from kindred.serving.answering.opened_system import OpenedSystem

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counters and histograms of one process, in a registry of their own.

    Args:
        systems: the systems that are open, whose state is read when Prometheus asks.
        event_lag: seconds that the oldest write has waited for the graph.
    """

    def __init__(self, systems: Mapping[str, OpenedSystem], event_lag: Callable[[], float] = lambda: 0.0) -> None:
        self._registry = CollectorRegistry()
        self.seconds = Histogram(
            "kindred_request_seconds",
            "Time from request to reply.",
            ("route", "method", "status"),
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self.stage_seconds = Histogram(
            "kindred_stage_seconds",
            "Time of a stage of an answer: recommend is all of it but reading the request and writing the reply.",
            ("stage",),
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self.answers = Counter(
            "kindred_answers_total",
            "Answers by the level that served them.",
            ("system", "served_by", "level", "degraded"),
            registry=self._registry,
        )
        self.sampled_recall = Summary(
            "kindred_sampled_recall",
            "Share of the exact best that sampled answers of the vector engine hold.",
            ("system",),
            registry=self._registry,
        )
        lag = Gauge(
            "kindred_event_lag_seconds",
            "Age of the oldest accepted event that the graph does not hold yet.",
            registry=self._registry,
        )
        lag.set_function(event_lag)
        # Looked up by their labels with every request, which the library does with a lock and checks.
        self.seconds_of, self.stage_seconds_of = cache(self.seconds.labels), cache(self.stage_seconds.labels)
        self.answers_of = cache(self.answers.labels)
        self._registry.register(_States(systems))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Everything in the format of Prometheus."""
        return generate_latest(self._registry)


class _States:
    """The state of each system, read when it is asked for."""

    def __init__(self, systems: Mapping[str, OpenedSystem]) -> None:
        self._systems = systems

    def collect(self) -> Iterator[Metric]:
        """Gauges by system."""
        age = GaugeMetricFamily("kindred_model_age_seconds", "Since the version was taken over.", labels=("system",))
        engine = GaugeMetricFamily("kindred_engine_up", "Whether the vector engine is asked.", labels=("system",))
        refused = GaugeMetricFamily(
            "kindred_version_refused", "Whether a newer version was refused.", labels=("system",)
        )
        fits = GaugeMetricFamily("kindred_graph_fits", "Whether the graph may be the version's.", labels=("system",))
        for name, opened in list(self._systems.items()):
            fits.add_metric([name], float(opened.misfit is None))
            age.add_metric([name], time.monotonic() - opened.since)
            engine.add_metric([name], float(opened.ladder.breaker.state == "closed"))
            refused.add_metric([name], float(opened.problem is not None))
        yield from (age, engine, refused, fits)
