"""The part of a trained network that encodes a new source (a user) from their events, as one ONNX file.

It is `kindred.gnn.inductive.encode_new_sources` in operators that ONNX has: the kept states of the graph are constants
of the file, already multiplied where a layer would; attention gathers and scatters by the ends of the edges.
`kindred.gnn.onnx_encoder` runs it.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from kindred.domain.errors import SettingsError, install_hint
from kindred.gnn.attention import NEGATIVE_SLOPE
from kindred.gnn.encoder import Gatv2Attention, TransformerAttention, module_key
from kindred.gnn.graph_features import TIME_BINS, FeatureColumn
from kindred.gnn.hetero_data import reverse_of
from kindred.gnn.inductive import with_new_nodes
from kindred.gnn.onnx_encoder import EXTRA, NEIGHBOUR, NEW, SHAPE_OF_USERS, ColumnInput
from kindred.gnn.trained import NodeStates, TrainedGnn

_OPSET = 18


class SourceEncoder(nn.Module):
    """Ranking vectors of new sources from raw columns of their events, `[num_sources, dim]`."""

    def __init__(self, trained: TrainedGnn, kept: NodeStates) -> None:
        super().__init__()
        source, _, target = trained.target
        network, encoder = trained.network, trained.network.encoder
        forward, backward = module_key(trained.target), module_key(reverse_of(trained.target))
        self.columns = nn.ModuleList(_Column(column) for column in encoder.features.edges.get(trained.target, ()))
        self.project_edges = dict(encoder.edge_inputs.items()).get(forward)
        self.mean_input = encoder.mean_inputs[backward]
        self.norms = nn.ModuleList(norms[source] for norms in encoder.norms)  # type: ignore[index]
        self.skips = nn.ModuleList(skips[source] for skips in encoder.skips)  # type: ignore[index]
        self.heads = network
        no_features = encoder.features.of_nodes(source, {}, 1)
        with torch.no_grad():
            first = encoder.label_vectors[source].unsqueeze(0)
            if source in encoder.node_inputs:
                first = first + encoder.node_inputs[source](no_features)
            self.register_buffer("first", first)
            states = with_new_nodes(trained, kept, target, {}, 1)
            layers = zip(encoder.attentions, states, strict=False)
            attentions = [_attention(layer[backward], state[target]) for layer, state in layers]  # type: ignore[index]
        self.attentions = nn.ModuleList(attentions)

    def forward(self, shape_of_users: Tensor, new: Tensor, neighbour: Tensor, columns: list[Tensor]) -> Tensor:
        """`[num_sources, dim]`.

        Args:
            shape_of_users: anything, `[num_sources]`.
            new: the source of each event, `[num_events]`.
            neighbour: position of its target among the kept states, the last of them for one that is not there.
            columns: values and mask of each column in turn.
        """
        pairs = zip(columns[::2], columns[1::2], strict=True)
        parts = [column(*pair) for column, pair in zip(self.columns, pairs, strict=True)]
        edge: Tensor | None = None
        counts = _sums(torch.ones_like(new, dtype=torch.float32).unsqueeze(1), new, shape_of_users)
        means = torch.log1p(counts)
        if parts:  # a tensor of no columns has no operators
            features = torch.cat(parts, dim=1)
            edge = None if self.project_edges is None else self.project_edges(features)
            means = torch.cat([_sums(features, new, shape_of_users) / counts.clamp(min=1), means], dim=1)
        state = self.first + self.mean_input(means)
        states = [self.norms[0](state)]
        for attention, skip, norm in zip(self.attentions, self.skips, list(self.norms)[1:], strict=True):
            update = skip(states[-1]) + attention(states[-1], edge, new, neighbour)
            states.append(norm(states[-1] + functional.gelu(update)))
        ranking: Tensor = self.heads("source", states).ranking
        return ranking


class _Column(nn.Module):
    """`FeatureColumn` of an attribute that is there, whole or masked."""

    def __init__(self, column: FeatureColumn) -> None:
        super().__init__()
        self.kind, self.tells_missing = column.kind, column.tells_missing
        self.register_buffer("shift", column.shift)
        self.register_buffer("scale", column.scale)
        self.register_buffer("centres", torch.linspace(0, 1, TIME_BINS, dtype=torch.float64))

    def forward(self, values: Tensor, known: Tensor) -> Tensor:
        """`[num_events, dim]`."""
        shift, scale = self.get_buffer("shift"), self.get_buffer("scale")
        if self.kind == "vector":
            features = values @ scale - shift @ scale
        elif self.kind == "time":
            place = ((values - shift).double() * scale).clamp(0, 1)
            distance = (place.unsqueeze(1) - self.get_buffer("centres")).abs() * (TIME_BINS - 1)
            features = (1 - distance).clamp(min=0).float()
        else:
            features = ((values.double() - shift) * scale).float().unsqueeze(1)
        mask = known.float().unsqueeze(1)
        return torch.cat([features * mask, mask], dim=1) if self.tells_missing else features * mask


class _Transformer(nn.Module):
    def __init__(self, attention: TransformerAttention, kept: Tensor) -> None:
        super().__init__()
        self.heads, self.query = attention.heads, attention.query
        self.register_buffer("keys", attention.key(kept))
        self.register_buffer("values", attention.value(kept))

    def forward(self, state: Tensor, edge: Tensor | None, new: Tensor, neighbour: Tensor) -> Tensor:
        """`[num_sources, dim]`."""
        keys, values = self.get_buffer("keys")[neighbour], self.get_buffer("values")[neighbour]
        if edge is not None:
            keys, values = keys + edge, values + edge
        products = keys * self.query(state)[new]
        logits = products.reshape(-1, self.heads, products.shape[1] // self.heads).sum(2)  # [num_events, heads]
        return _attended(logits * (products.shape[1] // self.heads) ** -0.5, values, new, state)


class _Gatv2(nn.Module):
    def __init__(self, attention: Gatv2Attention, kept: Tensor) -> None:
        super().__init__()
        self.target, self.scorer = attention.target, attention.scorer
        self.register_buffer("sources", attention.source(kept))

    def forward(self, state: Tensor, edge: Tensor | None, new: Tensor, neighbour: Tensor) -> Tensor:
        """`[num_sources, dim]`."""
        values = self.get_buffer("sources")[neighbour]
        joined = values + self.target(state)[new]
        if edge is not None:
            joined = joined + edge
        scored = functional.leaky_relu(joined, NEGATIVE_SLOPE).reshape(-1, *self.scorer.shape) * self.scorer
        return _attended(scored.sum(2), values, new, state)


def _attention(attention: nn.Module, kept: Tensor) -> nn.Module:
    if isinstance(attention, TransformerAttention):
        return _Transformer(attention, kept)
    assert isinstance(attention, Gatv2Attention)
    return _Gatv2(attention, kept)


def _attended(logits: Tensor, values: Tensor, new: Tensor, state: Tensor) -> Tensor:
    """Values summed by the softmax of the logits over each source's events, `[num_sources, dim]`."""
    index = new.unsqueeze(1).expand_as(logits)
    peaks = torch.full_like(state[:, : logits.shape[1]], -torch.inf).scatter_reduce(0, index, logits, "amax")
    weights = (logits - peaks[new]).exp()
    weights = weights / _sums(weights, new, state)[new]
    heads = logits.shape[1]
    spread = values.reshape(-1, heads, values.shape[1] // heads) * weights.unsqueeze(2)  # [num_events, heads, dim]
    return _sums(spread.reshape(-1, values.shape[1]), new, state)


def _sums(rows: Tensor, new: Tensor, like: Tensor) -> Tensor:
    """Sum of the rows of each source, `[num_sources, dim]`; `like` has as many rows as there are sources."""
    index = new.unsqueeze(1).expand_as(rows)
    return torch.zeros(like.shape[0], rows.shape[1]).scatter_add(0, index, rows)


def column_inputs(trained: TrainedGnn) -> list[ColumnInput]:
    """The columns that the network reads of an event, in the order of the file's inputs."""
    columns = trained.network.encoder.features.edges.get(trained.target, ())
    return [
        ColumnInput(column.name, column.kind, int(column.shift.shape[0]) if column.kind == "vector" else 0)
        for column in columns
    ]


def export_encoder(trained: TrainedGnn, kept: NodeStates, path: Path) -> list[ColumnInput]:
    """Writes the encoder of new sources to the path; the columns that it reads.

    Raises:
        SettingsError: the packages of the extra are not installed.
    """
    if find_spec("onnx") is None:
        raise SettingsError("ONNX files can't be made: the package onnx is missing", f"run `{install_hint(EXTRA)}`")
    columns = column_inputs(trained)
    examples = [tensor for column in columns for tensor in _example(column)]
    names = [name for column in columns for name in (column.name, f"has_{column.name}")]
    indexes = (torch.tensor([0, 1, 1, 2, 0]), torch.tensor([0, 0, 1, 1, 0]))
    dynamic = {name: {0: "events"} for name in (NEW, NEIGHBOUR, *names)} | {SHAPE_OF_USERS: {0: "users"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Not the newer exporter: it takes 7 s and two more packages for the same file.
        torch.onnx.export(
            SourceEncoder(trained, kept).eval(),
            (torch.zeros(3), *indexes, examples),
            str(path),
            input_names=[SHAPE_OF_USERS, NEW, NEIGHBOUR, *names],
            output_names=["row"],
            dynamic_axes=dynamic,
            opset_version=_OPSET,
            dynamo=False,
        )
    return columns


def _example(column: ColumnInput) -> tuple[Tensor, Tensor]:
    """Values and mask of five events."""
    shape = (5, column.width) if column.width else (5,)
    dtype = torch.int64 if column.kind == "time" else torch.float32
    return torch.zeros(shape, dtype=dtype), torch.ones(5, dtype=torch.bool)
