"""Answers as plain values, in the form of `replied.Recommendations`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kindred.domain.recommendation import Answer, Recommendation
from kindred.domain.times import iso_time


def answer_value(answer: Answer, request_id: str = "", debug: bool = False) -> dict[str, Any]:
    """An answer as a reply holds it."""
    value: dict[str, Any] = {
        "system": answer.system,
        "user_id": answer.user_id,
        "items": [_item_value(item) for item in answer.recommendations],
        "model": answer.version,
        "graph_as_of": iso_time(answer.as_of),
        "level": answer.level,
        "served_by": answer.served_by,
        "degraded": answer.degraded,
        "note": answer.note,
        "request_id": request_id,
    }
    if answer.experiment:
        value |= {"experiment": answer.experiment, "variant": answer.variant}
    if debug:
        value["removed"] = answer.removed
    return value


def ranked_value(answer: Answer, items: Sequence[str], request_id: str) -> dict[str, Any]:
    """A ranking of given items as a reply holds it."""
    there = {item.item_id for item in answer.recommendations}
    return answer_value(answer, request_id) | {"unknown": [item for item in dict.fromkeys(items) if item not in there]}


def _item_value(item: Recommendation) -> dict[str, Any]:
    value = {"id": item.item_id, "score": item.score, "title": item.title, "source": item.source}
    if item.reason is not None:
        value |= {"reason": item.reason.text, "path": list(item.reason.path)}
    return value
