"""Weights of the ensemble's scorers: learned on held-out training events, by one rule for all data.

The weights start from a log-linear model (softmax over the unseen catalogue) and from the strongest scorer alone, and
go on by coordinate ascent to the best NDCG and recall of the held-out events. The likelihood alone is not enough: it
pays for the order of the whole catalogue and shies away from scorers whose scores have heavy tails, while a list shows
only its top. But an ascent also learns the accidents of the events it is shown, so it is repeated on several samples of
the users, and the mean counts: "Bagging Predictors" (Breiman, 1996).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from kindred.linear.ensemble.validation import REMOVED, HeldOut, Targets, WeightConfig
from kindred.linear.inputs.user_features import Feature
from kindred.linear.scorers.propagation_network import NETWORK, RECENT_NETWORK
from kindred.linear.scorers.scorer import LinearScorer, in_spreads, score_spread

FACTORS = (0.5, 0.75, 1.33, 2.0)
SHARES = (0.4, 0.8, 1.2)
"""What the network may count beside the sum of all closed-form scorers, both in units of their spread."""

USUAL_WEIGHTS = {
    "ease": 0.4,
    "spectrum": 0.4,
    "popularity": 0.3,
    "event text similarity": 0.15,
    "item text similarity": 0.15,
    "item context similarity": 0.15,
}
"""What scorers count where no event can be held out to learn it; of those that there are, in proportion."""


def usual_weights(names: Iterable[str]) -> dict[str, float]:
    """Weights of sum 1 that need no validation; `popularity` is among the names, what is not usual gets 0."""
    weights = {name: USUAL_WEIGHTS.get(name, 0.0) for name in names}
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}


@dataclass(frozen=True)
class ValidationScores:
    """Every scorer's scores of one fold's validation users, in units of its spread.

    Attributes:
        scores: by name, `[num_users, num_columns]` each; all zeros where a scorer tells no item from another.
        targets: the held-out events of these users.
    """

    scores: dict[str, Tensor]
    targets: Targets

    @classmethod
    def of(cls, scorers: Iterable[LinearScorer], features: dict[str, Feature], held_out: HeldOut) -> ValidationScores:
        """Those of scorers fitted on the fold's known events, whose features these are."""
        scores = {
            scorer.name: torch.from_numpy(in_spreads(scorer.scores(features, held_out.users))) for scorer in scorers
        }
        return cls(scores, held_out.targets)

    def shortened(self, depth: int) -> ValidationScores:
        """The same with only those items that some scorer has among its best `depth` for the user.

        What no scorer ranks high is on no list of their sum, so values stay, at a fraction of the work. A small
        catalogue is left as it is.
        """
        targets = self.targets
        if depth * len(self.scores) >= targets.removed.shape[1]:
            return self
        best = [s.masked_fill(targets.removed, REMOVED).topk(depth, dim=1).indices for s in self.scores.values()]
        items = torch.cat(best, dim=1).sort(dim=1).values
        removed = targets.removed.gather(1, items)
        removed[:, 1:] |= items[:, 1:] == items[:, :-1]
        lists = items[targets.rows]
        column = torch.searchsorted(lists, targets.columns[:, None]).clamp(max=lists.shape[1] - 1)
        found = (lists.gather(1, column) == targets.columns[:, None])[:, 0]
        rows, column = targets.rows[found], column[found, 0]
        # what is left of each list to its front, and all lists as long as the longest
        place = (~removed).cumsum(dim=1) - 1
        left = removed.to(torch.uint8).sort(dim=1, stable=True).indices[:, : int(place[:, -1].max()) + 1]
        items, removed = items.gather(1, left), removed.gather(1, left)
        short = replace(targets, removed=removed, rows=rows, columns=place[rows, column])
        return ValidationScores({name: scores.gather(1, items) for name, scores in self.scores.items()}, short)

    def sample(self, rng: np.random.Generator, share: float) -> ValidationScores:
        """The same of some of the users, at least one; of those without a target only their number is kept."""
        num_users = len(self.targets.counts)
        chosen = torch.from_numpy(np.sort(rng.choice(num_users, max(1, round(num_users * share)), replace=False)))
        told = chosen[torch.isin(chosen, self.targets.rows)]
        scores = {name: scores[told] for name, scores in self.scores.items()}
        return ValidationScores(scores, self.targets.of_users(told, len(chosen) - len(told)))

    def mix(self, weights: dict[str, float]) -> Tensor:
        """Weighted sum of the scorers, `[num_users, num_columns]`."""
        total = torch.zeros(self.targets.removed.shape)
        for name, weight in weights.items():
            if weight:
                total.add_(self.scores[name], alpha=weight)
        return total


def learn_weights(folds: Sequence[ValidationScores], config: WeightConfig) -> dict[str, float]:
    """The weight of each scorer in units of its own spread, not negative, of sum 1: good on the held-out events.

    A scorer that is constant within users weighs nothing. The closed-form scorers are weighed first, then their sum
    against the network: weighed among all others, the one scorer that is strong alone takes nearly everything on some
    folds.

    Args:
        folds: at least one; all of the same scorers.
        config: see there.
    """
    networks = [name for name in (NETWORK, RECENT_NETWORK) if name in folds[0].scores]
    closed = [replace(f, scores={n: x for n, x in f.scores.items() if n not in networks}) for f in folds]
    weights = _learn_closed(closed, config)
    return _with_network(folds, weights, networks) if networks else weights


def _with_network(
    folds: Sequence[ValidationScores], weights: dict[str, float], networks: Sequence[str]
) -> dict[str, float]:
    """The weights with those of the networks, which get the share of the sum that is best on the held-out events."""
    kinds = [networks[:1], networks[1:], networks] if len(networks) > 1 else [networks]
    mixed = [fold.mix(weights) for fold in folds]
    spread = _mean([score_spread(mix.numpy()) for mix in mixed])
    best, added = _mean([fold.targets.value(mix) for fold, mix in zip(folds, mixed, strict=True)]), dict[str, float]()
    for share, names in product(SHARES, kinds):
        asked = {name: share * spread / len(names) for name in names}
        totals = [mix + fold.mix(asked) for fold, mix in zip(folds, mixed, strict=True)]
        value = _mean([fold.targets.value(total) for fold, total in zip(folds, totals, strict=True)])
        if value > best:
            best, added = value, asked
    found = {**weights, **dict.fromkeys(networks, 0.0), **added}
    return {name: weight / sum(found.values()) for name, weight in found.items()}


def _learn_closed(folds: Sequence[ValidationScores], config: WeightConfig) -> dict[str, float]:
    """The weights of scorers that are alike in strength."""
    names = list(folds[0].scores)
    telling = [name for name in names if any(bool(fold.scores[name].any()) for fold in folds)]
    if not telling:
        return usual_weights(names)
    folds = [replace(fold, scores={name: fold.scores[name] for name in telling}) for fold in folds]
    likelihood = _fit_likelihood(folds, telling)
    folds = [fold.shortened(config.depth) for fold in folds]
    mean = dict.fromkeys(names, 0.0)
    for number in range(config.samples):
        sampled = [fold.sample(np.random.default_rng(number), config.sample_share) for fold in folds]
        found = _best_ascent(sampled, likelihood, config)
        for name, weight in found.items():
            mean[name] += weight / (sum(found.values()) * config.samples)
    return mean


def _best_ascent(
    folds: Sequence[ValidationScores], likelihood: dict[str, float], config: WeightConfig
) -> dict[str, float]:
    """The better of the weights reached from the likelihood and from the scorer that is strongest alone."""
    alone = {name: _mean([fold.targets.value(fold.scores[name]) for fold in folds]) for name in likelihood}
    strongest = max(alone, key=alone.__getitem__)
    starts = [likelihood, {name: float(name == strongest) for name in likelihood}]
    weights, _ = max((_coordinate_ascent(folds, start, config.rounds) for start in starts), key=lambda pair: pair[1])
    return weights


def _fit_likelihood(folds: Sequence[ValidationScores], names: list[str]) -> dict[str, float]:
    """Non-negative weights of the most likely log-linear model of which unseen item was held out."""
    size = torch.full((len(names),), 0.2, requires_grad=True)
    optimizer = torch.optim.LBFGS([size], max_iter=40, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = 1e-3 * (size**2).sum()
        gradient = torch.zeros_like(size)
        for fold in folds:
            weights = dict(zip(names, size.detach().abs().tolist(), strict=True))
            likelihood, slope = _likelihood(fold, weights)
            total = total - likelihood / len(folds)
            gradient -= slope / len(folds)
        size.grad = gradient * size.detach().sign() + 2e-3 * size.detach()
        return total.detach()

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return dict(zip(names, size.detach().abs().tolist(), strict=True))


def _likelihood(fold: ValidationScores, weights: dict[str, float]) -> tuple[Tensor, Tensor]:
    """Mean log-likelihood of the targets, and its gradient by each weight, `[num_scorers]`."""
    targets = fold.targets
    scores = torch.log_softmax(fold.mix(weights).masked_fill_(targets.removed, REMOVED), dim=1)
    likelihood = scores[targets.rows, targets.columns].mean()
    # the gradient is observed − expected score, without keeping a graph of all scorers
    chance = scores.exp_() * torch.bincount(targets.rows, minlength=len(targets.counts))[:, None]
    slope = [
        one[targets.rows, targets.columns].mean() - torch.dot(chance.view(-1), one.view(-1)) / len(targets.rows)
        for one in fold.scores.values()
    ]
    return likelihood, torch.stack(slope)


def _coordinate_ascent(
    folds: Sequence[ValidationScores], start: dict[str, float], rounds: int
) -> tuple[dict[str, float], float]:
    """Change one weight at a time as long as the mean over the folds grows; returns the weights and that mean."""
    weights, mixed = dict(start), [fold.mix(start).masked_fill_(fold.targets.removed, REMOVED) for fold in folds]
    best = _mean([fold.targets.value_of_open(scores) for fold, scores in zip(folds, mixed, strict=True)])
    for _ in range(rounds):
        before = best
        for name in weights:
            best = _try_steps(folds, mixed, weights, name, best)
        if best <= before:
            break
    return weights, best


def _try_steps(
    folds: Sequence[ValidationScores], mixed: list[Tensor], weights: dict[str, float], name: str, best: float
) -> float:
    """Give `name` the best of a few other weights if one is better; overwrites `weights` and `mixed`."""
    largest = max(weights.values())
    tried = [0.0] + [weights[name] * factor for factor in FACTORS]
    if weights[name] < 0.05 * largest:
        tried += [0.05 * largest, 0.15 * largest, 0.4 * largest]
    for weight in sorted({value for value in tried if value != weights[name]}):
        others = any(value for other, value in weights.items() if other != name)
        if weight == 0 and not others:
            continue
        changed = [
            torch.add(scores, fold.scores[name], alpha=weight - weights[name])
            for fold, scores in zip(folds, mixed, strict=True)
        ]
        value = _mean([fold.targets.value_of_open(scores) for fold, scores in zip(folds, changed, strict=True)])
        if value > best + 1e-9:
            best, weights[name] = value, weight
            mixed[:] = changed
    return best


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
