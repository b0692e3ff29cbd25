"""The steps of a training on a graph of which no step could hold all messages: each sees what is around its batch.

Where several processes train together, all sample the same batch and the same candidates, and each predicts its share
of the batch, from neighbours that it samples itself: their mean loss is that of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from kindred.domain.distinct import distinct
from kindred.domain.interactions import IntArray
from kindred.gnn.edge_learner import EdgeLearner, Supervision, autocast, device_of
from kindred.gnn.model import EndVectors
from kindred.gnn.neighbour_sampling import NeighbourSampler
from kindred.training.together import group_size, rank


@dataclass(frozen=True)
class SampledLearner:
    """An `EdgeLearner` whose steps see samples of its graph.

    Attributes:
        whole: the learner of the whole graph.
        sampler: of the graph, its training edges.
    """

    whole: EdgeLearner
    sampler: NeighbourSampler

    @classmethod
    def of(cls, whole: EdgeLearner) -> SampledLearner:
        """The same training in samples."""
        kept = np.zeros(len(whole.messages.orders[whole.target].rows), dtype=np.bool_)
        kept[whole.rows.numpy()] = True
        return cls(whole, NeighbourSampler(whole.messages, {whole.target: kept}))

    def step_losses(self, rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        """The losses of each step of an epoch."""
        config, num_edges = self.whole.config, len(self.whole.rows)
        for _ in range(config.sampled_steps):
            supervised = rng.choice(num_edges, min(config.sampled_batch, num_edges // 2), replace=False)
            yield self.losses(np.sort(supervised), rng)

    def losses(self, supervised: IntArray, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Losses of predicting these positions of `rows` from a sample of the messages of all others."""
        whole = self.whole
        own, own_rng = _share(whole.supervision(supervised, rng), rng)
        sources, targets = (distinct(ends) for ends in whole.ends[:, own.edges].numpy())
        targets = distinct(targets, own.candidates.items)
        with autocast(device_of(whole.network)):
            vectors = self.vectors((sources, targets), whole.rows[supervised].numpy(), own_rng)
            return whole.losses_of(vectors, own, (sources, targets))

    def vectors(
        self, ends: tuple[IntArray, IntArray], unseen: IntArray, rng: np.random.Generator
    ) -> tuple[EndVectors, EndVectors]:
        """Vectors of these sources and targets, both ascending, from messages that leave the unseen rows out."""
        whole, rounds = self.whole, self.whole.config.layers
        fanouts = tuple(max(1, whole.config.fanout >> number) for number in range(rounds))
        source, _, target = whole.target
        # both ends may be nodes of one label
        seeds = {source: distinct(*ends)} if source == target else {source: ends[0], target: ends[1]}
        around = self.sampler.around(seeds, fanouts, (whole.target, unseen), rng)
        states = around.states(whole.network.encoder)
        at = [np.searchsorted(seeds[label], own) for label, own in zip((source, target), ends, strict=True)]
        return (
            whole.network("source", [layer[source][at[0]] for layer in states]),
            whole.network("target", [layer[target][at[1]] for layer in states]),
        )


def _share(whole: Supervision, rng: np.random.Generator) -> tuple[Supervision, np.random.Generator]:
    """This process's share, and what samples its neighbours; `rng` goes on alike in the whole group."""
    size, own = group_size(), rank()
    if size == 1:
        return whole, rng
    own_rng = np.random.default_rng([int(rng.integers(2**62)), own])
    others = np.setdiff1d(whole.edges, whole.ranked, assume_unique=True)  # whose ratings alone are predicted
    ranked = whole.ranked[own::size]
    return Supervision(np.sort(np.concatenate([ranked, others[own::size]])), ranked, whole.candidates), own_rng
