from __future__ import annotations

import pytest
import torch
from torch_geometric.nn import GATv2Conv, TransformerConv

from kindred.gnn import edge_sweep
from kindred.gnn.adjacency import Adjacency, EdgeOrder
from kindred.gnn.attention import gatv2_attention, transformer_attention

NUM_SOURCES, NUM_TARGETS, NUM_EDGES = 30, 20, 300


@pytest.fixture(params=["forward", "backward"])
def adjacency(request: pytest.FixtureRequest) -> Adjacency:
    """Part of the edges, one target with most of them, two targets with none."""
    torch.manual_seed(0)
    target = torch.randint(0, NUM_TARGETS - 2, (NUM_EDGES,))
    target[: NUM_EDGES // 2] = 3
    edge_index = torch.stack([torch.randint(0, NUM_SOURCES, (NUM_EDGES,)), target])
    chosen, _ = EdgeOrder.of(edge_index, NUM_SOURCES, NUM_TARGETS).select(torch.rand(NUM_EDGES) < 0.8)
    return chosen if request.param == "forward" else chosen.reversed()


@pytest.mark.parametrize("chunk", [7, 8_192])
@pytest.mark.parametrize("has_edge", [True, False])
@pytest.mark.parametrize("name", ["transformer", "gat"])
def test_equals_pytorch_geometric(
    adjacency: Adjacency, name: str, has_edge: bool, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_sweep, "CHUNK", chunk)
    torch.manual_seed(1)
    source = torch.randn(len(adjacency.by_source.counts), 12, requires_grad=True)
    target = torch.randn(len(adjacency.by_target.counts), 10, requires_grad=True)
    edge = torch.randn(adjacency.num_edges, 5, requires_grad=True) if has_edge else None
    edge_dim = 5 if has_edge else None
    edge_index = torch.stack([adjacency.source, adjacency.target])
    if name == "transformer":
        conv = TransformerConv((12, 10), 4, heads=2, edge_dim=edge_dim, root_weight=False)
        query, key, value = conv.lin_query(target), conv.lin_key(source), conv.lin_value(source)
        ours = transformer_attention(query, key, value, None if edge is None else conv.lin_edge(edge), adjacency, 2)
    else:
        conv = GATv2Conv((12, 10), 4, heads=2, edge_dim=edge_dim, add_self_loops=False, bias=False)
        projected = None if edge is None else conv.lin_edge(edge)
        ours = gatv2_attention(conv.lin_l(source), conv.lin_r(target), projected, conv.att[0], adjacency)
    theirs = conv((source, target), edge_index, edge)
    assert torch.allclose(ours, theirs, atol=1e-5)

    inputs = [source, target, *([edge] if edge is not None else []), *conv.parameters()]
    weights = torch.randn_like(ours)
    expected = torch.autograd.grad((theirs * weights).sum(), inputs, allow_unused=True)
    gradients = torch.autograd.grad((ours * weights).sum(), inputs, allow_unused=True)
    assert sum(gradient is not None for gradient in gradients) >= 5
    for gradient, right in zip(gradients, expected, strict=True):
        assert (gradient is None and right is None) or torch.allclose(gradient, right, atol=2e-5)


@pytest.mark.parametrize("name", ["transformer", "gat"])
def test_edges_in_bfloat16_count_as_the_numbers_they_hold(adjacency: Adjacency, name: str) -> None:
    torch.manual_seed(1)
    source = torch.randn(len(adjacency.by_source.counts), 8, requires_grad=True)
    target = torch.randn(len(adjacency.by_target.counts), 8, requires_grad=True)
    results = []
    for dtype in (torch.bfloat16, torch.float32):
        edge = torch.linspace(-2, 2, adjacency.num_edges * 8).view(-1, 8).bfloat16().to(dtype).requires_grad_()
        if name == "transformer":
            output = transformer_attention(target, source, source, edge, adjacency, 2)
        else:
            output = gatv2_attention(source, target, edge, torch.ones(2, 4), adjacency)
        results.append((output, *torch.autograd.grad(output.square().sum(), (source, target, edge))))
    assert all(
        torch.allclose(short, exact, atol=1e-5) for short, exact in zip(results[0][:3], results[1], strict=False)
    )
    assert torch.equal(results[0][3], results[1][3].bfloat16())


def test_no_edges_bring_nothing() -> None:
    adjacency, _ = EdgeOrder.of(torch.zeros(2, 0, dtype=torch.int64), 3, 2).select()
    query, key = torch.randn(2, 8, requires_grad=True), torch.randn(3, 8)
    output = transformer_attention(query, key, key, None, adjacency, 2)
    assert torch.equal(output, torch.zeros(2, 8))
    output.sum().backward()
    assert torch.equal(query.grad, torch.zeros(2, 8))  # type: ignore[arg-type]


@pytest.mark.parametrize(("num_sources", "num_targets"), [(5, 6), (6, 5)])
def test_selected_edges_keep_their_rows(num_sources: int, num_targets: int) -> None:
    torch.manual_seed(2)
    edge_index = torch.stack([torch.randint(0, num_sources, (40,)), torch.randint(0, num_targets, (40,))])
    kept = torch.rand(40) < 0.5
    chosen, rows = EdgeOrder.of(edge_index, num_sources, num_targets).select(kept)
    assert sorted(rows.tolist()) == kept.nonzero().squeeze(1).tolist()
    assert torch.equal(torch.stack([chosen.source, chosen.target]), edge_index[:, rows])
    for grouping, ends in ((chosen.by_source, chosen.source), (chosen.by_target, chosen.target)):
        order = torch.arange(len(rows)) if grouping.order is None else grouping.order
        for node in range(len(grouping.counts)):
            places = order[grouping.offsets[node] : grouping.offsets[node + 1]]
            assert sorted(places.tolist()) == (ends == node).nonzero().squeeze(1).tolist()
