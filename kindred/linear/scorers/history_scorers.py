"""Linear scorers that read which items a user knows, in what order: matrices, spectra and factors in closed form.

A small catalogue gets full item-to-item matrices, a large one the spectrum of its item graph, which never needs a
matrix of items by items, and one between them gets both: reduced to a small part of their rank matrices fall behind
the spectrum, which is made for its rank, but both together are ahead of either. A large catalogue with few users has no
more rank than users, so there EASE comes back, as factors found from the users' side. Weighted factors stand beside all
of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from kindred.domain.distinct import distinct
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.linear.algebra.propagation import SparseMatrix, interaction_matrix
from kindred.linear.algebra.ridge import (
    ease_factors,
    ease_of_precision,
    nearest_map,
    precision_with_kernel,
    ridge_precision,
    ridge_precision_of_few,
    ridge_weights,
)
from kindred.linear.algebra.spectral import item_spectrum
from kindred.linear.inputs.known_items import co_occurrence, item_counts, known_items, relative_confidence
from kindred.linear.inputs.user_features import LAST, LATEST, HistoryStatistics, build_user_features
from kindred.linear.scorers.availability import FitContext
from kindred.linear.scorers.scorer import LinearScorer, score_spread
from kindred.linear.scorers.scorer_config import ScorerConfig
from kindred.linear.scorers.weighted_factors import weighted_factors

MAX_PREFIX, FAINTEST = 50, 1e-5
"""Earlier items of an event that are read at the most, and the weight below which one is not."""
EVENTS_A_PART = 250_000
"""Events whose earlier items are held together, but for a user who has more."""
SPREAD_USERS = 500
Prefixes = tuple[sp.csr_matrix, sp.csr_matrix]
"""For each event the weighted earlier items of its user, and the item itself, `[num_events, num_items]` both."""


def history_scorers(train: Interactions, kernels: dict[str, FloatArray], context: FitContext) -> list[LinearScorer]:
    """Every such scorer that the size of the data allows.

    Args:
        train: the events to learn from.
        kernels: text vectors of the items by name, `[num_items, text_dim]`; those that EASE is mixed with.
        context: see there.
    """
    available, config = context.available, context.config
    scorers: list[LinearScorer] = []
    if available.item_matrices:
        # in a spectrum the same regression takes a hundredth of the time
        regressed = available.order and not available.spectrum
        following = _next_item_weights(train, context.statistics, config.next_ridge) if regressed else None
        scorers += _matrix_scorers(train, kernels, following, config)
    if available.ease_rank:
        scorers += _few_user_scorers(train, config.ease_ridge, available.ease_rank)
    if available.spectrum:
        scorers += _spectral_scorers(train, context)
    return scorers + _factor_scorers(train, context)


def _matrix_scorers(
    train: Interactions, kernels: dict[str, FloatArray], following: FloatArray | None, config: ScorerConfig
) -> list[LinearScorer]:
    """EASE on even and on late history, cosine neighbours, next-item regression, EASE with text."""
    known, unit = known_items(train), mean_count(train)
    gram, ridge = co_occurrence(known), config.ease_ridge * unit
    are_few = 2 * train.num_users < train.num_items
    precision = ridge_precision_of_few(known, ridge) if are_few else ridge_precision(gram, ridge)
    mixed = {
        f"ease with {name}": ease_of_precision(precision_with_kernel(precision, vectors, config.text_share * unit))
        for name, vectors in kernels.items()
    }
    ease = ease_of_precision(precision)
    scorers = [LinearScorer("ease", "items", ease)]
    if train.at is not None:
        scorers += of_late("ease", ease)
    if following is not None:
        scorers += of_late("next item", following)
    scorers += [LinearScorer(name, "items", weights) for name, weights in mixed.items()]
    scale = np.maximum(np.diag(gram), 1.0) ** -0.5
    gram *= scale[:, None]
    gram *= scale[None, :]
    np.fill_diagonal(gram, 0.0)
    scorers.append(LinearScorer("cosine neighbours", "items", gram))
    return scorers


def _next_item_weights(train: Interactions, statistics: HistoryStatistics, ridge: float) -> FloatArray:
    """Regression of each event's item on its user's earlier items, the latest heaviest, `[num_items, num_items]`.

    Choi et al., "Session-aware Linear Item-Item Models for Session-based Recommendation" (SLIT), 2021, arXiv
    2103.16104.
    """
    shape = (train.num_items, train.num_items)
    gram, cross = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for past, following in _prefixes(train, statistics):
        gram += np.asarray((past.T @ past).todense(), dtype=np.float32)
        cross += np.asarray((past.T @ following).todense(), dtype=np.float32)
    mean = max(float(np.diag(gram).mean()), 1e-9)
    weights = ridge_weights(gram, cross, ridge * mean)
    np.fill_diagonal(weights, 0.0)
    return weights


def _prefixes(train: Interactions, statistics: HistoryStatistics, power: int = 1) -> Iterator[Prefixes]:
    """Those of all events, which have times, in their order, some users at a time: all at once can be fifty per event.

    Args:
        train: the events.
        statistics: how recency fades.
        power: of its decay that it fades by.
    """
    assert train.at is not None
    order = np.lexsort((np.arange(len(train)), train.at, train.user_index))
    users, items = train.user_index[order], train.item_index[order]
    begins = np.flatnonzero(np.diff(users, prepend=-1, append=-1))
    start = 0
    while start < len(users):
        last = np.searchsorted(begins, start + EVENTS_A_PART, side="right") - 1
        end = int(max(begins[last], begins[np.searchsorted(begins, start, side="right")]))  # one user at least
        yield _prefixes_of(users[start:end], items[start:end], train.num_items, statistics, power)
        start = end


def _prefixes_of(
    users: IntArray, items: IntArray, num_items: int, statistics: HistoryStatistics, power: int
) -> Prefixes:
    """The same of the events of some users, in their order."""
    decay = statistics.recency_decay**power
    rows, columns, weights = [], [], []
    for back in range(1, min(MAX_PREFIX, len(users))):
        later: IntArray = np.flatnonzero(users[back:] == users[:-back]) + back
        if not len(later) or decay ** (back - 1) < FAINTEST:
            break
        rows.append(later)
        columns.append(items[later - back])
        weights.append(np.full(len(later), decay ** (back - 1), dtype=np.float32))
    shape = (len(users), num_items)
    if not rows:
        return sp.csr_matrix(shape, dtype=np.float32), sp.csr_matrix(shape, dtype=np.float32)
    past = sp.csr_matrix((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    total = np.asarray(past.sum(1)).ravel()
    past = sp.diags(np.where(total > 0, np.maximum(total, 1e-9) ** -statistics.history_exponent, 0)) @ past
    ones = np.ones(len(users), dtype=np.float32)
    following = sp.csr_matrix((ones, (np.arange(len(users)), items)), shape=shape)
    return past.tocsr(), following


def _spectral_scorers(train: Interactions, context: FitContext) -> list[LinearScorer]:
    """Scorers in the basis of the item graph's leading eigenvectors: of even and late history, and what comes next.

    All share one right side, so together they need no more dimensions than one. Where catalogues are so large, what
    follows the last event alone tells more than it does in small ones.
    """
    left, right = _filtered_spectra(train, context.config, context.seed)
    scorers = [LinearScorer("spectrum", "items", left, right)]
    if context.available.order:
        scorers += of_late("spectrum", left, right)
        scorers.append(LinearScorer("last spectrum", "last_items", left, right))
        for of, power in (("recent", 1), ("latest", LATEST), ("last", LAST)):
            following = _mean_next(train, left, context.statistics, power)
            scorers.append(LinearScorer(f"{of} next item in spectrum", f"{of}_items", following, right))
    return scorers


def _mean_next(train: Interactions, rows: FloatArray, statistics: HistoryStatistics, power: int) -> FloatArray:
    """Mean row of what came after each item, soon above all, shorter where it is rare, `[num_items, rank]`.

    Args:
        power: how soon: recency fades by this power of its decay.
    """
    degree = np.maximum(item_counts(train), 1.0).astype(np.float32)[:, None]
    # items by items first: what follows each event, in the spectrum, would be the largest matrix of the whole fit
    parts = ((past.T @ following).tocsr() for past, following in _prefixes(train, statistics, power))
    total: FloatArray = np.asarray(sum(parts, start=next(parts)) @ rows, dtype=np.float32)
    return total * degree**-0.5


def _filtered_spectra(train: Interactions, config: ScorerConfig, seed: int) -> tuple[FloatArray, FloatArray]:
    """Both sides of the sum of all filters, `[num_items, rank]` each, every filter's scores spread alike.

    Popularity, taken out by the exponent, returns in the norm of the items.
    """
    degree = np.maximum(item_counts(train), 1.0).astype(np.float32)[:, None]
    users = np.random.default_rng(seed).permutation(distinct(train.user_index))[:SPREAD_USERS]
    known = known_items(train)
    histories = known[users]
    lefts, rights = [], []
    for shape in config.unordered_filters if train.at is None else config.ordered_filters:
        matrix = interaction_matrix(train, shape.exponent, shape.exponent)
        rank = shape.rank * (2 if known.nnz >= shape.large else 1)
        _, found = item_spectrum(matrix, rank, seed, config.spectral_iterations, shape.diagonal)
        vectors = found.numpy()
        left, right = vectors * degree**-shape.exponent, vectors * degree**shape.exponent
        scores = np.asarray(histories @ left, dtype=np.float32) @ right.T
        lefts.append(left / np.float32(score_spread(scores) or 1.0))
        rights.append(right)
    return np.concatenate(lefts, axis=1), np.concatenate(rights, axis=1)


def _few_user_scorers(train: Interactions, ease_ridge: float, rank: int) -> list[LinearScorer]:
    """EASE in so many directions of the users, on even and, where the order is known, on late history."""
    matrix = known_items(train)[distinct(train.user_index)]
    ridge = ease_ridge * matrix.nnz / train.num_items
    left, right = ease_factors((matrix @ matrix.T).toarray(), lambda x: matrix.T @ x, ridge, rank)
    scorers = [LinearScorer("ease", "items", left, right)]
    if train.at is not None:
        scorers += of_late("ease", left, right)
    return scorers


def of_late(name: str, left: FloatArray, right: FloatArray | None = None) -> list[LinearScorer]:
    """The scorer of that name on recent history and on the latest, which fades faster: validation mixes the two."""
    return [
        LinearScorer(f"recent {name}", "recent_items", left, right),
        LinearScorer(f"latest {name}", "latest_items", left, right),
    ]


def mean_count(train: Interactions) -> float:
    """Mean number of users who know an item, the unit of ridges; above 0."""
    return max(float(known_items(train).nnz) / train.num_items, 1e-9)


def _factor_scorers(train: Interactions, context: FitContext) -> list[LinearScorer]:
    """Weighted factors, a user's row as the sum over history that comes nearest to it, even and late."""
    matrix = SparseMatrix.of_scipy(relative_confidence(train))
    users, items = (side.numpy() for side in weighted_factors(matrix, context.config.factors, context.seed))
    sums = np.asarray(build_user_features(train, None, context.statistics)["items"] @ items)
    left = items @ nearest_map(sums, users)
    scorers = [LinearScorer("factors", "items", left, items)]
    if train.at is not None:
        scorers += of_late("factors", left, items)
    return scorers
