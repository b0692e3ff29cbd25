"""Full-catalogue ranking metrics, exact in the presence of ties.

Every figure ranks the whole catalogue: sampled candidates hide large gaps between models (Krichene and Rendle, "On
Sampled Metrics for Item Recommendation", 2020). Items with equal scores are in random order, and each metric is its
exact expectation over that order, so a model that gives every item the same score earns what guessing earns, on any
order of the catalogue.

With lists of `k` items and a user's distinct held-out items `T`:
* recall@k = hits in the first k / |T|, as in LightGCN (He et al., 2020, arXiv 2002.02126);
* NDCG@k = sum over hits of 1 / log2(rank + 1), divided by the same sum for min(k, |T|) hits at the first ranks;
* MRR@k = 1 / rank of the first hit, 0 where there is none; hit rate@k = whether there is one.

Where asked for, ROC-AUC against items of like popularity is taken from the same scores (`matched_negatives.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from kindred.domain.distinct import DistinctPairs
from kindred.domain.interactions import BoolArray, DoubleArray, FloatArray, IntArray, Interactions, Scorer
from kindred.evaluation.matched_negatives import ROC_AUC, MatchedNegatives

METRICS = ("recall", "ndcg", "mrr", "hit_rate")


@dataclass(frozen=True)
class RankingResult:
    """What a ranking was worth, user by user.

    Attributes:
        users: position of each user with a held-out item, ascending, `[num_evaluated]`.
        per_user: `"recall@10"` and so on -> one value a user, aligned with `users`, `[num_evaluated]`.
        top_items: the best `max(ks)` items of each user, best first, equal scores by item position, −1 where
            the catalogue has no more unseen items, `[num_evaluated, max(ks)]`.
    """

    users: IntArray
    per_user: dict[str, DoubleArray]
    top_items: IntArray

    @property
    def means(self) -> dict[str, float]:
        """Each metric's mean over the evaluated users."""
        return {name: float(values.mean()) if len(values) else 0.0 for name, values in self.per_user.items()}


def evaluate_ranking(
    score_users: Scorer,
    held_out: Interactions,
    seen: Interactions | None,
    ks: Sequence[int] = (5, 10, 20),
    batch_size: int = 1024,
    matched: MatchedNegatives | None = None,
) -> RankingResult:
    """Rank the whole catalogue for every user with a held-out item and measure where those items stand.

    Args:
        score_users: the model under test.
        held_out: the answers; an item held out twice for a user counts once.
        seen: events whose items may not be recommended to their user again, or None to keep them in the ranking. An
            item that is both seen and held out is removed from the ranking and so can't be hit.
        ks: list lengths to report.
        batch_size: users scored at a time.
        matched: adds `roc_auc` against these negatives; None for no ROC-AUC.

    Raises:
        ValueError: the scorer answered with the wrong shape or with NaN.
    """
    every = np.ones(held_out.num_items, dtype=np.bool_)
    return evaluate_groups(score_users, held_out, seen, [every], ks, batch_size, matched)[0]


def evaluate_groups(
    score_users: Scorer,
    held_out: Interactions,
    seen: Interactions | None,
    groups: Sequence[BoolArray],
    ks: Sequence[int] = (5, 10, 20),
    batch_size: int = 1024,
    matched: MatchedNegatives | None = None,
) -> list[RankingResult]:
    """`evaluate_ranking` of each group of items, as if only its items were held out; every user is scored once.

    Args:
        score_users: the model under test.
        held_out: the answers.
        seen: as in `evaluate_ranking`.
        groups: which items each is of, `[num_items]`; they may overlap, and a group may have no held-out item.
        ks: list lengths to report.
        batch_size: users scored at a time.
        matched: as in `evaluate_ranking`.

    Raises:
        ValueError: the scorer answered with the wrong shape or with NaN.
    """
    relevant = items_of_users(held_out)
    removed = None if seen is None else items_of_users(seen)
    users = np.flatnonzero(np.diff(relevant.offsets)).astype(np.int64)
    longest = min(max(ks), held_out.num_items)
    names = [f"{metric}@{k}" for k in ks for metric in METRICS]
    names += [] if matched is None else [ROC_AUC]
    per_user = [{name: np.zeros(len(users)) for name in names} for _ in groups]
    num_held_out = np.zeros((len(groups), len(users)), dtype=np.int64)
    top_items = np.full((len(users), longest), -1, dtype=np.int64)
    for start in range(0, len(users), batch_size):
        batch = users[start : start + batch_size]
        scores = _checked_scores(score_users(batch), (len(batch), held_out.num_items))
        if removed is not None:
            scores[removed.rows_and_targets(batch)] = -torch.inf
        here = slice(start, start + len(batch))
        values, top_items[here] = _top(scores, longest)
        rows, items = relevant.rows_and_targets(batch)
        auc = None if matched is None else matched.roc_auc(scores.numpy(), batch, rows, items)
        for group, counts, found in zip(groups, num_held_out, per_user, strict=True):
            mine = group[items]
            counts[here] = np.bincount(rows[mine], minlength=len(batch))
            num_relevant = np.maximum(counts[here], 1)
            tied = _tie_groups(scores, values, rows[mine], items[mine])
            for k in ks:
                for metric, column in _metrics_at(k, tied, num_relevant).items():
                    found[f"{metric}@{k}"][here] = column
            if auc is not None:
                found[ROC_AUC][here] = np.bincount(rows[mine], auc[mine], len(batch)) / num_relevant
    return [
        RankingResult(users[some], {name: column[some] for name, column in found.items()}, top_items[some])
        for some, found in zip(num_held_out > 0, per_user, strict=True)
    ]


def items_of_users(events: Interactions) -> DistinctPairs:
    """The distinct items of every user of the axis, those without events included."""
    return DistinctPairs.of(events.user_index, events.item_index, events.num_users, events.num_items)


@dataclass(frozen=True)
class _TieGroups:
    """For each group of equal scores that holds a held-out item, in order of (row, better scores first).

    `above` items score strictly better, `size` items share the score, `hits` of them are held out; all `[num_groups]`.
    """

    row: IntArray
    above: IntArray
    size: IntArray
    hits: IntArray


def _checked_scores(scores: FloatArray, shape: tuple[int, int]) -> torch.Tensor:
    """A private float copy of the scores, free of NaN and of the shape that was asked for."""
    if scores.shape != shape:
        raise ValueError(f"the scorer answered with shape {scores.shape} where {shape} was asked for")
    tensor = torch.tensor(scores)
    if bool(torch.isnan(tensor).any()):
        raise ValueError("the scorer answered with NaN; a model must be finite before it is evaluated")
    return tensor


def _top(scores: torch.Tensor, k: int) -> tuple[DoubleArray, IntArray]:
    """The k best values and items of each row, equal scores by item position, item −1 for removed ones."""
    values, items = torch.topk(scores, k, dim=1)
    # topk orders equal scores as it likes and may split a tied group anywhere; only rows with a tie pay for the exact
    # order.
    tied = ((values[:, 1:] == values[:, :-1]).any(1) | ((scores == values[:, -1:]).sum(1) > 1)).nonzero().squeeze(1)
    if len(tied):
        ordered, order = torch.sort(scores[tied], dim=1, descending=True, stable=True)
        values[tied], items[tied] = ordered[:, :k], order[:, :k]
    items[values == -torch.inf] = -1
    return values.double().numpy(), items.numpy()


def _tie_groups(scores: torch.Tensor, top: DoubleArray, rows: IntArray, items: IntArray) -> _TieGroups:
    """The groups of equal scores that reach into the top k and hold one of these held-out items."""
    score = scores[torch.from_numpy(rows), torch.from_numpy(items)].double().numpy()
    reachable = (score >= top[rows, -1]) & np.isfinite(score)
    rows, score = rows[reachable], score[reachable]
    order = np.lexsort((-score, rows))
    rows, score = rows[order], score[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]) | (score[1:] != score[:-1])
    hits = np.diff(np.append(np.flatnonzero(first), len(rows)))
    rows, score = rows[first], score[first]
    above = (top[rows] > score[:, None]).sum(1)
    size = (top[rows] == score[:, None]).sum(1)
    last = score == top[rows, -1]  # only the last group can go on beyond the top k
    size[last] = (
        (scores[torch.from_numpy(rows[last])].double() == torch.from_numpy(score[last])[:, None]).sum(1).numpy()
    )
    return _TieGroups(rows, above, size, hits)


def _metrics_at(k: int, groups: _TieGroups, num_relevant: IntArray) -> dict[str, DoubleArray]:
    """The expectation of each metric over the order of equal scores, `[batch]` each."""
    discount = np.concatenate(
        [[0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))]
    )  # discount[n] = gain of n hits in front
    filled = np.clip(k - groups.above, 0, groups.size)  # of the first k, how many this group fills
    share = groups.hits / groups.size
    num_rows = len(num_relevant)
    recall = np.bincount(groups.row, filled * share, num_rows) / num_relevant
    reach = np.minimum(groups.above, k)
    gain = np.bincount(groups.row, (discount[reach + filled] - discount[reach]) * share, num_rows)
    hit_rate, mrr = np.zeros(num_rows), np.zeros(num_rows)
    leading = np.ones(len(groups.row), dtype=bool)
    leading[1:] = groups.row[1:] != groups.row[:-1]  # the first hit always falls into a user's best group
    for group in np.flatnonzero(leading):
        row = groups.row[group]
        hit_rate[row], mrr[row] = _first_hit(
            int(groups.above[group]), int(groups.size[group]), int(groups.hits[group]), k
        )
    return {"recall": recall, "ndcg": gain / discount[np.minimum(num_relevant, k)], "mrr": mrr, "hit_rate": hit_rate}


def _first_hit(above: int, size: int, hits: int, k: int) -> tuple[float, float]:
    """Chance that one of `hits` in `size` equal scores is in the first k, and the first one's mean reciprocal rank."""
    none_yet, chance, reciprocal = 1.0, 0.0, 0.0
    for passed in range(min(k - above, size - hits + 1)):
        here = none_yet * hits / (size - passed)
        chance, reciprocal = chance + here, reciprocal + here / (above + passed + 1)
        none_yet -= here
    return chance, reciprocal


def catalogue_coverage(top_items: IntArray, num_items: int) -> float:
    """Share of the catalogue that is in at least one list, in [0, 1]."""
    return len(np.unique(top_items[top_items >= 0])) / num_items


def exposure_gini(top_items: IntArray, num_items: int) -> float:
    """Gini coefficient of how often items are listed: 0 all alike, near 1 a few items fill every list."""
    exposure = np.sort(np.bincount(top_items[top_items >= 0], minlength=num_items))
    if exposure.sum() == 0:
        return 0.0
    ranks = np.arange(1, num_items + 1)
    return float((2 * ranks - num_items - 1) @ exposure / (num_items * exposure.sum()))


def novelty(top_items: IntArray, seen: Interactions) -> float:
    """Mean surprise −log2(share of users who know the item) of the listed items, in bits.

    Vargas and Castells, "Rank and Relevance in Novelty and Diversity Metrics for Recommender Systems", 2011. An item
    no user knows counts as known to one user.
    """
    known = np.maximum(np.bincount(items_of_users(seen).targets, minlength=seen.num_items), 1)
    listed = top_items[top_items >= 0]
    return float(-np.log2(known[listed] / seen.num_users).mean()) if len(listed) else 0.0


def intra_list_diversity(top_items: IntArray, item_vectors: FloatArray) -> float:
    """Mean of 1 − cosine over the pairs of a list, then over users, in [0, 2]; lists of one item don't count.

    Ziegler et al., "Improving Recommendation Lists Through Topic Diversification", 2005.
    """
    norms = np.linalg.norm(item_vectors, axis=1, keepdims=True)
    unit = item_vectors / np.maximum(norms, 1e-12)
    values = []
    for listed in top_items:
        vectors = unit[listed[listed >= 0]].astype(np.float64)
        if len(vectors) > 1:
            pairs = len(vectors) * (len(vectors) - 1)
            total = vectors.sum(0)
            values.append(1.0 - (total @ total - (vectors * vectors).sum()) / pairs)
    return float(np.mean(values)) if values else 0.0


def makers_a_list(top_items: IntArray, members: sp.csr_matrix) -> float:
    """Different makers of the items of a list, mean over lists.

    Args:
        top_items: items of each list, −1 where it has fewer, `[num_lists, list_length]`.
        members: nonzero where a maker made an item, `[num_items, num_makers]`.
    """
    rows, columns = np.nonzero(top_items >= 0)
    listed = sp.csr_matrix(
        (np.ones(len(rows)), (rows, top_items[rows, columns])), shape=(len(top_items), members.shape[0])
    )
    return float((listed @ members).getnnz(axis=1).mean()) if len(top_items) else 0.0


def popularity_calibration(top_items: IntArray, users: IntArray, seen: Interactions) -> float:
    """Mean Jensen-Shannon divergence, in [0, 1] bits, between the popularity a user chose and the popularity listed.

    Items fall into head, middle and tail, which carry 20, 60 and 20 per cent of the events. 0: lists as popular as
    tastes. Abdollahpouri et al., "User-centered Evaluation of Popularity Bias in Recommender Systems", 2021, arXiv
    2103.06364.
    """
    popularity = np.bincount(seen.item_index, minlength=seen.num_items)
    order = np.argsort(-popularity, kind="stable")
    before = np.cumsum(popularity[order]) - popularity[order]
    group = np.empty(seen.num_items, dtype=np.int64)
    group[order] = np.digitize(before / max(popularity.sum(), 1), [0.2, 0.8])
    chosen = _group_shares(seen.user_index, group[seen.item_index], seen.num_users)[users]
    rows, ranks = np.nonzero(top_items >= 0)
    listed = _group_shares(rows, group[top_items[rows, ranks]], len(users))
    known = (chosen.sum(1) > 0) & (listed.sum(1) > 0)
    if not known.any():
        return 0.0
    middle = (chosen + listed) / 2
    return float((_divergence(chosen, middle) + _divergence(listed, middle))[known].mean() / 2)


def _group_shares(rows: IntArray, groups: IntArray, num_rows: int) -> DoubleArray:
    """Share of each of the three popularity groups within each row, `[num_rows, 3]`."""
    counts = np.bincount(rows * 3 + groups, minlength=num_rows * 3).reshape(num_rows, 3).astype(np.float64)
    shares: DoubleArray = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return shares


def _divergence(share: DoubleArray, reference: DoubleArray) -> DoubleArray:
    """Kullback-Leibler divergence of each row in bits, `[num_rows]`."""
    ratio = np.where(share > 0, share / np.where(reference > 0, reference, 1.0), 1.0)
    divergence: DoubleArray = (share * np.log2(ratio)).sum(1)
    return divergence
