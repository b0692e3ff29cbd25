"""Attention over edges, exact and lean: TransformerConv and GATv2Conv as PyTorch Geometric computes them, in a
fraction of the time.

On a CPU this work is bound by memory: each tensor of `[num_edges, dim]` that is written costs more than the
arithmetic in it. So both functions walk the edges in chunks that fit the cache, keep only the attention weights
`[num_edges, heads]` between the passes, and compute everything else again in the backward pass (as Dao et al.,
"FlashAttention", 2022, arXiv 2205.14135, do for dense attention). The softmax is taken over all edges of a node,
however many chunks they span.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from kindred.gnn.adjacency import Adjacency
from kindred.gnn.edge_sweep import Chunk, accumulate, sweep
from kindred.gnn.segments import segment_softmax

NEGATIVE_SLOPE = 0.2

Gradients = tuple[Tensor | None, ...]


def transformer_attention(
    query: Tensor, key: Tensor, value: Tensor, edge: Tensor | None, adjacency: Adjacency, heads: int
) -> Tensor:
    """Sum over a target's edges of weight · (value + edge), the weights a softmax of query · (key + edge) / √dim.

    Shi et al., "Masked Label Prediction: Unified Message Passing Model for Semi-Supervised Classification", 2020,
    arXiv 2009.03509.

    Args:
        query: `[num_targets, heads * dim]`.
        key: `[num_sources, heads * dim]`.
        value: `[num_sources, heads * dim]`.
        edge: `[num_edges, heads * dim]`, or None.
        adjacency: the edges.
        heads: attention heads.

    Returns:
        `[num_targets, heads * dim]`, zero where a target has no edge.
    """
    with torch.autocast(query.device.type, enabled=False):
        result: Tensor = _TransformerAttention.apply(*map(_exact, (query, key, value)), edge, adjacency, heads)  # type: ignore[no-untyped-call]
    return result


def gatv2_attention(
    source: Tensor, target: Tensor, edge: Tensor | None, scorer: Tensor, adjacency: Adjacency
) -> Tensor:
    """Sum over a target's edges of weight · source, the weights a softmax of scorer · leaky(source + target + edge).

    Brody et al., "How Attentive are Graph Attention Networks?", 2021, arXiv 2105.14491.

    Args:
        source: `[num_sources, heads * dim]`.
        target: `[num_targets, heads * dim]`.
        edge: `[num_edges, heads * dim]`, or None.
        scorer: `[heads, dim]`.
        adjacency: the edges.

    Returns:
        `[num_targets, heads * dim]`, zero where a target has no edge.
    """
    with torch.autocast(source.device.type, enabled=False):
        result: Tensor = _Gatv2Attention.apply(_exact(source), _exact(target), edge, scorer, adjacency)  # type: ignore[no-untyped-call]
    return result


def _exact(nodes: Tensor) -> Tensor:
    """In float32 at least; only what edges carry may stay in bfloat16, since it is what fills the memory."""
    return nodes.to(torch.promote_types(nodes.dtype, torch.float32))


def _head_sums(width: int, heads: int, like: Tensor) -> Tensor:
    """The 0/1 matrix that sums each head's dimensions, `[width, heads]`; its transpose spreads a weight over them.

    A small matrix product is faster than summing a view of 8 columns.
    """
    head_of_column = torch.arange(width, device=like.device) // (width // heads)
    return (head_of_column.unsqueeze(1) == torch.arange(heads, device=like.device)).to(like.dtype)


def _rows(table: Tensor, index: Tensor, edge: Tensor | None, part: slice) -> Tensor:
    """A fresh chunk of table rows, the edges' own part added, `[chunk, width]`."""
    rows = table.index_select(0, index)
    return rows if edge is None else rows.add_(edge[part])


class _TransformerAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, edge: Tensor | None, adjacency: Adjacency, heads: int
    ) -> Tensor:
        sums = _head_sums(query.shape[1], heads, query)
        spread = sums.t().contiguous()
        scale = (query.shape[1] // heads) ** -0.5
        logits = query.new_empty(adjacency.num_edges, heads)

        def score(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
            for part, source, target in chunks:
                products = _rows(key, source, edge, part).mul_(query.index_select(0, target))
                torch.mm(products, sums, out=logits[part])
            return ()

        def combine(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
            combined = torch.zeros_like(query)
            for part, source, target in chunks:
                messages = _rows(value, source, edge, part).mul_(weights[part] @ spread)
                accumulate(combined, target, adjacency.by_target, part, messages)
            return (combined,)

        sweep(adjacency, score)
        weights = segment_softmax(logits.mul_(scale), adjacency.by_target, adjacency.target)
        (output,) = sweep(adjacency, combine)
        ctx.save_for_backward(query, key, value, edge, weights, output)
        ctx.adjacency, ctx.heads = adjacency, heads
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        query, key, value, edge, weights, output = ctx.saved_tensors
        graph: Adjacency = ctx.adjacency
        width = query.shape[1]
        sums = _head_sums(width, ctx.heads, query)
        spread = torch.block_diag(sums.t(), sums.t())  # type: ignore[no-untyped-call]
        scale = (width // ctx.heads) ** -0.5
        expected = (gradient * output) @ sums  # mean gradient of a target's weights, [num_targets, heads]
        # Key beside value, query beside gradient: one gather and scatter of wide rows, not two of narrow ones.
        at_source, at_target = torch.cat([key, value], dim=1), torch.cat([query, gradient], dim=1)
        to_edge = torch.empty_like(edge) if edge is not None else None

        def differentiate(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
            to_query, to_source = torch.zeros_like(query), torch.zeros_like(at_source)
            for part, source, target in chunks:
                rows, outer = at_source.index_select(0, source), at_target.index_select(0, target)
                if edge is not None:
                    rows.view(-1, 2, width).add_(edge[part].unsqueeze(1))
                to_weights = (rows[:, width:] * outer[:, width:]) @ sums
                to_logits = to_weights.sub_(expected.index_select(0, target)).mul_(weights[part]).mul_(scale)
                factors = torch.cat([to_logits, weights[part]], dim=1) @ spread  # [chunk, 2 * width]
                accumulate(to_query, target, graph.by_target, part, rows[:, :width] * factors[:, :width])
                outer.mul_(factors)
                accumulate(to_source, source, graph.by_source, part, outer)
                if to_edge is not None:
                    torch.add(outer[:, :width], outer[:, width:], out=to_edge[part])
            return to_query, to_source

        to_query, to_source = sweep(graph, differentiate)
        return to_query, to_source[:, :width], to_source[:, width:], to_edge, None, None


class _Gatv2Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, source: Tensor, target: Tensor, edge: Tensor | None, scorer: Tensor, adjacency: Adjacency
    ) -> Tensor:
        heads, dim = scorer.shape
        sums = _head_sums(heads * dim, heads, source)
        spread = sums.t().contiguous()
        scores = sums * scorer.reshape(-1, 1)
        logits = source.new_empty(adjacency.num_edges, heads)

        def score(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
            for part, source_index, target_index in chunks:
                joined = _rows(source, source_index, edge, part).add_(target.index_select(0, target_index))
                torch.mm(torch.nn.functional.leaky_relu_(joined, NEGATIVE_SLOPE), scores, out=logits[part])
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
        ctx.save_for_backward(source, target, edge, scorer, weights, output)
        ctx.adjacency = adjacency
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Gradients:
        source, target, edge, scorer, weights, output = ctx.saved_tensors
        graph: Adjacency = ctx.adjacency
        heads, dim = scorer.shape
        sums = _head_sums(heads * dim, heads, source)
        spread = sums.t().contiguous()
        scores = (sums * scorer.reshape(-1, 1)).t().contiguous()
        expected = (gradient * output) @ sums
        to_edge = torch.empty_like(edge) if edge is not None else None

        def differentiate(chunks: Iterator[Chunk]) -> tuple[Tensor, ...]:
            to_source, to_target = torch.zeros_like(source), torch.zeros_like(target)
            to_scores = torch.zeros_like(sums)
            for part, source_index, target_index in chunks:
                incoming = gradient.index_select(0, target_index)
                rows = source.index_select(0, source_index)
                to_weights = (incoming * rows) @ sums
                to_logits = to_weights.sub_(expected.index_select(0, target_index)).mul_(weights[part])
                joined = rows.add_(target.index_select(0, target_index))
                if edge is not None:
                    joined.add_(edge[part])
                slope = (joined > 0).to(joined.dtype).mul_(1 - NEGATIVE_SLOPE).add_(NEGATIVE_SLOPE)
                to_scores += joined.mul_(slope).t() @ to_logits
                to_joined = slope.mul_(to_logits @ scores)
                accumulate(to_target, target_index, graph.by_target, part, to_joined)
                if to_edge is not None:
                    to_edge[part] = to_joined
                to_rows = to_joined.add_(incoming.mul_(weights[part] @ spread))
                accumulate(to_source, source_index, graph.by_source, part, to_rows)
            return to_source, to_target, to_scores

        to_source, to_target, to_scores = sweep(graph, differentiate)
        return to_source, to_target, to_edge, (to_scores * sums).sum(1).reshape(heads, dim), None
