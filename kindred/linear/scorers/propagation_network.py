"""The graph network that ranks: rows of items and what texts say, passed along events between users and items.

An item starts from a row of its own and from the texts about it, a user from the texts they wrote. In each round both
get the sum of their neighbours' states, degree-normalised; an end is the sum of its states over all rounds, as in
LightGCN (He et al., 2020, arXiv 2002.02126). No row belongs to a user, so a user is a linear map of their own events:
what was learned is a linear scorer, and a user who came a second ago is encoded like any other. A row of an item is
dropped at times in training, so that texts and neighbours learn to do without.

A step hides a share of the events, passes messages along the others alone, texts too, and predicts the hidden ones: the
softmax of the cosine over a temperature, among all items or a sample of them.
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
from torch.nn import functional

from kindred.domain.interactions import FloatArray, Interactions
from kindred.linear.algebra.propagation import CompressedRows, SparseMatrix
from kindred.linear.inputs.event_text import EventText
from kindred.linear.inputs.user_features import HistoryStatistics, liked
from kindred.linear.scorers.scorer import LinearScorer
from kindred.linear.scorers.scorer_config import NetworkConfig
from kindred.training.fit import Objective, RunOptions, fit
from kindred.training.losses import sampled_softmax_loss
from kindred.training.sampling import KnownPairs, sample_candidates
from kindred.training.schedule import FitConfig

NETWORK, RECENT_NETWORK = "network", "recent network"
EPOCHS = 10
"""Of the schedule of the learning rate."""
_TEXTS_LOOKED_AT = 20_000
_TEXTS_OF_NONE = 2.0  # how many texts that say nothing an item has beside its own
_START = 0.1  # size of an item's row at the start


def network_scorers(
    train: Interactions,
    text: tuple[EventText | None, FloatArray | None],
    statistics: HistoryStatistics,
    config: NetworkConfig,
    seed: int,
) -> list[LinearScorer]:
    """The trained network as scorers of even and, where the order is known, of recent history.

    Args:
        train: the events to learn from.
        text: (of each event, vector of each item's own text `[num_items, text_dim]`), either None.
        statistics: of these events.
        config: see there.
        seed: of the start, and of what is hidden and dropped.
    """
    said = _Said.of(train, text, statistics, config.text_dim)
    events = _Events.of(train, said, statistics)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PropagationNetwork(train.num_items, said, config)
    steps = partial(_step_losses, network, events, train, config)
    settings = FitConfig(epochs=EPOCHS, learning_rate=config.learning_rate, warmup_epochs=1, gradient_norm=math.inf)
    with TemporaryDirectory(prefix="network-") as folder:
        objective = Objective(network, steps, made_of=asdict(config))
        fit(objective, settings, RunOptions(Path(folder), seed, save_seconds=math.inf))
    network.eval()
    return _scorers(network, events, said, has_order=train.at is not None)


def _scorers(network: PropagationNetwork, events: _Events, said: _Said, *, has_order: bool) -> list[LinearScorer]:
    """The network as it is: what it makes of all events as two sides of a product."""
    with torch.no_grad():
        messages = events.messages(torch.ones(len(events.users)))
        states = network(messages)
        to_user = network.of_user.weight.T  # [text_dim + 1, dim], the last row for the event as such
        left = (states.sources * messages.item_scale[:, None] + to_user[-1]).numpy()
        right = functional.normalize(states.items, dim=1).numpy()
        added = (("text", said.axes @ to_user[:-1].numpy()),) if len(said.axes) else ()
    scorers = [LinearScorer(NETWORK, "items", left, right, added)]
    if has_order:
        scorers.append(LinearScorer(RECENT_NETWORK, "recent_items", left, right, added))
    return scorers


@dataclass(frozen=True)
class _Said:
    """What each event says of its two ends, and items of themselves.

    Attributes:
        axes: from the vector of a text to its columns, `[text_dim, dim]`; empty where events have no text.
        columns: of each event: its text, 1, and its rating where there are ratings, `[num_events, num_columns]`.
        items: from the items' own texts, `[num_items, dim]`, or None.
    """

    axes: FloatArray
    columns: Tensor
    items: Tensor | None

    @classmethod
    def of(
        cls,
        train: Interactions,
        text: tuple[EventText | None, FloatArray | None],
        statistics: HistoryStatistics,
        dim: int,
    ) -> _Said:
        event_text, item_text = text
        axes, items = np.zeros((0, 0), dtype=np.float32), None
        columns = [np.ones((len(train), 1), dtype=np.float32)]
        if event_text is not None and event_text.has_text.any():
            axes = principal_axes(event_text.some(_TEXTS_LOOKED_AT) - statistics.text_mean, dim)
            columns.insert(0, event_text.projected(axes, statistics.text_mean))
        if train.rating is not None:
            columns.append(_standardised(train.rating)[:, None])
        if item_text is not None:
            centred = item_text - item_text.mean(0)
            items = torch.from_numpy(centred @ principal_axes(centred, dim))
        return cls(axes, torch.from_numpy(np.concatenate(columns, axis=1)), items)


def _standardised(rating: FloatArray) -> FloatArray:
    """Mean 0 and spread 1, 0 where unknown, `[num_events]`."""
    known = np.isfinite(rating)
    if not known.any():
        return np.zeros(len(rating), dtype=np.float32)
    spread = float(rating[known].std())
    return np.where(known, (rating - rating[known].mean()) / max(spread, 1e-6), 0).astype(np.float32)


def principal_axes(vectors: FloatArray, dim: int) -> FloatArray:
    """The leading principal components, all scaled alike so that their mean variance is 1, `[vector_dim, dim]`.

    Args:
        vectors: centred, `[num_vectors, vector_dim]`.
        dim: at most how many.
    """
    variances, axes = np.linalg.eigh((vectors.T @ vectors).astype(np.float64) / len(vectors))
    kept = axes[:, ::-1][:, :dim]
    spread = math.sqrt(max(float(variances[::-1][:dim].mean()), 1e-18))
    kept = kept * np.sign(kept[np.abs(kept).argmax(0), np.arange(kept.shape[1])])  # the sign of an axis is arbitrary
    return np.ascontiguousarray(kept / spread, dtype=np.float32)


@dataclass(frozen=True)
class _Messages:
    """What runs along the events that are kept.

    Attributes:
        between: users by items, degree-normalised.
        of_user: normalised sum of what a user's events say, but for ratings, `[num_users, text_dim + 1]`.
        of_item: shrunken mean of what is said of each item, `[num_items, num_columns]`.
        item_scale: each item's share of the normalisation, `[num_items]`.
    """

    between: SparseMatrix
    of_user: Tensor
    of_item: Tensor
    item_scale: Tensor


@dataclass(frozen=True)
class _Events:
    """The training events, user by user.

    Attributes:
        users: `[num_events]`.
        items: `[num_events]`.
        counts: how much each tells of its user, `[num_events]`: a low rating tells of nothing.
        by_user: item of each event, by user.
        by_item: user of each event, by item.
        item_order: position of each event of `by_item`, `[num_events]`.
        columns: what they say, `[num_events, num_columns]`.
        text_dim: how many of the columns are of a text.
        exponent: a sum over n events of a user is divided by n ^ exponent.
    """

    users: Tensor
    items: Tensor
    counts: Tensor
    by_user: CompressedRows
    by_item: CompressedRows
    item_order: Tensor
    columns: Tensor
    text_dim: int
    exponent: float

    @classmethod
    def of(cls, train: Interactions, said: _Said, statistics: HistoryStatistics) -> _Events:
        order = np.argsort(train.user_index, kind="stable")
        users, items = torch.from_numpy(train.user_index[order]), torch.from_numpy(train.item_index[order])
        counts = torch.from_numpy(liked(train, statistics.middle_rating)[order])
        item_order = torch.argsort(items, stable=True)
        return cls(
            users,
            items,
            counts,
            CompressedRows.of(users, items, counts, train.num_users),
            CompressedRows.of(items, users, counts, train.num_items),
            item_order,
            said.columns[torch.from_numpy(order)],
            said.axes.shape[1],
            statistics.history_exponent,
        )

    def messages(self, kept: Tensor) -> _Messages:
        """Those of the kept events, 1 where an event is kept and 0 elsewhere, `[num_events]`."""
        num_users, num_items = len(self.by_user.offsets) - 1, len(self.by_item.offsets) - 1
        of_user = torch.zeros(num_users).index_add_(0, self.users, kept).clamp(min=1) ** -self.exponent
        of_item = torch.zeros(num_items).index_add_(0, self.items, kept)
        item_scale = of_item.clamp(min=1) ** -0.5
        told = kept * self.counts * of_user[self.users]
        weights = told * item_scale[self.items]
        forward, backward = self.by_user.weighted(weights), self.by_item.weighted(weights[self.item_order])
        between = SparseMatrix(forward, backward, (num_users, num_items))
        each = torch.arange(len(kept))
        mean = (kept / (of_item + _TEXTS_OF_NONE)[self.items])[self.item_order]
        of_their_own = self.columns[:, : self.text_dim + 1].contiguous()
        return _Messages(
            between,
            CompressedRows(self.by_user.offsets, each, told).multiply(of_their_own),
            CompressedRows(self.by_item.offsets, self.item_order, mean).multiply(self.columns),
            item_scale,
        )


@dataclass(frozen=True)
class _States:
    """Sums of states over the rounds: users `[num_users, dim]`, items `[num_items, dim]`, and what users get of items.

    Attributes:
        users: of all rounds.
        items: of all rounds.
        sources: of all rounds but the last, `[num_items, dim]`: a user is their text and the sum of these.
    """

    users: Tensor
    items: Tensor
    sources: Tensor


class PropagationNetwork(nn.Module):
    """See the module."""

    def __init__(self, num_items: int, said: _Said, config: NetworkConfig) -> None:
        super().__init__()
        self.rounds, self.id_dropout = config.rounds, config.id_dropout
        self.rows = nn.Parameter(torch.randn(num_items, config.dim) * _START)
        self.own_text = said.items
        self.of_user = _map(said.axes.shape[1] + 1, config.dim)
        self.of_item = _map(said.columns.shape[1], config.dim)
        self.of_own_text = None if said.items is None else _map(said.items.shape[1], config.dim)

    def forward(self, messages: _Messages) -> _States:
        """The states of all users and items."""
        items: Tensor = self.rows
        if self.training and self.id_dropout:
            items = items * (torch.rand(len(items), 1) >= self.id_dropout)
        items = items + self.of_item(messages.of_item)
        if self.of_own_text is not None:
            items = items + self.of_own_text(self.own_text)
        users = self.of_user(messages.of_user)
        between = messages.between
        user_sum, item_sum, sources = users, items, torch.zeros_like(items)
        for _ in range(self.rounds):
            sources = item_sum
            users, items = between @ items, between.transpose @ users
            user_sum, item_sum = user_sum + users, item_sum + items
        return _States(user_sum, item_sum, sources)


def _map(columns: int, dim: int) -> nn.Linear:
    linear = nn.Linear(columns, dim, bias=False)
    nn.init.normal_(linear.weight, std=0.3 * columns**-0.5)
    return linear


def _step_losses(
    network: PropagationNetwork, events: _Events, train: Interactions, config: NetworkConfig, rng: np.random.Generator
) -> Iterator[Mapping[str, Tensor]]:
    """The loss of each step of an epoch."""
    users, items = events.users.numpy(), events.items.numpy()
    known = KnownPairs.of(users, items, train.num_users, train.num_items)
    temperature = config.temperature_among(train.num_items)
    popularity = np.bincount(items, minlength=train.num_items)
    for _ in range(config.steps // EPOCHS):
        hidden = rng.random(len(users)) < config.hidden_share
        asked = np.flatnonzero(hidden)
        if not len(asked):
            continue
        if len(asked) > config.batch_size:
            asked = np.sort(rng.choice(asked, config.batch_size, replace=False))
        states = network(events.messages(torch.from_numpy(~hidden).float()))
        candidates = sample_candidates(popularity, config.candidates, items[asked], rng)
        asking = functional.normalize(states.users[torch.from_numpy(users[asked])], dim=1) / temperature
        answers = functional.normalize(states.items[torch.from_numpy(candidates.items)], dim=1)
        right = torch.from_numpy(np.searchsorted(candidates.items, items[asked]))
        excluded = torch.from_numpy(known.among(users[asked], candidates.items))
        expected = None if candidates.log_expected is None else torch.from_numpy(candidates.log_expected)
        yield {"loss": sampled_softmax_loss(asking @ answers.T, right, expected, excluded)}
