"""HeteroData as the layers, transforms and loaders of PyTorch Geometric take it, without a line of preparation.

`read_hetero_data` gives each property under its own name, vectors as half floats. Layers want one float32 matrix `x` a
node type, loaders look for `time`, and both stumble over types without a node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

HAS_PREFIX = "has_"  # of the flag that says where a property is known


def layer_input(data: HeteroData) -> HeteroData:
    """The same graph with `x` on every node type, `time` beside `at`, float32 features and no empty types.

    `x` is float32, `[num_nodes, num_features]`, in the order of the properties: vectors as they are; numbers and
    booleans standardised over the nodes that have one, 0 where unknown, each that may be missing followed by a flag of
    0 and 1. A type that has no features gets a single column of ones. `time` is `at`, int64 seconds UTC; where it is
    unknown it is 0 and `has_at` is false.

    Left out are labels without nodes and edge types without edges; an edge type that is the only kind at one of its
    ends stays, so that every node type is reached.
    """
    from torch_geometric.data import HeteroData

    kept = HeteroData()
    for label in data.node_types:
        if data[label].num_nodes:
            kept[label].num_nodes = data[label].num_nodes
            kept[label].x = _features(data[label], int(data[label].num_nodes))
            for name, value in data[label].items():
                if name not in ("num_nodes", "x"):
                    kept[label][name] = _single(value)
    singles: dict[int, object] = {}  # an edge type and its reverse share their tensors, before and after
    for triple in _edge_types_kept(data):
        for name, value in data[triple].items():
            kept[triple][name] = singles.setdefault(id(value), _single(value))
        if "at" in data[triple]:
            kept[triple].time = kept[triple].at
    return kept


def _edge_types_kept(data: HeteroData) -> list[tuple[str, str, str]]:
    joined = [t for t in data.edge_types if data[t[0]].num_nodes and data[t[2]].num_nodes]
    reached = {label for t in joined if data[t].num_edges for label in (t[0], t[2])}
    return [t for t in joined if data[t].num_edges or not {t[0], t[2]} <= reached]


def _single(value: object) -> object:
    """Half floats as float32, anything else as it is."""
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _features(properties: Mapping[str, object], num_nodes: int) -> torch.Tensor:
    """`x` of one node type, `[num_nodes, num_features]`."""
    columns = list(_columns(properties))
    return torch.cat(columns, dim=1) if columns else torch.ones(num_nodes, 1)


def _columns(properties: Mapping[str, object]) -> Iterator[torch.Tensor]:
    """The parts of `x`, each `[num_nodes, width]`; what is the same for every node is left out."""
    for name, value in properties.items():
        if not isinstance(value, torch.Tensor) or name == "x" or name.removeprefix(HAS_PREFIX) != name:
            continue
        known = properties.get(f"{HAS_PREFIX}{name}")
        mask = known if isinstance(known, torch.Tensor) else torch.ones(len(value), dtype=torch.bool)
        if not mask.any():
            continue
        yield from [value.float()] if value.dim() == 2 else _standardised(value, mask)
        if not mask.all():
            yield mask.float().unsqueeze(1)


def _standardised(value: torch.Tensor, known: torch.Tensor) -> Iterator[torch.Tensor]:
    """The column `[num_nodes, 1]` with mean 0 and spread 1 over what is known; none where all of that is equal."""
    numbers = value.double()
    spread, mean = torch.std_mean(numbers[known], correction=0)
    if spread > 1e-12 * mean.abs():
        yield torch.where(known, (numbers - mean) / spread, 0.0).float().unsqueeze(1)
