"""What is kept of a trained graph network: its weights, the states of the graph, and how it rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.gnn.calibration import RatingCalibration
from kindred.gnn.inductive import NewEdges, encode_new_sources, load_states, save_states
from kindred.gnn.model import GnnEmbeddings
from kindred.gnn.trained import NodeStates, TrainedGnn, load_gnn
from kindred.training.checkpoint import read_checkpoint, write_checkpoint

CALIBRATION = "calibration"


@dataclass(frozen=True)
class LearnedPart:
    """A trained network and its view of one graph.

    Attributes:
        gnn: the network.
        states: of every node of the graph, with all known events as messages.
        vectors: of the two ends of the target edge type, from these states.
        calibration: from its cosine ratings to expected stars.
    """

    gnn: TrainedGnn
    states: NodeStates
    vectors: GnnEmbeddings
    calibration: RatingCalibration

    def rate(self, user_index: IntArray, item_index: IntArray) -> FloatArray:
        """Expected stars of each pair, `[num_pairs]`."""
        return self.calibration.expect(user_index, item_index, self.vectors.rate(user_index, item_index))

    def encode_users(
        self, events: Interactions, event_text: FloatArray | None, verified: Sequence[bool | None] | None = None
    ) -> FloatArray:
        """Ranking vectors of users that the graph does not hold, from these events alone, `[num_users, dim]`.

        Args:
            events: what they did.
            event_text: text vector of each event, `[num_events, text_dim]`.
            verified: of each event, where it is known.
        """
        given = {"rating": events.rating, "at": events.at}
        columns = {name: torch.from_numpy(values) for name, values in given.items() if values is not None}
        if event_text is not None:
            columns["text_embedding"] = torch.from_numpy(event_text).half()
        if verified is not None:
            columns["verified"] = torch.tensor([bool(value) for value in verified], dtype=torch.bool)
            columns["has_verified"] = torch.tensor([value is not None for value in verified], dtype=torch.bool)
        edges = NewEdges(self.gnn.target, events.user_index, events.item_index, columns)
        return encode_new_sources(self.gnn, self.states, edges, events.num_users).ranking

    def save(self, folder: Path) -> None:
        """Writes it into the folder; `load` brings it back."""
        self.gnn.save(folder)
        save_states(self.states, folder)
        arrays = {name: torch.from_numpy(array) for name, array in self.calibration.state().items()}
        write_checkpoint(folder, CALIBRATION, arrays, {})

    @classmethod
    def load(cls, folder: Path) -> LearnedPart:
        """What was saved into the folder. Raises: ArtifactError where there is nothing whole."""
        gnn, states = load_gnn(folder), load_states(folder)
        arrays, _ = read_checkpoint(folder, CALIBRATION)
        calibration = RatingCalibration.from_state({name: tensor.numpy() for name, tensor in arrays.items()})
        return cls(gnn, states, gnn.embed(states), calibration)
