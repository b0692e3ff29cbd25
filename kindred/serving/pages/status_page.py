"""The state of the service: systems and versions, stores, what is degraded."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from kindred.domain.errors import KindredError
from kindred.domain.recommendation import Request
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.releases import run_of
from kindred.recommenders.runs import find_run, shown_figures
from kindred.serving.answering.opened_system import OpenedSystem
from kindred.serving.pages.rendering import Page
from kindred.serving.service import Service


async def status_page(service: Service) -> Page:
    """How each thing is that an answer rests on."""
    problem = await service.look_at_graph()
    return Page("status.html", await service.in_thread(partial(_status, service, problem)))


def _status(service: Service, problem: str | None) -> dict[str, Any]:
    systems = [_system(opened) for opened in service.systems.values()]
    return {
        "rows": systems,
        "graph": service.settings.effective_graph_url,
        "graph_problem": problem,
        "vectors": service.vectors.url,
        "writes_problem": service.writes_problem,
        "texts_problem": service.texts_problem,
        "is_well": not problem and not service.problems(),
    }


def _system(opened: OpenedSystem) -> dict[str, Any]:
    return {
        "name": opened.name,
        "words": opened.module.system.words,
        "version": opened.version,
        "problem": opened.problem,
        "misfit": opened.misfit,
        "engine_problem": opened.ladder.breaker.reason,
        "minutes": (time.monotonic() - opened.since) / 60,
        "as_of": _as_of(opened),
        "size": opened.memory.size(),
        "num_stale": opened.memory.num_stale(opened.version) if isinstance(opened.recommender, Recommender) else None,
        "figures": _figures(opened),
    }


def _as_of(opened: OpenedSystem) -> int | None:
    """The time of the latest event that answers know from the version; None where events have no times."""
    try:
        return opened.ladder(Request(k=1, reasons=False, removed=False)).as_of
    except KindredError:
        return None


def _figures(opened: OpenedSystem) -> dict[str, float]:
    try:
        run = find_run(opened.runs_folder, run_of(opened.version))
    except KindredError:
        return {}
    return shown_figures(run)
