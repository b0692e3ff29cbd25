"""Answers as plain values, in the form of `schemas.Recommendations`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kindred.domain.recommendation import Answer, Recommendation


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
    if debug:
        value["removed"] = answer.removed
    return value


def _item_value(item: Recommendation) -> dict[str, Any]:
    value = {"id": item.item_id, "score": item.score, "title": item.title, "source": item.source}
    if item.reason is not None:
        value |= {"reason": item.reason.text, "path": list(item.reason.path)}
    return value


def iso_time(seconds: int | None) -> str | None:
    """Seconds UTC as ISO 8601."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
