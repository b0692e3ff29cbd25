"""Items that came after training: placed in the published space by their texts, without training anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kindred.domain.embeddings import Vectors
from kindred.graph.store import GraphStore
from kindred.recommenders.model import Model
from kindred.recommenders.system import System


@dataclass(frozen=True)
class NewItems:
    """Items that the model does not know, and their rows.

    Attributes:
        ids: of the items, sorted.
        rows: `[num_new, width]`.
    """

    ids: tuple[str, ...]
    rows: Vectors


def read_new_items(system: System, store: GraphStore, model: Model, until: int | None) -> NewItems:
    """The items of the graph that came after training and can be placed.

    Args:
        system: whose items.
        store: the graph.
        model: it knows the others.
        until: events up to this time only count, seconds UTC.
    """
    none = NewItems((), np.zeros((0, model.ranking.items.shape[1]), dtype=np.float32))
    if not system.item_vectors or model.ranking.cold_items is None or not model.reads_text:
        return none
    found: dict[str, Vectors] = {}
    for batch in store.read_nodes(system.item, ["id", *system.item_vectors]):
        ids = batch.column("id").to_pylist()
        new = [row for row, item in enumerate(ids) if item not in model.items]
        columns = [name for name in system.item_vectors if name in batch.schema.names]
        for row in new:
            cells = [batch.column(name)[row] for name in columns]
            texts = [np.array(cell.as_py(), dtype=np.float32) for cell in cells if cell.is_valid]
            if any(text.any() for text in texts):
                found[ids[row]] = np.mean(texts, axis=0)
    if not found:
        return none
    ordered = tuple(sorted(found))
    text = np.stack([found[item] for item in ordered])
    return NewItems(ordered, model.ranking.encode_cold_items(text))
