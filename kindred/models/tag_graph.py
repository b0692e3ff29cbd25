"""A network over tags: which other tags a track has, given some of them.

Tags are nodes, joined where they come together in lists, and messages run along these edges before any track is looked
at; a track gathers what its given tags say, and asks every tag whether it fits. Learned by hiding tags of lists
("denoising"), as in Liang et al., "Variational Autoencoders for Collaborative Filtering", 2018, arXiv 1802.05814; the
messages are those of Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional Networks", 2017,
arXiv 1609.02907.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from kindred.domain.errors import ArtifactError
from kindred.domain.interactions import FloatArray
from kindred.training.checkpoint import read_checkpoint, write_checkpoint
from kindred.training.fit import Objective, RunOptions, fit
from kindred.training.schedule import FitConfig

WIDTH, LAYERS, DROPOUT = 64, 2, 0.2
HIDDEN = 0.5
"""The chance of a tag to be hidden in training."""
SETTINGS = FitConfig(epochs=12, learning_rate=3e-3, warmup_epochs=1, weight_decay=1e-2)
CHECKPOINT = "tag-graph"
_STEPS, _LEAST_BATCH, _MOST_BATCH, _ROWS_AT_ONCE = 45, 32, 1024, 4096


class TagGraph(nn.Module):
    """Logits of all tags from given ones.

    Args:
        together: how strongly tags are joined, rows sum to 1 or 0, `[num_tags, num_tags]`.
        prior: share of the lists that each tag is in, between 0 and 1, `[num_tags]`.
    """

    together: Tensor

    def __init__(self, together: Tensor, prior: Tensor) -> None:
        super().__init__()
        num_tags = len(prior)
        self.register_buffer("together", together)
        self.gives = nn.Parameter(torch.randn(num_tags, WIDTH) * 0.1)
        self.asks = nn.Parameter(torch.randn(num_tags, WIDTH) * 0.1)
        self.from_others = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.from_itself = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.track = nn.ModuleList(_residual() for _ in range(LAYERS))
        self.direct = nn.Parameter(torch.zeros(num_tags, num_tags))
        self.bias = nn.Parameter(torch.log(prior / (1 - prior)))

    def forward(self, given: Tensor) -> Tensor:
        """Logits `[batch, num_tags]` of tracks with these tags, 0 or 1, `[batch, num_tags]`."""
        tags: Tensor = self.gives
        for others, itself in zip(self.from_others, self.from_itself, strict=True):
            tags = tags + functional.gelu(others(self.together @ tags) + itself(tags))
        track = given @ tags / torch.sqrt(given.sum(1, keepdim=True).clamp(min=1))
        for layer in self.track:
            track = track + layer(track)
        logits: Tensor = 0.1 * track @ (self.asks + tags).T + given @ self.direct + self.bias
        return logits


def _residual() -> nn.Module:
    return nn.Sequential(
        nn.LayerNorm(WIDTH),
        nn.Linear(WIDTH, 4 * WIDTH),
        nn.GELU(),
        nn.Dropout(DROPOUT),
        nn.Linear(4 * WIDTH, WIDTH),
    )


def fit_tag_graph(lists: csr_matrix, run: RunOptions) -> TagGraph:
    """The network that has learned these lists, `[num_lists, num_tags]`.

    Args:
        lists: which tags each has, at least one.
        run: where and how; its folder gets the checkpoints.
    """
    counts = np.asarray(lists.sum(axis=0), dtype=np.float64).ravel()
    both = np.asarray((lists.T.astype(np.float32) @ lists.astype(np.float32)).todense(), dtype=np.float64)
    np.fill_diagonal(both, 0)
    joined = both / np.sqrt(np.outer(counts, counts) + 1)
    joined /= np.maximum(joined.sum(axis=1, keepdims=True), 1e-9)
    prior = (counts + 1) / (lists.shape[0] + 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        network = TagGraph(torch.from_numpy(joined).float(), torch.from_numpy(prior).float())
    made_of = {"lists": int(lists.shape[0]), "tags": int(lists.shape[1])}
    fit(Objective(network, _Steps(network, lists), made_of), SETTINGS, run)
    return network.eval()


@dataclass(frozen=True)
class _Steps:
    """The losses of an epoch's steps."""

    network: TagGraph
    lists: csr_matrix

    def __call__(self, rng: np.random.Generator) -> Iterator[Mapping[str, Tensor]]:
        size = int(np.clip(self.lists.shape[0] // _STEPS, _LEAST_BATCH, _MOST_BATCH))
        order = rng.permutation(self.lists.shape[0])
        for begin in range(0, len(order), size):
            has = torch.from_numpy(self.lists[order[begin : begin + size]].toarray().astype(np.float32))
            given = has * (torch.rand(has.shape) >= HIDDEN)
            loss = functional.binary_cross_entropy_with_logits(self.network(given), has - given, reduction="none")
            yield {"loss": (loss * (1 - given)).sum() / len(has)}


def tag_chances(network: TagGraph, given: NDArray[np.bool_]) -> FloatArray:
    """How likely each tag is that is not given, `[num_rows, num_tags]`."""
    found = np.empty(given.shape, dtype=np.float32)
    with torch.inference_mode():
        for begin in range(0, len(given), _ROWS_AT_ONCE):
            part = torch.from_numpy(given[begin : begin + _ROWS_AT_ONCE].astype(np.float32))
            found[begin : begin + _ROWS_AT_ONCE] = torch.sigmoid(network(part)).numpy()
    return found


def save_tag_graph(network: TagGraph, folder: Path) -> None:
    """Writes the network into a folder; `load_tag_graph` brings it back."""
    write_checkpoint(folder, CHECKPOINT, network.state_dict(), {"num_tags": len(network.bias)})


def load_tag_graph(folder: Path) -> TagGraph:
    """The network that was saved into a folder.

    Raises:
        ArtifactError: it is missing, damaged or of another version.
    """
    tensors, noted = read_checkpoint(folder, CHECKPOINT)
    num_tags = int(noted["num_tags"])
    network = TagGraph(torch.zeros(num_tags, num_tags), torch.full((num_tags,), 0.5))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise ArtifactError(f"the label graph in {folder} is of another version: {error}", "train again") from error
    return network.eval()
