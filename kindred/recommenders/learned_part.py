"""What is kept of a trained graph network: its weights, the states of the graph, and how it rates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kindred.domain.errors import ArtifactError
from kindred.domain.interactions import FloatArray, IntArray
from kindred.gnn.calibration import RatingCalibration
from kindred.gnn.inductive import NewEdges, encode_new_sources, load_states, save_states, with_new_nodes
from kindred.gnn.model import GnnEmbeddings
from kindred.gnn.trained import NodeStates, TrainedGnn, load_gnn
from kindred.recommenders.histories import Histories
from kindred.training.checkpoint import has_checkpoint, read_arrays, write_arrays

CALIBRATION = "calibration"


@dataclass(frozen=True)
class LearnedPart:
    """A trained network and its view of one graph.

    Attributes:
        gnn: the network.
        states: of every node of the graph, with all known events as messages.
        vectors: of the two ends of the target edge type, from these states.
        calibration: from its cosine ratings to expected ratings; None where events have none.
    """

    gnn: TrainedGnn
    states: NodeStates
    vectors: GnnEmbeddings
    calibration: RatingCalibration | None

    def rate(self, user_index: IntArray, item_index: IntArray) -> FloatArray:
        """Expected rating of each pair, `[num_pairs]`.

        Raises:
            ArtifactError: the network was trained on events without ratings.
        """
        if self.calibration is None:
            raise ArtifactError("this run learned no ratings", "train on events with ratings")
        return self.calibration.expect(user_index, item_index, self.vectors.rate(user_index, item_index))

    def encode(self, histories: Histories) -> FloatArray:
        """Ranking vectors of users that the graph need not hold, from these events alone, `[num_users, dim]`.

        An event of an item that the graph does not hold counts as one of an item of which nothing is known.
        """
        events, states = histories.events, self.states
        unknown = events.item_index < 0
        if unknown.any():
            states = with_new_nodes(self.gnn, states, self.gnn.target[2], {}, 1)
        positions = np.where(unknown, events.num_items, events.item_index)
        columns = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in histories.columns.items()}
        edges = NewEdges(self.gnn.target, events.user_index, positions, columns)
        return encode_new_sources(self.gnn, states, edges, events.num_users).ranking

    def save(self, folder: Path) -> None:
        """Writes it into the folder; `load` brings it back."""
        self.gnn.save(folder)
        save_states(self.states, folder)
        if self.calibration is not None:
            write_arrays(folder, CALIBRATION, self.calibration.state(), {})

    @classmethod
    def load(cls, folder: Path) -> LearnedPart:
        """What was saved into the folder. Raises: ArtifactError where there is nothing whole."""
        gnn, states = load_gnn(folder), load_states(folder)
        calibration = None
        if has_checkpoint(folder, CALIBRATION):
            calibration = RatingCalibration.from_state(read_arrays(folder, CALIBRATION)[0])
        return cls(gnn, states, gnn.embed(states), calibration)
