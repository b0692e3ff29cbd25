"""The driver's own stand-in for a server, which refuses what a server refuses."""

from __future__ import annotations

from typing import Any

from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ApiException


class StandIn(QdrantClient):
    """Keeps its collections in a folder or in memory; a change of no points is an error, as with Qdrant 1.18."""

    def upsert(self, collection_name: str, points: Any, **options: Any) -> Any:
        _refuse_nothing(points)
        return super().upsert(collection_name, points, **options)

    def delete(self, collection_name: str, points_selector: Any, **options: Any) -> Any:
        _refuse_nothing(points_selector)
        return super().delete(collection_name, points_selector, **options)


def _refuse_nothing(points: Any) -> None:
    if isinstance(points, list) and not points:
        raise ApiException("Bad request: Empty update request")
