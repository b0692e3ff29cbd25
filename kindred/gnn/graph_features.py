"""From the attributes of a HeteroData to one feature matrix a node label and edge type; fitted on training edges alone.

Numbers are standardised, vectors reduced by PCA, times told as a position between the first and the last training
edge, so that no feature says how far away the future is. What a value may lack, a column tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kindred.gnn.graph_arrays import Triple
from kindred.gnn.hetero_data import REVERSE_PREFIX

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

TIME_BINS = 8
_PCA_ROWS = 50_000  # the covariance of 384 dimensions needs no more
_TYPE_SEPARATOR = "|"
_MOSTLY_TOLD = ("at", "rating")  # sources have them for every event or for none: a column of ones would say nothing
_OF_TODAY = ("price", "in_stock")  # what a shop says of an item now, and did not say at the time of the events

Columns = Mapping[str, Tensor]


@dataclass(frozen=True)
class FeatureColumn:
    """One attribute and how it becomes features.

    Attributes:
        name: of the attribute.
        kind: `number`, `time` or `vector`.
        shift: what is subtracted: mean, first time or mean vector.
        scale: what it is then multiplied with: a number, or a basis `[vector_dim, reduced_dim]`.
        tells_missing: whether `has_<name>` becomes a feature too.
    """

    name: str
    kind: str
    shift: Tensor
    scale: Tensor
    tells_missing: bool

    @property
    def dim(self) -> int:
        width = {"number": 1, "time": TIME_BINS, "vector": self.scale.shape[-1] if self.scale.ndim else 0}[self.kind]
        return width + self.tells_missing

    def __call__(self, columns: Columns, num_rows: int) -> Tensor:
        """Features `[num_rows, dim]` float32; all zero where the attribute is missing, or was never heard of."""
        if self.name not in columns:
            return torch.zeros(num_rows, self.dim)
        values = columns[self.name]
        if self.kind == "vector":
            features = _project(values, self.shift, self.scale)
        elif self.kind == "time":
            features = _time_bins((values - self.shift).double() * self.scale)
        else:
            features = ((values.double() - self.shift) * self.scale).float().unsqueeze(1)
        known = columns.get(f"has_{self.name}")
        if not self.tells_missing:
            return features if known is None or bool(known.all()) else features * known.unsqueeze(1)
        if known is None:
            known = values.any(dim=1) if self.kind == "vector" else torch.ones(num_rows, dtype=torch.bool)
        return torch.cat([features * known.unsqueeze(1), known.float().unsqueeze(1)], dim=1)


@dataclass(frozen=True)
class GraphFeatures:
    """How every node label and edge type of a graph becomes features; types not listed have none."""

    nodes: Mapping[str, tuple[FeatureColumn, ...]]
    edges: Mapping[Triple, tuple[FeatureColumn, ...]]

    def node_dim(self, label: str) -> int:
        return sum(column.dim for column in self.nodes.get(label, ()))

    def edge_dim(self, triple: Triple) -> int:
        return sum(column.dim for column in self.edges.get(triple, ()))

    def of_nodes(self, label: str, columns: Columns, num_nodes: int) -> Tensor:
        """`[num_nodes, node_dim]`."""
        return _join(self.nodes.get(label, ()), columns, num_nodes)

    def of_edges(self, triple: Triple, columns: Columns, num_edges: int) -> Tensor:
        """`[num_edges, edge_dim]`."""
        return _join(self.edges.get(triple, ()), columns, num_edges)

    def tensors(self) -> dict[str, Tensor]:
        """Every number in it by name, with `layout` enough for `from_tensors`."""
        return {
            f"{_TYPE_SEPARATOR.join(parts)}{_TYPE_SEPARATOR}{column.name}.{field}": getattr(column, field)
            for parts, columns in self._by_type()
            for column in columns
            for field in ("shift", "scale")
        }

    def layout(self) -> list[list[str]]:
        """Type, attribute, kind and whether it tells what is missing, a row a column; JSON-able."""
        return [
            [_TYPE_SEPARATOR.join(parts), column.name, column.kind, "masked" if column.tells_missing else "whole"]
            for parts, columns in self._by_type()
            for column in columns
        ]

    @classmethod
    def from_tensors(cls, layout: list[list[str]], tensors: Mapping[str, Tensor]) -> GraphFeatures:
        """The features whose `layout` and `tensors` these are."""
        nodes: dict[str, tuple[FeatureColumn, ...]] = {}
        edges: dict[Triple, tuple[FeatureColumn, ...]] = {}
        for type_name, name, kind, mask in layout:
            key = f"{type_name}{_TYPE_SEPARATOR}{name}"
            column = FeatureColumn(name, kind, tensors[f"{key}.shift"], tensors[f"{key}.scale"], mask == "masked")
            parts = type_name.split(_TYPE_SEPARATOR)
            if len(parts) == 1:
                nodes[parts[0]] = (*nodes.get(parts[0], ()), column)
            else:
                triple = (parts[0], parts[1], parts[2])
                edges[triple] = (*edges.get(triple, ()), column)
        return cls(nodes, edges)

    def _by_type(self) -> list[tuple[tuple[str, ...], tuple[FeatureColumn, ...]]]:
        return [*(((label,), columns) for label, columns in self.nodes.items()), *self.edges.items()]


def fit_graph_features(data: HeteroData, rows: Mapping[Triple, Tensor], text_dim: int) -> GraphFeatures:
    """Features of a graph.

    Args:
        data: the graph.
        rows: edges to fit on, for the types where not all may be seen.
        text_dim: dimensions a vector is reduced to; 0 leaves vectors out.
    """
    edges = {}
    for triple in forward_types(data):
        columns = {name: value for name, value in data[triple].items() if name != "edge_index"}
        edges[triple] = _fit_columns(columns, text_dim, rows.get(triple))
    nodes = {label: _fit_columns(dict(data[label].items()), text_dim, None) for label in data.node_types}
    return GraphFeatures(nodes, edges)


def forward_types(data: HeteroData) -> list[Triple]:
    """Edge types that hold edges, reverse ones left out."""
    types = [t for t in data.edge_types if not t[1].startswith(REVERSE_PREFIX)]
    return [t for t in types if data[t].edge_index.shape[1]]


def _fit_columns(columns: Mapping[str, object], text_dim: int, seen: Tensor | None) -> tuple[FeatureColumn, ...]:
    """The features of some columns, fitted on the rows that may be seen, all where None."""
    found = []
    for name, values in columns.items():
        if not isinstance(values, Tensor) or name.startswith("has_") or not len(values) or name in _OF_TODAY:
            continue
        known = columns.get(f"has_{name}")
        rows = torch.arange(len(values)) if seen is None else seen
        present = rows[known[rows]] if isinstance(known, Tensor) else rows
        if len(present) and (fit := _fitter(name, values, text_dim)):
            if values.ndim == 2:
                present = present[:: max(1, len(present) // _PCA_ROWS)]
            kind, shift, scale = fit(values[present])
            tells_missing = isinstance(known, Tensor) and not (name in _MOSTLY_TOLD and bool(known[rows].all()))
            found.append(FeatureColumn(name, kind, shift, scale, tells_missing))
    return tuple(found)


def _fitter(name: str, values: Tensor, text_dim: int) -> Callable[[Tensor], tuple[str, Tensor, Tensor]] | None:
    if values.ndim == 2:
        return (lambda present: _fit_vector(present, text_dim)) if text_dim else None
    return _fit_time if name == "at" else _fit_number


def _fit_number(values: Tensor) -> tuple[str, Tensor, Tensor]:
    numbers = values.double()
    spread = numbers.std(correction=0)
    return "number", numbers.mean(), torch.where(spread > 1e-9, 1 / spread.clamp(min=1e-9), torch.zeros_like(spread))


def _fit_time(values: Tensor) -> tuple[str, Tensor, Tensor]:
    span = (values.max() - values.min()).double()
    return "time", values.min(), torch.where(span > 0, 1 / span.clamp(min=1), torch.zeros_like(span))


def _fit_vector(values: Tensor, dim: int) -> tuple[str, Tensor, Tensor]:
    """Principal components, all scaled alike so that their mean variance is 1 and their order of importance stays."""
    sample = values.float()
    mean = sample.mean(0)
    centred = sample - mean
    variances, axes = torch.linalg.eigh((centred.T @ centred).double() / len(centred))
    kept = min(dim, values.shape[1])
    variances, axes = variances.flip(0)[:kept], axes.flip(1)[:, :kept]
    # The sign of an eigenvector is arbitrary; one rule for it makes two machines agree.
    axes = axes * torch.sign(axes.gather(0, axes.abs().argmax(0, keepdim=True)))
    spread = variances.clamp(min=0).mean().sqrt()
    return "vector", mean, (axes / spread.clamp(min=1e-9)).float().contiguous()


def _project(values: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """(values − shift) @ scale in chunks, because a whole float32 copy of a million float16 vectors is 1.5 GB."""
    offset = shift @ scale
    projected = torch.empty(len(values), scale.shape[1])
    for start in range(0, len(values), 16_384):
        part = slice(start, start + 16_384)
        torch.sub(values[part].float() @ scale, offset, out=projected[part])
    return projected


def _time_bins(place: Tensor) -> Tensor:
    """Overlapping triangular bins over [0, 1], two non-zero a row; what lies outside counts as the nearest end."""
    centres = torch.linspace(0, 1, TIME_BINS, dtype=place.dtype)
    distance = (place.clamp(0, 1).unsqueeze(1) - centres).abs() * (TIME_BINS - 1)
    return (1 - distance).clamp(min=0).float()


def _join(fitted: tuple[FeatureColumn, ...], columns: Columns, num_rows: int) -> Tensor:
    parts = [column(columns, num_rows) for column in fitted]
    return torch.cat(parts, dim=1) if parts else torch.zeros(num_rows, 0)
