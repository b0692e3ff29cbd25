"""LightGCN: embeddings of users and items, averaged over rounds of propagation, trained with the BPR loss.

He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", 2020, arXiv 2002.02126.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kindred.domain.interactions import FloatArray, Interactions, Scorer
from kindred.linear.algebra.propagation import SparseMatrix, interaction_matrix
from kindred.linear.inputs.known_items import dot_scores
from kindred.training.fit import Objective, RunOptions, fit
from kindred.training.schedule import FitConfig

MANY_EVENTS = 100_000


@dataclass(frozen=True)
class LightGCNConfig:
    """Settings of the paper but for batches, which are larger because an epoch on CPU counts."""

    embedding_dim: int = 64
    layers: int = 3
    learning_rate: float = 0.005
    weight_decay: float = 1e-4
    batch_size: int = 8192
    epochs: int = 100


def config_for(num_events: int, embedding_dim: int = 64) -> LightGCNConfig:
    """Fewer epochs of many events: of 72,000 40 epochs take 8 CPU-s and 200 take 45, for .118 and .121 recall@10."""
    return LightGCNConfig(embedding_dim, epochs=200 if num_events < MANY_EVENTS else 40)


def fit_lightgcn(train: Interactions, config: LightGCNConfig, seed: int) -> Scorer:
    """LightGCN: scores are dot products of `lightgcn_factors`."""
    return partial(dot_scores, *lightgcn_factors(train, config, seed))


def lightgcn_factors(train: Interactions, config: LightGCNConfig, seed: int) -> tuple[FloatArray, FloatArray]:
    """Trained users and items, `[num_users, embedding_dim]` and `[num_items, embedding_dim]`.

    Args:
        train: the events to learn from.
        config: see there.
        seed: of initial embeddings, batches and negatives.
    """
    model = LightGCN(interaction_matrix(train, 0.5, 0.5), config, seed)
    objective = Objective(model, partial(_step_losses, model, train, config), made_of=asdict(config))
    settings = FitConfig(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        warmup_epochs=0,
        weight_decay=0.0,  # the loss has the paper's own, of the embeddings of each batch
        gradient_norm=math.inf,
    )
    with TemporaryDirectory(prefix="lightgcn-") as folder:
        fit(objective, settings, RunOptions(Path(folder), seed, save_seconds=math.inf))
    with torch.no_grad():
        users, items = model()
    return users.numpy(), items.numpy()


class LightGCN(nn.Module):
    """Embeddings as the only parameters; `forward` gives the propagated rows of all users and all items."""

    def __init__(self, graph: SparseMatrix, config: LightGCNConfig, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self._graph, self._layers = graph, config.layers
        self.users, self.items = (
            nn.Parameter(torch.randn(size, config.embedding_dim, generator=generator) * 0.1) for size in graph.shape
        )

    def forward(self) -> tuple[Tensor, Tensor]:
        """Mean over layers of the propagated embeddings, `[num_users, dim]` and `[num_items, dim]`."""
        users: Tensor = self.users
        items: Tensor = self.items
        user_sum, item_sum = users, items
        for _ in range(self._layers):
            users, items = self._graph @ items, self._graph.transpose @ users
            user_sum, item_sum = user_sum + users, item_sum + items
        return user_sum / (self._layers + 1), item_sum / (self._layers + 1)


def _step_losses(
    model: LightGCN, train: Interactions, config: LightGCNConfig, rng: np.random.Generator
) -> Iterator[Mapping[str, Tensor]]:
    """The BPR loss of every batch of an epoch: each event against one item at random."""
    for batch in np.array_split(rng.permutation(len(train)), math.ceil(len(train) / config.batch_size)):
        user = torch.from_numpy(train.user_index[batch])
        item = torch.from_numpy(train.item_index[batch])
        negative = torch.from_numpy(rng.integers(train.num_items, size=len(batch)))
        user_rows, item_rows = model()
        margin = (user_rows[user] * (item_rows[item] - item_rows[negative])).sum(1)
        decay = (model.users[user] ** 2 + model.items[item] ** 2 + model.items[negative] ** 2).sum(1).mean() / 2
        yield {"loss": F.softplus(-margin).mean() + config.weight_decay * decay}
