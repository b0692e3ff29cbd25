"""What a version lists and the graph holds no more: it was deleted since, and is in no answer."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from kindred.domain.errors import StoreError
from kindred.domain.ids import gone_since
from kindred.domain.schema import NodeType
from kindred.graph.tables import ids_of_nodes
from kindred.recommenders.answering.opened import Opened


def gone_from_graph(opened: Opened, node: NodeType, listed: Collection[str]) -> frozenset[str]:
    """The same as the graph of a command says it; none where it can't be read."""
    with suppress(StoreError), opened.graph() as store:
        return gone_since(listed, ids_of_nodes(store, node))
    return frozenset()
