"""How much each block of the ranking core counts: learned on held-out training events, by one rule for all data.

The weights start from a log-linear model (softmax over the unseen catalogue) and from the strongest block alone, and
then climb coordinate by coordinate to the best NDCG and recall of the held-out events. The likelihood alone is not
enough: it pays for the order of the whole catalogue and shies away from blocks whose scores have heavy tails, while a
list shows only its top. But a climb also learns the accidents of the events it is shown, so it is repeated on several
draws of the users, and the mean counts: "Bagging Predictors" (Breiman, 1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kindred.domain.interactions import Interactions
from kindred.linear.scorer import LinearScorer, score_spread
from kindred.linear.user_features import Feature, places_from_end

FACTORS = (0.5, 0.75, 1.33, 2.0)
REMOVED = -1e9


@dataclass(frozen=True)
class WeightConfig:
    """How the weights are learned.

    Attributes:
        list_length: places that count.
        depth: how many of each block's best items are looked at to fill them.
        max_users: users the weights are learned on, a seeded draw where there are more.
        max_scores: users × items that a block's scores may fill; large catalogues get fewer users.
        rounds: passes over all blocks.
        draws: how many times weights are learned, each time on another draw of the users.
        draw_share: part of the users in each draw.
        share: part of the events held out by a random cut.
        small: with fewer events than this, several cuts are averaged.
        cuts: how many then.
    """

    list_length: int = 10
    depth: int = 200
    max_users: int = 2000
    max_scores: int = 80_000_000
    rounds: int = 3
    draws: int = 8
    draw_share: float = 0.5
    share: float = 0.2
    small: int = 50_000
    cuts: int = 3


@dataclass(frozen=True)
class ValidationFold:
    """Training events divided into `known` and `held_out`, with the rows of the known ones in the original."""

    known: Interactions
    known_rows: np.ndarray
    held_out: Interactions


def make_folds(train: Interactions, temporal: bool, config: WeightConfig, seed: int) -> list[ValidationFold]:
    """Validation cut the way the test was: each user's last event, or a random share.

    Several cuts where the data is small: other draws, or, in time, the last event but one of what is left.
    """
    count = config.cuts if len(train) < config.small else 1
    cuts: list[ValidationFold] = []
    if not temporal:
        for number in range(count):
            held_out = np.random.default_rng([seed, number]).random(len(train)) < config.share
            cuts.append(ValidationFold(train.take(~held_out), np.flatnonzero(~held_out), train.take(held_out)))
        return cuts
    rows = np.arange(len(train))
    for _ in range(min(count, 2)):
        left = train.take(rows)
        # a user's only event stays: without it nothing would be known of the user
        several = np.bincount(left.user_index, minlength=left.num_users)[left.user_index] > 1
        held_out = (places_from_end(left) == 0) & several
        cuts.append(ValidationFold(left.take(~held_out), rows[~held_out], left.take(held_out)))
        rows = rows[~held_out]
    return cuts


class HeldOut:
    """The held-out events of one cut, ready to measure scores on: whose they are, and which items their users know.

    Attributes:
        users: of the cut's validation users, a seeded draw where there are more than `max_users`, `[num_users]`.
        removed: whether the user knows the item, `[num_users, num_items]`.
        rows: row in `users` of each held-out event whose item is new to its user, `[num_targets]`.
        items: its item, `[num_targets]`.
        counts: held-out items of each user, at least 1, `[num_users]`.
    """

    def __init__(self, cut: ValidationFold, config: WeightConfig, seed: int):
        users = np.unique(cut.held_out.user_index)
        most = max(1, min(config.max_users, config.max_scores // cut.known.num_items))
        if len(users) > most:
            users = np.sort(np.random.default_rng(seed).choice(users, most, replace=False))
        place = np.full(cut.known.num_users, -1)
        place[users] = np.arange(len(users))
        removed = torch.zeros(len(users), cut.known.num_items, dtype=torch.bool)
        removed[_pairs(cut.known, place)] = True
        rows, items = _pairs(cut.held_out, place)
        new = ~removed[rows, items]
        self.cut, self.users, self.removed = cut, users, removed
        self.rows, self.items = rows[new], items[new]
        self.counts = torch.bincount(self.rows, minlength=len(users)).clamp(min=1)
        self.list_length = config.list_length

    def value(self, scores: Tensor) -> float:
        """NDCG plus half the recall of the held-out events at the configured list length.

        Among equal scores the held-out item comes last: a block that says nothing of a user must not be paid for it.
        """
        k = min(self.list_length, scores.shape[1] - 1)
        scores = scores.masked_fill(self.removed, REMOVED)
        top = torch.topk(scores, k + 1, dim=1).values  # one place more shows whether a tie goes on beyond the list
        rank = (top[self.rows] >= scores[self.rows, self.items][:, None]).sum(1) - 1
        hit = (rank < k) & (scores[self.rows, self.items] > top[self.rows, -1])
        discount = 1 / torch.log2(torch.arange(2, k + 2).double())
        gain = torch.bincount(self.rows[hit], discount[rank[hit]], minlength=len(self.counts))
        ndcg = gain / discount.cumsum(0)[self.counts.clamp(max=k) - 1]
        recall = torch.bincount(self.rows[hit], minlength=len(self.counts)) / self.counts
        return float(ndcg.mean() + 0.5 * recall.mean())


class ValidationScores(HeldOut):
    """Every block's scores of one cut's validation users, in units of its spread, `[num_users, num_items]` each."""

    def __init__(
        self,
        blocks: Sequence[LinearScorer],
        features: dict[str, Feature],
        cut: ValidationFold,
        config: WeightConfig,
        seed: int,
    ):
        super().__init__(cut, config, seed)
        self.scores = {}
        for block in blocks:
            scores = block.scores(features[block.feature][self.users])
            self.scores[block.name] = torch.from_numpy(scores / score_spread(scores))

    def shortened(self, depth: int) -> ValidationScores:
        """The same with only those items that some block has among its best `depth` for the user.

        What no block ranks high is on no list of their sum, so values stay, at a fraction of the work. A small
        catalogue is left as it is.
        """
        if depth * len(self.scores) >= self.removed.shape[1]:
            return self
        best = [scores.masked_fill(self.removed, REMOVED).topk(depth, dim=1).indices for scores in self.scores.values()]
        items = torch.cat(best, dim=1).sort(dim=1).values
        short = copy(self)
        short.scores = {name: scores.gather(1, items) for name, scores in self.scores.items()}
        short.removed = self.removed.gather(1, items)
        short.removed[:, 1:] |= items[:, 1:] == items[:, :-1]
        lists = items[self.rows]
        place = torch.searchsorted(lists, self.items[:, None]).clamp(max=lists.shape[1] - 1)
        found = (lists.gather(1, place) == self.items[:, None])[:, 0]
        short.rows, short.items = self.rows[found], place[found, 0]
        return short

    def draw(self, rng: np.random.Generator, share: float) -> ValidationScores:
        """The same of some of the users, at least one."""
        num_users = len(self.counts)
        chosen = torch.from_numpy(np.sort(rng.choice(num_users, max(1, round(num_users * share)), replace=False)))
        place = torch.full((num_users,), -1)
        place[chosen] = torch.arange(len(chosen))
        drawn = copy(self)
        drawn.scores = {name: scores[chosen] for name, scores in self.scores.items()}
        drawn.removed, drawn.counts = self.removed[chosen], self.counts[chosen]
        kept = place[self.rows] >= 0
        drawn.rows, drawn.items = place[self.rows[kept]], self.items[kept]
        return drawn

    def mix(self, weights: dict[str, float]) -> Tensor:
        """Weighted sum of the blocks, `[num_users, num_items]`."""
        total = torch.zeros(self.removed.shape)
        for name, weight in weights.items():
            if weight:
                total.add_(self.scores[name], alpha=weight)
        return total


def learn_weights(cuts: Sequence[ValidationScores], config: WeightConfig) -> dict[str, float]:
    """The weight of each block in units of its own spread, not negative, of sum 1: good on the held-out events."""
    names = list(cuts[0].scores)
    likelihood = _fit_likelihood(cuts, names)
    cuts = [cut.shortened(config.depth) for cut in cuts]
    mean = dict.fromkeys(names, 0.0)
    for draw in range(config.draws):
        found = _best_climb(
            [cut.draw(np.random.default_rng(draw), config.draw_share) for cut in cuts], likelihood, config
        )
        for name, weight in found.items():
            mean[name] += weight / (sum(found.values()) * config.draws)
    return mean


def _best_climb(
    cuts: Sequence[ValidationScores], likelihood: dict[str, float], config: WeightConfig
) -> dict[str, float]:
    """The better of the weights reached from the likelihood and from the block that is strongest alone."""
    alone = {name: _mean([cut.value(cut.scores[name]) for cut in cuts]) for name in likelihood}
    strongest = max(alone, key=alone.__getitem__)
    starts = [likelihood, {name: float(name == strongest) for name in likelihood}]
    weights, _ = max((_climb(cuts, start, config.rounds) for start in starts), key=lambda pair: pair[1])
    return weights


def _fit_likelihood(cuts: Sequence[ValidationScores], names: list[str]) -> dict[str, float]:
    """Non-negative weights of the most likely log-linear model of which unseen item was held out."""
    size = torch.full((len(names),), 0.2, requires_grad=True)
    optimizer = torch.optim.LBFGS([size], max_iter=40, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = 1e-3 * (size**2).sum()
        gradient = torch.zeros_like(size)
        for cut in cuts:
            scores = cut.mix(dict(zip(names, size.detach().abs().tolist(), strict=True))).masked_fill_(
                cut.removed, REMOVED
            )
            scores = torch.log_softmax(scores, dim=1)
            total = total - scores[cut.rows, cut.items].mean() / len(cuts)
            # d loss / d weight = (expected − observed) block score, without keeping a graph of all blocks
            chance = scores.exp_() * torch.bincount(cut.rows, minlength=len(cut.counts))[:, None]
            for index, name in enumerate(names):
                block = cut.scores[name]
                expected = torch.dot(chance.view(-1), block.view(-1)) / len(cut.rows)
                gradient[index] += (expected - block[cut.rows, cut.items].mean()) / len(cuts)
        size.grad = gradient * size.detach().sign() + 2e-3 * size.detach()
        return total.detach()

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return dict(zip(names, size.detach().abs().tolist(), strict=True))


def _climb(cuts: Sequence[ValidationScores], start: dict[str, float], rounds: int) -> tuple[dict[str, float], float]:
    """Change one weight at a time as long as the mean over the cuts grows; returns the weights and that mean."""
    weights, mixed = dict(start), [cut.mix(start) for cut in cuts]
    best = _mean([cut.value(scores) for cut, scores in zip(cuts, mixed, strict=True)])
    for _ in range(rounds):
        before = best
        for name in weights:
            best = _try_steps(cuts, mixed, weights, name, best)
        if best <= before:
            break
    return weights, best


def _try_steps(
    cuts: Sequence[ValidationScores], mixed: list[Tensor], weights: dict[str, float], name: str, best: float
) -> float:
    """Give `name` the best of a few other weights if one is better; changes `weights` and `mixed` in place."""
    largest = max(weights.values())
    tried = [0.0] + [weights[name] * factor for factor in FACTORS]
    if weights[name] < 0.05 * largest:
        tried += [0.05 * largest, 0.15 * largest, 0.4 * largest]
    for weight in sorted({value for value in tried if value != weights[name]}):
        others = any(value for other, value in weights.items() if other != name)
        if weight == 0 and not others:
            continue
        changed = [
            torch.add(scores, cut.scores[name], alpha=weight - weights[name])
            for cut, scores in zip(cuts, mixed, strict=True)
        ]
        value = _mean([cut.value(scores) for cut, scores in zip(cuts, changed, strict=True)])
        if value > best + 1e-9:
            best, weights[name] = value, weight
            mixed[:] = changed
    return best


def _pairs(events: Interactions, place: np.ndarray) -> tuple[Tensor, Tensor]:
    """Row and item of the events whose user has a place, each pair once."""
    rows = place[events.user_index]
    pairs = np.unique(rows[rows >= 0] * np.int64(events.num_items) + events.item_index[rows >= 0])
    return torch.from_numpy(pairs // events.num_items), torch.from_numpy(pairs % events.num_items)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
