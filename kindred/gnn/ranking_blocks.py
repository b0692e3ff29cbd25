"""The parts of the ranking core: linear maps from a feature of the user to a score of every item.

Each block is fitted in closed form. A small catalogue gets full item-to-item matrices, a large one the spectrum of its
item graph, which never needs a matrix of items by items, and one between them gets both: cut down to a small part of
their rank matrices fall behind the spectrum, which is made for its rank, but both together are ahead of either. A large
catalogue with few users has no more rank than users, so there EASE comes back, as factors found from the users' side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.linear_models import ease_factors, ease_weights, ridge_weights
from kindred.gnn.propagation import SparseMatrix, interaction_matrix
from kindred.gnn.spectral import item_spectrum
from kindred.gnn.user_features import (
    Feature,
    HistoryStatistics,
    build_user_features,
    sum_by_item,
    time_memberships,
)
from kindred.gnn.weighted_factors import FactorConfig, weighted_factors

MAX_PREFIX = 50
SPREAD_USERS = 500
FOLD_IN_RIDGE = 1e-3


@dataclass(frozen=True)
class SpectralFilter:
    """One way to normalise the item graph before its leading eigenvectors are taken.

    Attributes:
        exponent: how much long histories and popular items are toned down in it.
        diagonal: how much an item counts as going with itself, 0 to 1.
        rank: number of eigenvectors; what is more than the space holds is compressed later.
    """

    exponent: float
    diagonal: float
    rank: int = 512


@dataclass(frozen=True)
class BlockConfig:
    """How blocks are fitted; the same values for every data set.

    Attributes:
        max_dense: up to this many items, blocks are item-by-item matrices alone; from here on there is a spectrum. A
            larger catalogue with up to this many users gets EASE from their side.
        max_squared: up to this many items there are item-by-item matrices, of 400 MB each at 10,000 items.
        ease_ridge: ridge of EASE, in mean item counts.
        ease_rank: how many of the users' leading directions EASE has where it is found from the users' side.
        text_share: weight of text similarity beside co-occurrence in the Gram matrix of EASE with text.
        next_ridge: ridge of the next-item regression, in mean item counts.
        text_shrinkage: reviews at which an item's own text vector has half its weight.
        ordered_filters: the item graphs whose spectra are added up, each with the same say, where the order of events
            is known.
        unordered_filters: the same where it is not. Held-out events are then a random draw, which favours sharper
            filters than what comes next would; a smooth one, as published, keeps the balance.
        spectral_iterations: passes of subspace iteration.
        factors: how weighted factors are learned.
    """

    max_dense: int = 4_096
    max_squared: int = 10_000
    ease_ridge: float = 25.0
    ease_rank: int = 512
    text_share: float = 0.3
    next_ridge: float = 15.0
    text_shrinkage: float = 2.0
    ordered_filters: tuple[SpectralFilter, ...] = (SpectralFilter(0.3, 0.0),)
    unordered_filters: tuple[SpectralFilter, ...] = (SpectralFilter(0.5, 1.0), SpectralFilter(0.4, 0.0))
    spectral_iterations: int = 4
    factors: FactorConfig = field(default_factory=FactorConfig)


@dataclass(frozen=True)
class Block:
    """score = feature of the user @ left (@ rightᵀ).

    Attributes:
        name: what the block is.
        feature: which user feature it reads (see `build_user_features`).
        left: `[feature_dim, num_items]`, or `[feature_dim, rank]` where `right` is given.
        right: `[num_items, rank]` or None.
    """

    name: str
    feature: str
    left: FloatArray
    right: FloatArray | None = None

    def scores(self, rows: Feature) -> FloatArray:
        """Scores of the users with these feature rows, `[num_rows, num_items]`."""
        projected = np.asarray(rows @ self.left, dtype=np.float32)
        result: FloatArray = projected if self.right is None else projected @ self.right.T
        return result


def build_blocks(
    train: Interactions,
    text: tuple[FloatArray | None, FloatArray | None],
    statistics: HistoryStatistics,
    config: BlockConfig,
    seed: int,
) -> list[Block]:
    """Every block the data allows: without text no text blocks, without times no time blocks.

    Args:
        train: the events to learn from.
        text: (vector of each event's text `[num_events, dim]`, vector of each item's own text `[num_items, dim]`),
            either None.
        statistics: of `train`.
        config: see there.
        seed: of the spectrum's random start.
    """
    event_text, item_text = text
    kernels = {}
    if event_text is not None:
        kernels["reviews"] = review_vectors(train, event_text, statistics.text_mean, config.text_shrinkage)
    if item_text is not None:
        kernels["description"] = unit_rows(item_text - item_text.mean(0))
    blocks: list[Block] = []
    if train.num_items <= config.max_squared:
        blocks += _dense_blocks(train, kernels, statistics, config)
    elif len(np.unique(train.user_index)) <= config.max_dense:
        blocks += _few_user_blocks(train, config)
    if train.num_items > config.max_dense:
        blocks += _spectral_blocks(train, statistics, config, seed)
    blocks += _factor_blocks(train, statistics, config, seed)
    for name, vectors in kernels.items():
        blocks.append(Block(f"{name} alike", "items", vectors, vectors))
    if "reviews" in kernels:
        blocks.append(Block("own words", "text", np.ascontiguousarray(kernels["reviews"].T)))
    blocks.append(Block("popularity", "constant", np.log1p(_counts(train))[None, :].astype(np.float32)))
    if len(statistics.time_knots):
        rates = _period_rates(train, statistics)
        blocks += [Block("period", "time", rates), Block("latest period", "recent_time", rates)]
    return blocks


def _counts(train: Interactions) -> NDArray[np.float64]:
    """Events of each item, `[num_items]`."""
    counts: NDArray[np.float64] = np.bincount(train.item_index, minlength=train.num_items).astype(np.float64)
    return counts


def unit_rows(vectors: FloatArray) -> FloatArray:
    """Rows scaled to length 1; zero rows stay zero."""
    unit: FloatArray = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit


def _matrix(train: Interactions) -> sp.csr_matrix:
    """Which user knows which item, 0 or 1, `[num_users, num_items]`."""
    ones = np.ones(len(train), dtype=np.float32)
    matrix = sp.csr_matrix((ones, (train.user_index, train.item_index)), shape=(train.num_users, train.num_items))
    matrix.data[:] = 1.0
    return matrix


def review_vectors(train: Interactions, event_text: FloatArray, mean: FloatArray, shrinkage: float) -> FloatArray:
    """Direction of each item's reviews from the mean, shorter than 1 where they are few, `[num_items, text_dim]`."""
    has_text = (event_text != 0).any(axis=1, keepdims=True)
    total = sum_by_item(train, np.where(has_text, event_text - mean, 0).astype(np.float32))
    counts = sum_by_item(train, has_text.astype(np.float32))
    return unit_rows(total) * np.sqrt(counts / (counts + shrinkage))


def _dense_blocks(
    train: Interactions, kernels: dict[str, FloatArray], statistics: HistoryStatistics, config: BlockConfig
) -> list[Block]:
    """EASE on even and on recent history, cosine neighbours, next-item regression, EASE with text."""
    # what takes the most memory comes before there is anything to keep
    following = None if train.at is None else _next_item_weights(train, statistics, config.next_ridge)
    matrix = _matrix(train)
    gram = np.asarray((matrix.T @ matrix).todense(), dtype=np.float32)
    mean_count = max(float(np.diag(gram).mean()), 1e-9)
    ease = ease_weights(gram, config.ease_ridge * mean_count)
    blocks = [Block("ease", "items", ease)]
    if following is not None:
        blocks += [Block("recent ease", "recent_items", ease), Block("next item", "recent_items", following)]
    for name, vectors in kernels.items():
        mixed = gram / mean_count + config.text_share * (vectors @ vectors.T)
        blocks.append(Block(f"ease with {name}", "items", ease_weights(mixed, config.ease_ridge)))
    scale = np.maximum(np.diag(gram), 1.0) ** -0.5
    gram *= scale[:, None]
    gram *= scale[None, :]
    np.fill_diagonal(gram, 0.0)
    blocks.append(Block("cosine neighbours", "items", gram))
    return blocks


def _next_item_weights(train: Interactions, statistics: HistoryStatistics, ridge: float) -> FloatArray:
    """Regression of each event's item on its user's earlier items, the latest heaviest, `[num_items, num_items]`.

    Choi et al., "Session-aware Linear Item-Item Models for Session-based Recommendation" (SLIT), 2021, arXiv
    2103.16104.
    """
    past, following = _prefixes(train, statistics)
    gram = np.asarray((past.T @ past).todense(), dtype=np.float32)
    cross = np.asarray((past.T @ following).todense(), dtype=np.float32)
    mean = max(float(np.diag(gram).mean()), 1e-9)
    weights = ridge_weights(gram, cross, ridge * mean)
    np.fill_diagonal(weights, 0.0)
    return weights


def _prefixes(train: Interactions, statistics: HistoryStatistics) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """For each event the weighted earlier items of its user, and the item itself, `[num_events, num_items]` both."""
    if train.at is None:
        raise ValueError("the next item needs the order of events")
    order = np.lexsort((np.arange(len(train)), train.at, train.user_index))
    users, items = train.user_index[order], train.item_index[order]
    rows, columns, weights = [], [], []
    for back in range(1, min(MAX_PREFIX, len(train))):
        later: IntArray = np.flatnonzero(users[back:] == users[:-back]) + back
        if not len(later):
            break
        rows.append(later)
        columns.append(items[later - back])
        weights.append(np.full(len(later), statistics.recency_decay ** (back - 1), dtype=np.float32))
    shape = (len(train), train.num_items)
    if not rows:
        return sp.csr_matrix(shape, dtype=np.float32), sp.csr_matrix(shape, dtype=np.float32)
    past = sp.csr_matrix((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    total = np.asarray(past.sum(1)).ravel()
    past = sp.diags(np.where(total > 0, np.maximum(total, 1e-9) ** -statistics.history_exponent, 0)) @ past
    ones = np.ones(len(train), dtype=np.float32)
    following = sp.csr_matrix((ones, (np.arange(len(train)), items)), shape=shape)
    return past.tocsr(), following


def _spectral_blocks(train: Interactions, statistics: HistoryStatistics, config: BlockConfig, seed: int) -> list[Block]:
    """Blocks in the basis of the item graph's leading eigenvectors: on even and recent history, and on what comes next.

    All blocks share one right side, so together they need no more dimensions than one.
    """
    left, right = _filtered_spectra(train, config, seed)
    degree = np.maximum(_counts(train), 1.0).astype(np.float32)[:, None]
    blocks = [Block("spectrum", "items", left, right)]
    if train.at is not None:
        blocks.append(Block("recent spectrum", "recent_items", left, right))
        past, following = _prefixes(train, statistics)
        mean_next = np.asarray(past.T @ (following @ left), dtype=np.float32) * degree**-0.5
        blocks.append(Block("next in spectrum", "recent_items", mean_next, right))
    return blocks


def _few_user_blocks(train: Interactions, config: BlockConfig) -> list[Block]:
    """EASE in the leading directions of the users, on even and, where the order is known, on recent history."""
    matrix = _matrix(train)[np.unique(train.user_index)]
    ridge = config.ease_ridge * matrix.nnz / train.num_items
    left, right = ease_factors((matrix @ matrix.T).toarray(), lambda x: matrix.T @ x, ridge, config.ease_rank)
    blocks = [Block("ease", "items", left, right)]
    if train.at is not None:
        blocks.append(Block("recent ease", "recent_items", left, right))
    return blocks


def _factor_blocks(train: Interactions, statistics: HistoryStatistics, config: BlockConfig, seed: int) -> list[Block]:
    """Weighted factors, a user's row as the sum over history that comes nearest to it, even and recent."""
    known = _matrix(train).tocoo()
    ends = torch.from_numpy(known.row.astype(np.int64)), torch.from_numpy(known.col.astype(np.int64))
    matrix = SparseMatrix.of(*ends, torch.ones(known.nnz), known.shape)
    users, items = (side.numpy() for side in weighted_factors(matrix, config.factors, seed))
    sums = np.asarray(build_user_features(train, None, statistics)["items"] @ items)
    gram = sums.T @ sums
    left = items @ ridge_weights(gram, sums.T @ users, FOLD_IN_RIDGE * float(gram.trace()) / len(gram))
    blocks = [Block("factors", "items", left, items)]
    if train.at is not None:
        blocks.append(Block("recent factors", "recent_items", left, items))
    return blocks


def _filtered_spectra(train: Interactions, config: BlockConfig, seed: int) -> tuple[FloatArray, FloatArray]:
    """Both sides of the sum of all filters, `[num_items, rank]` each, every filter's scores spread alike.

    Popularity, taken out by the exponent, returns in the norm of the items.
    """
    degree = np.maximum(_counts(train), 1.0).astype(np.float32)[:, None]
    users = np.random.default_rng(seed).permutation(np.unique(train.user_index))[:SPREAD_USERS]
    histories = _matrix(train)[users]
    lefts, rights = [], []
    for shape in config.unordered_filters if train.at is None else config.ordered_filters:
        matrix = interaction_matrix(train, shape.exponent, shape.exponent)
        _, found = item_spectrum(matrix, shape.rank, seed, config.spectral_iterations, shape.diagonal)
        vectors = found.numpy()
        left, right = vectors * degree**-shape.exponent, vectors * degree**shape.exponent
        scores = np.asarray(histories @ left, dtype=np.float32) @ right.T
        lefts.append(left / np.float32(score_spread(scores)))
        rights.append(right)
    return np.concatenate(lefts, axis=1), np.concatenate(rights, axis=1)


def score_spread(scores: FloatArray) -> float:
    """Standard deviation of the scores within users; 1 where all are alike."""
    deviation = float(np.sqrt(scores.var(axis=1, dtype=np.float64).mean()))
    return deviation if deviation > 1e-12 else 1.0


def _period_rates(train: Interactions, statistics: HistoryStatistics) -> FloatArray:
    """Log of how much more often than on average each item was chosen in each period, `[time_bins, num_items]`."""
    in_period = sum_by_item(train, time_memberships(train, statistics))
    expected = in_period.sum(1, keepdims=True) / statistics.time_bins
    rates = np.log((in_period + 0.5 * expected + 0.1) / (1.5 * expected + 0.1))
    return np.ascontiguousarray(rates.T, dtype=np.float32)
