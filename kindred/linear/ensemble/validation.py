"""Events held out of the training events, and what a ranking of them is worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindred.domain.distinct import distinct
from kindred.domain.interactions import IntArray, Interactions
from kindred.linear.inputs.user_features import events_after
from kindred.linear.scorers.scorer_config import STRICT

REMOVED = -1e9
_TARGETS_A_BATCH = 256


@dataclass(frozen=True)
class WeightConfig:
    """How validation folds are made and the weights of scorers learned on them.

    Attributes:
        list_length: ranks that count.
        depth: how many of each scorer's best items are looked at to fill them.
        max_users: users the weights are learned on, a seeded sample where there are more.
        max_scores: users × items that a scorer's scores may fill; large catalogues get fewer users.
        rounds: passes over all scorers.
        samples: how many times weights are learned, each time on another sample of the users.
        sample_share: part of the users in each sample.
        share: part of the events held out by a random fold.
        small: with fewer events than this, several folds are averaged.
        folds: how many then.
    """

    __pydantic_config__ = STRICT

    list_length: int = 10
    depth: int = 200
    max_users: int = 2000
    max_scores: int = 20_000_000
    rounds: int = 3
    samples: int = 8
    sample_share: float = 0.5
    share: float = 0.2
    small: int = 50_000
    folds: int = 3


@dataclass(frozen=True)
class ValidationFold:
    """Training events divided into `known` and `held_out`, with the rows of the known ones in the original."""

    known: Interactions
    known_rows: np.ndarray
    held_out: Interactions

    @property
    def has_targets(self) -> bool:
        """Whether a held-out item is new to its user, so that there is something to rank."""
        return self.known.num_items > 1 and len(self.known) > 0 and len(self.targets[0]) > 0

    @property
    def targets(self) -> tuple[IntArray, IntArray]:
        """User and item of each held-out pair that the user does not know, each pair once, `[num_targets]` both.

        An item without a known event is no target: that it is there at all tells that it was held out.
        """
        pairs = np.setdiff1d(_pairs(self.held_out), _pairs(self.known), assume_unique=True)
        pairs = pairs[self.is_known[pairs % self.known.num_items]]
        return pairs // self.known.num_items, pairs % self.known.num_items

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which items have a known event, `[num_items]`."""
        return np.bincount(self.known.item_index, minlength=self.known.num_items) > 0


def make_folds(train: Interactions, temporal: bool, config: WeightConfig, seed: int) -> list[ValidationFold]:
    """Validation folds split as the test is: each user's last event, or a random share.

    A fold without a target is left out, so there may be none.
    Several folds where the data is small: other random ones, or, in time, the last event but one of what is left.
    """
    count = config.folds if len(train) < config.small else 1
    folds = _temporal_folds(train, min(count, 2)) if temporal else _random_folds(train, count, config.share, seed)
    return [fold for fold in folds if fold.has_targets]


def _random_folds(train: Interactions, count: int, share: float, seed: int) -> list[ValidationFold]:
    folds = []
    for number in range(count):
        held_out = np.random.default_rng([seed, number]).random(len(train)) < share
        folds.append(ValidationFold(train.take(~held_out), np.flatnonzero(~held_out), train.take(held_out)))
    return folds


def _temporal_folds(train: Interactions, count: int) -> list[ValidationFold]:
    folds, rows = [], np.arange(len(train))
    for _ in range(count):
        left = train.take(rows)
        # a user's only event stays: without it nothing would be known of the user
        several = np.bincount(left.user_index, minlength=left.num_users)[left.user_index] > 1
        held_out = (events_after(left) == 0) & several
        folds.append(ValidationFold(left.take(~held_out), rows[~held_out], left.take(held_out)))
        rows = rows[~held_out]
    return folds


def _pairs(events: Interactions) -> IntArray:
    """user · num_items + item of every pair, ascending, each once."""
    pairs: IntArray = distinct(events.user_index * np.int64(events.num_items) + events.item_index)
    return pairs


@dataclass(frozen=True)
class Targets:
    """Held-out items by user, ready to measure scores of the catalogue, or of lists of it, on.

    Attributes:
        removed: what is not to be ranked: items that the user knows, and those without a known event,
            `[num_users, num_columns]`.
        rows: user of each target, `[num_targets]`.
        columns: its item, `[num_targets]`.
        counts: targets of each user, at least 1, `[num_users]`.
        list_length: ranks that count.
        without: how many users more the mean is over, whose targets are in none of the lists.
    """

    removed: Tensor
    rows: Tensor
    columns: Tensor
    counts: Tensor
    list_length: int
    without: int = 0

    def value(self, scores: Tensor) -> float:
        """NDCG plus half the recall of the targets at the list length, for scores `[num_users, num_columns]`.

        Among equal scores the target comes last: a scorer that tells nothing of a user must not be paid for it.
        """
        return self.value_of_open(scores.masked_fill(self.removed, REMOVED))

    def value_of_open(self, scores: Tensor) -> float:
        """The same for scores that are far below all others already where `removed` is true."""
        k = min(self.list_length, scores.shape[1] - 1)
        rank = self._ranks(scores)
        hit = rank < k
        discount = 1 / torch.log2(torch.arange(2, k + 2).double())
        gain = torch.bincount(self.rows[hit], discount[rank[hit]], minlength=len(self.counts))
        ndcg = gain / discount.cumsum(0)[self.counts.clamp(max=k) - 1]
        recall = torch.bincount(self.rows[hit], minlength=len(self.counts)) / self.counts
        return float((ndcg.sum() + 0.5 * recall.sum()) / (len(self.counts) + self.without))

    def _ranks(self, scores: Tensor) -> Tensor:
        """How many others are at least as good as each target, `[num_targets]`: counted, which is less than sorting."""
        ranks = []
        batches = (torch.split(index, _TARGETS_A_BATCH) for index in (self.rows, self.columns))
        for rows, columns in zip(*batches, strict=True):
            first, behind = int(rows[0]), int(rows[-1]) + 1
            is_run = behind - first == len(rows) and bool((rows.diff() == 1).all())  # a target each: nothing to copy
            lists = scores[first:behind] if is_run else scores[rows]
            is_better = lists >= scores[rows, columns][:, None]
            ranks.append(np.count_nonzero(is_better.numpy(), axis=1) - 1)
        return torch.from_numpy(np.concatenate(ranks)) if ranks else torch.zeros(0, dtype=torch.long)

    def of_users(self, chosen: Tensor, without: int = 0) -> Targets:
        """Those of some of the users, `chosen` ascending; `without` see there."""
        row = torch.full((len(self.counts),), -1)
        row[chosen] = torch.arange(len(chosen))
        kept = row[self.rows] >= 0
        return replace(
            self,
            removed=self.removed[chosen],
            rows=row[self.rows[kept]],
            columns=self.columns[kept],
            counts=self.counts[chosen],
            without=without,
        )


@dataclass(frozen=True)
class HeldOut:
    """A fold with its users and targets.

    Attributes:
        fold: see there.
        users: who has a target, a seeded sample where there are more than `max_users`, `[num_users]`.
        targets: theirs, over the whole catalogue.
    """

    fold: ValidationFold
    users: IntArray
    targets: Targets = field(repr=False)

    @classmethod
    def of(cls, fold: ValidationFold, config: WeightConfig, seed: int) -> HeldOut:
        """The held-out events of a fold that has targets."""
        known = fold.known
        target_users, target_items = fold.targets
        users: IntArray = distinct(target_users)
        most = max(1, min(config.max_users, config.max_scores // known.num_items))
        if len(users) > most:
            users = np.sort(np.random.default_rng(seed).choice(users, most, replace=False))
        row = np.full(known.num_users, -1)
        row[users] = np.arange(len(users))
        removed = torch.from_numpy(~fold.is_known).repeat(len(users), 1)
        seen = row[known.user_index] >= 0
        removed[torch.from_numpy(row[known.user_index[seen]]), torch.from_numpy(known.item_index[seen])] = True
        asked = row[target_users] >= 0
        rows, columns = torch.from_numpy(row[target_users[asked]]), torch.from_numpy(target_items[asked])
        counts = torch.bincount(rows, minlength=len(users)).clamp(min=1)
        return cls(fold, users, Targets(removed, rows, columns, counts, config.list_length))
