"""Attention over edges, exact and lean: TransformerConv and GATv2Conv of PyTorch Geometric in a fraction of the time.

On a CPU this work is bound by memory: each tensor of `[num_edges, dim]` that is written costs more than the
arithmetic in it. So both functions walk the edges in chunks that fit the cache, keep only the attention weights
`[num_edges, heads]` between the passes, and compute everything else again in the backward pass (as Dao et al.,
"FlashAttention", 2022, arXiv 2205.14135, do for dense attention). The softmax is taken over all edges of a node,
however many chunks they span.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kindred.gnn.adjacency import Adjacency
from kindred.gnn.edge_sweep import Chunk, accumulate, sweep
from kindred.gnn.segments import segment_softmax

NEGATIVE_SLOPE = 0.2

Gradients = tuple[Tensor | None, ...]


class EdgeRows(Protocol):
    """A row for each edge, read a stretch at a time: a tensor, or what works a stretch out when it is read."""

    def __getitem__(self, part: slice, /) -> Tensor: ...


def transformer_attention(
    query: Tensor, key: Tensor, value: Tensor, edge: EdgeRows | None, adjacency: Adjacency, heads: int
) -> Tensor:
    """Sum over a target's edges of weight · (value + edge), the weights a softmax of query · (key + edge) / √dim.

    Shi et al., "Masked Label Prediction: Unified Message Passing Model for Semi-Supervised Classification", 2020,
    arXiv 2009.03509.

    Args:
        query: `[num_targets, heads * dim]`.
        key: `[num_sources, heads * dim]`.
        value: `[num_sources, heads * dim]`.
        edge: `[num_edges, heads * dim]`, or None; a tensor where gradients are taken.
        adjacency: the edges.
        heads: attention heads.

    Returns:
        `[num_targets, heads * dim]`, zero where a target has no edge.
    """
    query, key, value = map(_exact, (query, key, value))
    with torch.autocast(query.device.type, enabled=False):
        if not torch.is_grad_enabled():
            return _attend(query, key, value, edge, adjacency, heads)[0]
        result: Tensor = _TransformerAttention.apply(query, key, value, edge, adjacency, heads)  # type: ignore[no-untyped-call]
    return result


def gatv2_attention(
    source: Tensor, target: Tensor, edge: EdgeRows | None, scorer: Tensor, adjacency: Adjacency
) -> Tensor:
    """Sum over a target's edges of weight · source, the weights a softmax of scorer · leaky(source + target + edge).

    Brody et al., "How Attentive are Graph Attention Networks?", 2021, arXiv 2105.14491.

    Args:
        source: `[num_sources, heads * dim]`.
        target: `[num_targets, heads * dim]`.
        edge: `[num_edges, heads * dim]`, or None; a tensor where gradients are taken.
        scorer: `[heads, dim]`.
        adjacency: the edges.

    Returns:
        `[num_targets, heads * dim]`, zero where a target has no edge.
    """
    source, target = _exact(source), _exact(target)
    with torch.autocast(source.device.type, enabled=False):
        if not torch.is_grad_enabled():
            return _attend_gatv2(source, target, edge, scorer, adjacency)[0]
        result: Tensor = _Gatv2Attention.apply(source, target, edge, scorer, adjacency)  # type: ignore[no-untyped-call]
    return result


def _exact(nodes: Tensor) -> Tensor:
    """In float32 at least; only what edges carry may stay in bfloat16, since it is what fills the memory."""
    return nodes.to(torch.promote_types(nodes.dtype, torch.float32))


def _head_sums(products: Tensor, heads: int) -> Tensor:
    """The sum of each head's dimensions, `[chunk, heads]`; as a matrix by a vector, which a CPU does fastest."""
    ones = products.new_ones(products.shape[1] // heads)
    return torch.mv(products.view(-1, len(ones)), ones).view(-1, heads)


def _spread(width: int, like: Tensor) -> Tensor:
    """The 0/1 matrix that spreads a weight a head over the head's dimensions, `[heads, width]`.

    A small matrix product is faster than multiplying a view of few columns.
    """
    heads = like.shape[1]
    return torch.eye(heads, dtype=like.dtype, device=like.device).repeat_interleave(width // heads, dim=1)


def _rows(table: Tensor, index: Tensor, edge: EdgeRows | None, part: slice) -> Tensor:
    """A fresh chunk of table rows, the edges' own part added, `[chunk, width]`."""
    rows = table.index_select(0, index)
    return rows if edge is None else rows.add_(edge[part])


def _attend(
    query: Tensor, key: Tensor, value: Tensor, edge: EdgeRows | None, adjacency: Adjacency, heads: int
) -> tuple[Tensor, Tensor]:
    """Output `[num_targets, heads * dim]` and weights `[num_edges, heads]` of `transformer_attention`."""
    logits = query.new_empty(adjacency.num_edges, heads)
    spread = _spread(query.shape[1], logits)

    def score(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
        for part, source, target in chunks:
            products = _rows(key, source, edge, part).mul_(query.index_select(0, target))
            logits[part] = _head_sums(products, heads)
        return ()

    def combine(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
        combined = torch.zeros_like(query)
        for part, source, target in chunks:
            messages = _rows(value, source, edge, part).mul_(weights[part] @ spread)
            accumulate(combined, target, adjacency.by_target, part, messages)
        return (combined,)

    sweep(adjacency, score)
    scale = (query.shape[1] // heads) ** -0.5
    weights = segment_softmax(logits.mul_(scale), adjacency.by_target, adjacency.target)
    (output,) = sweep(adjacency, combine)
    return output, weights


class _TransformerAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, edge: Tensor | None, adjacency: Adjacency, heads: int
    ) -> Tensor:
        output, weights = _attend(query, key, value, edge, adjacency, heads)
        ctx.save_for_backward(query, key, value, edge, weights, output)
        ctx.adjacency = adjacency
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        query, key, value, edge, weights, output = ctx.saved_tensors
        graph: Adjacency = ctx.adjacency
        heads = weights.shape[1]
        spread = _spread(query.shape[1], weights)
        scale = (query.shape[1] // heads) ** -0.5
        expected = _head_sums(gradient * output, heads)  # mean gradient of a target's weights, [num_targets, heads]
        to_edge = torch.empty_like(edge) if edge is not None else None

        def differentiate(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
            to_query, to_key, to_value = map(torch.zeros_like, (query, key, value))
            for part, source, target in chunks:
                to_message = gradient.index_select(0, target)
                to_weights = _head_sums(_rows(value, source, edge, part).mul_(to_message), heads)
                to_logits = to_weights.sub_(expected.index_select(0, target)).mul_(weights[part]).mul_(scale)
                factors = to_logits @ spread
                to_rows = _rows(key, source, edge, part).mul_(factors)
                accumulate(to_query, target, graph.by_target, part, to_rows)
                to_products = factors.mul_(query.index_select(0, target))
                accumulate(to_key, source, graph.by_source, part, to_products)
                to_message.mul_(weights[part] @ spread)
                accumulate(to_value, source, graph.by_source, part, to_message)
                if to_edge is not None:
                    torch.add(to_products, to_message, out=to_edge[part])
            return to_query, to_key, to_value

        return *sweep(graph, differentiate), to_edge, None, None


def _attend_gatv2(
    source: Tensor, target: Tensor, edge: EdgeRows | None, scorer: Tensor, adjacency: Adjacency
) -> tuple[Tensor, Tensor]:
    """Output `[num_targets, heads * dim]` and weights `[num_edges, heads]` of `gatv2_attention`."""
    heads = len(scorer)
    logits = source.new_empty(adjacency.num_edges, heads)
    spread = _spread(source.shape[1], logits)

    def score(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
        for part, source_index, target_index in chunks:
            joined = _rows(source, source_index, edge, part).add_(target.index_select(0, target_index))
            torch.nn.functional.leaky_relu_(joined, NEGATIVE_SLOPE)
            logits[part] = _head_sums(joined.mul_(scorer.reshape(-1)), heads)
        return ()

    def combine(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
        combined = torch.zeros_like(target)
        for part, source_index, target_index in chunks:
            messages = source.index_select(0, source_index).mul_(weights[part] @ spread)
            accumulate(combined, target_index, adjacency.by_target, part, messages)
        return (combined,)

    sweep(adjacency, score)
    weights = segment_softmax(logits, adjacency.by_target, adjacency.target)
    (output,) = sweep(adjacency, combine)
    return output, weights


class _Gatv2Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, source: Tensor, target: Tensor, edge: Tensor | None, scorer: Tensor, adjacency: Adjacency
    ) -> Tensor:
        output, weights = _attend_gatv2(source, target, edge, scorer, adjacency)
        ctx.save_for_backward(source, target, edge, scorer, weights, output)
        ctx.adjacency = adjacency
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        source, target, edge, scorer, weights, output = ctx.saved_tensors
        graph: Adjacency = ctx.adjacency
        heads = len(scorer)
        spread = _spread(source.shape[1], weights)
        expected = _head_sums(gradient * output, heads)
        to_edge = torch.empty_like(edge) if edge is not None else None

        def differentiate(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
            to_source, to_target, to_scorer = map(torch.zeros_like, (source, target, scorer.reshape(-1)))
            for part, source_index, target_index in chunks:
                incoming = gradient.index_select(0, target_index)
                rows = source.index_select(0, source_index)
                to_weights = _head_sums(incoming * rows, heads)
                to_logits = to_weights.sub_(expected.index_select(0, target_index)).mul_(weights[part])
                joined = rows.add_(target.index_select(0, target_index))
                if edge is not None:
                    joined.add_(edge[part])
                slope = (joined > 0).to(joined.dtype).mul_(1 - NEGATIVE_SLOPE).add_(NEGATIVE_SLOPE)
                factors = slope.mul_(to_logits @ spread)
                to_scorer += joined.mul_(factors).sum(0)
                to_joined = factors.mul_(scorer.reshape(-1))
                accumulate(to_target, target_index, graph.by_target, part, to_joined)
                if to_edge is not None:
                    to_edge[part] = to_joined
                to_rows = to_joined.add_(incoming.mul_(weights[part] @ spread))
                accumulate(to_source, source_index, graph.by_source, part, to_rows)
            return to_source, to_target, to_scorer

        to_source, to_target, to_scorer = sweep(graph, differentiate)
        return to_source, to_target, to_edge, to_scorer.view_as(scorer), None
