"""A system's part of the graph as the arrays that its models read: events, ids, text vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions, ratings_of, times_of, weights_of
from kindred.domain.rating_scale import RatingScale, observed_scale
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.gnn.columns import Column
from kindred.gnn.hetero_data import read_hetero_data, reverse_of
from kindred.graph.store import GraphStore
from kindred.linear.inputs.item_context import context_counts
from kindred.recommenders.histories import Histories, are_skipped, event_columns
from kindred.recommenders.system import System, Triple

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass(frozen=True)
class InteractionGraph:
    """What a model of a system may look at.

    Attributes:
        system: whose part of the graph it is.
        data: the graph for message passing; edge `i` of the system's event type is row `i` of `interactions`.
        ids: the ids of every label in it, by position.
        interactions: every event.
        scale: of the ratings; None where the events have none.
        event_text: vector of each event's text in half precision, shared with `data`, zeros where it has none,
            `[num_events, text_dim]`, or None.
        item_text: mean vector of each item's own texts, `[num_items, text_dim]`, or None.
        until: only events up to this time are in it, seconds UTC; None for all.
        skips: events that say that a user did not want an item; none of them is an edge of `data`.
        names: label → id → what people call it, of nodes that items lead to and that have a name beside their id.
    """

    system: System
    data: HeteroData
    ids: dict[str, IdMap]
    interactions: Interactions
    scale: RatingScale | None
    event_text: NDArray[np.float16] | None
    item_text: FloatArray | None
    until: int | None = None
    skips: Interactions | None = None
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def users(self) -> IdMap:
        return self.ids[self.system.user_label]

    @property
    def items(self) -> IdMap:
        return self.ids[self.system.item_label]

    @property
    def is_rated(self) -> NDArray[np.bool_]:
        """Which events bear a rating, `[num_events]`."""
        known = dict(event_columns(self.data, self.system)).get(f"has_{self.system.rating}")
        return np.full(len(self.interactions), self.scale is not None) if known is None else known.astype(np.bool_)

    @property
    def time_note(self) -> str:
        """How events without a time count, a sentence; empty where every event has one."""
        events = self.system.words.events
        if self.interactions.at is None:
            return f"none of these {events} has a time: all count as equally old"
        known = dict(event_columns(self.data, self.system)).get("has_at")
        untimed = 0 if known is None else len(known) - np.count_nonzero(known)
        if not untimed:
            return ""
        then = "" if self.until is None else ", and as up to the time that was asked for"
        return f"{untimed:,} of {len(self.interactions):,} {events} have no time: they count as the oldest{then}"

    @cached_property
    def item_context(self) -> sp.csr_matrix | None:
        """How often each item leads to each node of its context, `[num_items, num_nodes]`; None without context."""
        parts = [self._leads_to(triple) for triple in self.system.triples[1:]]
        return sp.hstack(parts, format="csr") if any(part.nnz for part in parts) else None

    def _leads_to(self, triple: Triple) -> sp.csr_matrix:
        items, nodes, likely = self.context_edges(triple)
        return context_counts(items, nodes, likely, (len(self.items), len(self.ids[triple[2]])))

    def context_edges(self, triple: Triple) -> tuple[IntArray, IntArray, FloatArray | None]:
        """Items and nodes of the edges of a context type, and how likely those are that a model predicted.

        The last is NaN for others, None where none is predicted. `[num_edges]` each.
        """
        edges = self.data[triple]
        columns = {name: tensor.numpy() for name, tensor in edges.items() if name != "edge_index"}
        items, nodes = edges.edge_index.numpy()
        return items, nodes, _known(columns, "probability", ratings_of)

    @property
    def makers(self) -> sp.csr_matrix | None:
        """Nonzero where a maker made an item, `[num_items, num_makers]`; None where the system knows of no makers."""
        return None if self.system.maker is None else self.members(edge_type_of(self.system.maker).triple)

    def members(self, triple: Triple) -> sp.csr_matrix:
        """How often each item leads to each node by these edges, `[num_items, num_nodes]`."""
        items, nodes = self.data[triple].edge_index.numpy()
        shape = (len(self.items), len(self.ids[triple[2]]))
        return sp.csr_matrix((np.ones(len(items), dtype=np.float32), (items, nodes)), shape=shape)

    def histories(self, rows: IntArray | None = None) -> Histories:
        """The events at these rows, all of them where None, as histories on the graph's user axis."""
        chosen = np.arange(len(self.interactions)) if rows is None else rows
        columns = {name: values[chosen] for name, values in event_columns(self.data, self.system)}
        return Histories(self.interactions.take(chosen), columns)


def read_interaction_graph(
    system: System, store: GraphStore, until: int | None = None, *, text: bool = True
) -> InteractionGraph:
    """The part of a graph that a system reads, as of a time; with the vectors of texts, or without.

    Raises:
        RecordError: it holds no event of the system.
    """
    data, ids = read_hetero_data(store, graph_schema(), triples=system.triples, until=until, vectors=text)
    skips = _take_skips(system, data, ids)
    edges = data[system.triple]
    num_events = edges.edge_index.shape[1]
    if num_events == 0:
        raise system.no_events(until)
    columns = dict(event_columns(data, system))
    rating = _known(columns, system.rating, ratings_of)
    interactions = Interactions(
        user_index=edges.edge_index[0].numpy(),
        item_index=edges.edge_index[1].numpy(),
        num_users=len(ids[system.user_label]),
        num_items=len(ids[system.item_label]),
        rating=rating,
        at=_known(columns, "at", times_of),
        edge_index=np.arange(num_events),
        weight=_weight(columns, system.weight),
    )
    scale = None if rating is None else system.scale or observed_scale(rating)
    return InteractionGraph(
        system,
        data,
        ids,
        interactions if scale is not None else replace(interactions, rating=None),
        scale,
        _event_text(edges.get(system.event_vector)) if system.event_vector else None,
        _item_text(data, system),
        until,
        skips,
        _names(system, store),
    )


def without_text(graph: InteractionGraph) -> InteractionGraph:
    """The same graph for a model that must do without any text: the ablation of every report."""
    data = graph.data.clone()
    for store in data.stores:
        for name in [key for key in store.keys() if key.endswith("_embedding")]:  # noqa: SIM118 - no mapping
            del store[name]
    return replace(graph, data=data, event_text=None, item_text=None)


def _known(columns: Mapping[str, Column], name: str | None, filled: Callable[[Any, Any], Any]) -> Any:
    """One column with what is unknown filled in, None where all is or there is no such column."""
    if name is None or name not in columns:
        return None
    return filled(columns[name], columns.get(f"has_{name}", np.ones(len(columns[name]), dtype=np.bool_)))


def _weight(columns: Mapping[str, Column], names: Sequence[str]) -> FloatArray | None:
    """How much each event counts by the first property that it has, `[num_events]`; None where none has any."""
    found: FloatArray | None = None
    for name in reversed(names):
        own = _known(columns, name, weights_of)
        if own is not None:
            known = columns.get(f"has_{name}", np.ones(len(own), dtype=np.bool_)).astype(np.bool_)
            found = own if found is None else np.where(known, own, found)
    return found


def _take_skips(system: System, data: HeteroData, ids: Mapping[str, IdMap]) -> Interactions | None:
    """The skips, which are taken out of the graph's events in place; None where there are none."""
    columns = dict(event_columns(data, system))
    skipped = are_skipped(system, columns)
    if skipped is None:
        return None
    users, items = data[system.triple].edge_index.numpy()[:, skipped]
    times = _known({name: values[skipped] for name, values in columns.items()}, "at", times_of)
    kept = torch.from_numpy(np.flatnonzero(~skipped))
    for triple in (system.triple, reverse_of(system.triple)):
        for name, tensor in list(data[triple].items()):
            data[triple][name] = tensor[:, kept] if name == "edge_index" else tensor[kept]
    return Interactions(users, items, len(ids[system.user_label]), len(ids[system.item_label]), at=times)


def _names(system: System, store: GraphStore) -> dict[str, dict[str, str]]:
    """Label → id → name, of the nodes that items lead to."""
    nodes = [graph_schema().node(label) for label in dict.fromkeys(target for *_, target in system.triples[1:])]
    named = [node for node in nodes if any(p.name == "name" for p in node.properties)]
    found = {}
    for node in named:
        rows = [row for batch in store.read_nodes(node, ["id", "name"]) for row in batch.to_pylist()]
        found[node.label] = {row["id"]: row["name"] for row in rows if row["name"]}
    return found


def _event_text(stored: torch.Tensor | None) -> NDArray[np.float16] | None:
    return None if stored is None or not stored.any() else stored.numpy()


def _vectors(stored: torch.Tensor | None) -> FloatArray | None:
    return None if stored is None or not stored.any() else stored.float().numpy()


def _item_text(data: HeteroData, system: System) -> FloatArray | None:
    """Vectors of each item's texts, averaged where it has several."""
    stored = [data[system.item_label].get(name) for name in system.item_vectors]
    found = [vectors for column in stored if (vectors := _vectors(column)) is not None]
    if not found:
        return None
    return np.asarray(np.stack(found).mean(axis=0), dtype=np.float32)
