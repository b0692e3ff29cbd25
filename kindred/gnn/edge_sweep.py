"""Walks over the edges of a relation in chunks that fit the cache, on all cores.

Each processor takes its own stretch of the edges and runs its operations alone. Splitting every small operation over
all instead, as PyTorch does by itself, makes them wait for each other thousands of times a step; where other
programs want a processor too, that is many times slower than one processor.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from kindred.gnn.adjacency import Adjacency, Grouping

CHUNK = 8_192  # edges; 2 MB a tensor at 64 dimensions

Chunk = tuple[slice, Tensor, Tensor]
"""A slice of the edges, and their sources and targets."""


def sweep(graph: Adjacency, work: Callable[[Iterator[Chunk]], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    """The sums, over all cores, of what `work` returns for its stretch of the edges.

    Args:
        graph: the edges.
        work: takes chunks of adjoining edges in order; may write to rows of its own edges, and returns fresh tensors
            of sums.
    """
    is_cpu = graph.source.device.type == "cpu"
    threads = torch.get_num_threads()
    starts = range(0, graph.num_edges, CHUNK if is_cpu else max(graph.num_edges, 1))
    cores = min(threads, len(starts)) if is_cpu else 1
    if cores <= 1:
        return work(_chunks(graph, starts))
    bounds = [len(starts) * part // cores for part in range(cores + 1)]
    stretches = [starts[low:high] for low, high in itertools.pairwise(bounds)]

    def own_work(own: range) -> tuple[Tensor, ...]:
        torch.set_num_threads(1)
        with torch.no_grad():
            return work(_chunks(graph, own))

    try:
        sums = list(_pool(os.getpid(), cores).map(own_work, stretches))
    finally:
        torch.set_num_threads(threads)
    return tuple(functools.reduce(torch.Tensor.add_, parts) for parts in zip(*sums, strict=True))


def accumulate(output: Tensor, index: Tensor, grouping: Grouping, part: slice, rows: Tensor) -> None:
    """Adds each row of a chunk to the output row of its node; a running sum where the edges lie sorted by node.

    Args:
        output: `[num_nodes, dim]`.
        index: the node of each row, `[chunk]`.
        grouping: all edges by that node.
        part: which edges the chunk is.
        rows: `[chunk, dim]`, contiguous.
    """
    if grouping.order is not None:
        output.index_add_(0, index, rows)
        return
    first, last = int(index[0]), int(index[-1])
    offsets = grouping.offsets[first : last + 2].sub(part.start).clamp_(0, len(rows))
    positions = torch.arange(len(rows), device=rows.device)
    output[first : last + 1] += embedding_bag(positions, rows, offsets, mode="sum", include_last_offset=True)


def _chunks(graph: Adjacency, starts: range) -> Iterator[Chunk]:
    for start in starts:
        part = slice(start, min(start + starts.step, graph.num_edges))
        yield part, graph.source[part], graph.target[part]


@functools.lru_cache(maxsize=1)
def _pool(process: int, cores: int) -> ThreadPoolExecutor:
    """Threads of this very process: a forked one has none of its parent's."""
    return ThreadPoolExecutor(cores, thread_name_prefix=f"edges-{process}")
