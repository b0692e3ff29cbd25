"""Baselines every model has to beat, in one shape: fit on training events, score the whole catalogue.

EASE, whose ridge is chosen on validation, has a module of its own, `ease.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import svds

from kindred.domain.errors import SettingsError, install_hint
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.evaluation.metrics import Scorer
from kindred.evaluation.rating import RatingPredictor


def user_item_matrix(train: Interactions) -> sp.csr_matrix:
    """Which user knows which item, 0 or 1, `[num_users, num_items]`."""
    ones = np.ones(len(train), dtype=np.float32)
    matrix = sp.csr_matrix((ones, (train.user_index, train.item_index)), shape=(train.num_users, train.num_items))
    matrix.data[:] = 1.0
    return matrix


def _dot_scorer(users: FloatArray, items: FloatArray) -> Scorer:
    """Scores as dot products of users `[num_users, dim]` and items `[num_items, dim]`."""
    return lambda rows: np.asarray(users[rows] @ items.T, dtype=np.float32)


def fit_random(train: Interactions, seed: int) -> Scorer:
    """Scores drawn anew for each user, the same for the same seed: the floor."""

    def score(users: IntArray) -> FloatArray:
        rows = [np.random.default_rng([seed, int(user)]).random(train.num_items, dtype=np.float32) for user in users]
        return np.stack(rows)

    return score


def fit_popularity(train: Interactions) -> Scorer:
    """How many events each item has, the same for every user."""
    counts = np.bincount(train.item_index, minlength=train.num_items).astype(np.float32)
    return lambda users: np.tile(counts, (len(users), 1))


def fit_item_knn(train: Interactions, neighbours: int = 100, shrinkage: float = 10.0) -> Scorer:
    """Sum of cosine similarities to the user's items, over each item's nearest neighbours.

    Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms", 2001; shrinkage tones down chance
    agreement.
    """
    matrix, similarity = user_item_matrix(train), item_knn_weights(train, neighbours, shrinkage)
    return lambda users: np.asarray((matrix[users] @ similarity).todense(), dtype=np.float32)


def item_knn_weights(train: Interactions, neighbours: int = 100, shrinkage: float = 10.0) -> sp.csr_matrix:
    """What a user's item adds to the score of each other: the map of `fit_item_knn`, `[num_items, num_items]`."""
    return _nearest(_cosine(user_item_matrix(train).T.tocsr(), shrinkage), neighbours).T.tocsr()


def fit_user_knn(train: Interactions, neighbours: int = 100, shrinkage: float = 10.0) -> Scorer:
    """Items of the users most alike, weighted by cosine.

    Resnick et al., "GroupLens: An Open Architecture for Collaborative Filtering of Netnews", 1994.
    """
    matrix = user_item_matrix(train)
    similarity = _nearest(_cosine(matrix, shrinkage), neighbours)
    return lambda users: np.asarray((similarity[users] @ matrix).todense(), dtype=np.float32)


def _cosine(rows: sp.csr_matrix, shrinkage: float) -> sp.csr_matrix:
    """Shrunken cosine between the rows of a 0/1 matrix without the diagonal, sparse."""
    together = (rows @ rows.T).tocoo()
    norms = np.sqrt(np.asarray(rows.sum(1)).ravel())
    values = together.data / (norms[together.row] * norms[together.col] + shrinkage)
    off = together.row != together.col
    return sp.csr_matrix((values[off], (together.row[off], together.col[off])), shape=together.shape, dtype=np.float32)


def _nearest(similarity: sp.csr_matrix, neighbours: int) -> sp.csr_matrix:
    """Each row with only its largest entries."""
    coo = similarity.tocoo()
    order = np.lexsort((coo.col, -coo.data, coo.row))
    starts = np.concatenate([[0], np.cumsum(np.bincount(coo.row, minlength=coo.shape[0]))])[:-1]
    place = np.arange(len(order)) - starts[coo.row[order]]
    kept = order[place < neighbours]
    return sp.csr_matrix((coo.data[kept], (coo.row[kept], coo.col[kept])), shape=coo.shape, dtype=np.float32)


ALS_CONFIDENCE = 10.0
"""How much more an event counts than its absence; at 1 no more, which fits the absences (gowalla: .1145 for .1655)."""


def fit_als(
    train: Interactions, seed: int, factors: int = 512, regularization: float = 50.0, iterations: int = 15
) -> Scorer:
    """Weighted matrix factorisation: scores are dot products of `als_factors`."""
    return _dot_scorer(*als_factors(train, seed, factors, regularization, iterations))


def als_factors(
    train: Interactions, seed: int, factors: int = 512, regularization: float = 50.0, iterations: int = 15
) -> tuple[FloatArray, FloatArray]:
    """Users and items by the `implicit` package, `[num_users, factors]` and `[num_items, factors]`.

    Run it with OPENBLAS_NUM_THREADS=1. Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback
    Datasets", 2008.

    Raises:
        SettingsError: the extra is not installed.
    """
    try:
        from implicit.als import AlternatingLeastSquares
    except ImportError as missing:
        raise SettingsError("the ALS baseline needs the package implicit", install_hint("als")) from missing
    model = AlternatingLeastSquares(
        factors=factors,
        regularization=regularization,
        alpha=ALS_CONFIDENCE,
        iterations=iterations,
        random_state=seed,
        num_threads=1,
    )
    model.fit(user_item_matrix(train), show_progress=False)
    return model.user_factors, model.item_factors


def fit_gf_cf(train: Interactions, rank: int = 256, alpha: float = 0.3) -> Scorer:
    """GF-CF: neighbours in the normalised graph plus an ideal low-pass filter.

    Shen et al., "How Powerful is Graph Convolution for Recommendation?", 2021, arXiv 2108.07567.
    """
    matrix = user_item_matrix(train)
    normalised, left, right = gf_cf_filter(train, rank)

    def score(users: IntArray) -> FloatArray:
        known = matrix[users]
        neighbours = (known @ normalised.T) @ normalised
        return np.asarray(neighbours.todense() + alpha * ((known @ left) @ right.T), dtype=np.float32)

    return score


def gf_cf_map(train: Interactions, rank: int = 256, alpha: float = 0.3) -> FloatArray:
    """What a user's item adds to the score of each item: the map of `fit_gf_cf`, `[num_items, num_items]`."""
    normalised, left, right = gf_cf_filter(train, rank)
    return np.asarray((normalised.T @ normalised).todense() + alpha * (left @ right.T), dtype=np.float32)


def gf_cf_filter(train: Interactions, rank: int) -> tuple[sp.csr_matrix, FloatArray, FloatArray]:
    """The normalised matrix `[num_users, num_items]` and the two sides of its low-pass filter, `[num_items, rank]`."""
    matrix = user_item_matrix(train)
    by_user = sp.diags(np.maximum(np.asarray(matrix.sum(1)).ravel(), 1.0) ** -0.5)
    item_degree = np.maximum(np.asarray(matrix.sum(0)).ravel(), 1.0).astype(np.float32)
    normalised = (by_user @ matrix @ sp.diags(item_degree**-0.5)).tocsr().astype(np.float32)
    rank = min(rank, min(matrix.shape) - 1)
    start = np.ones(min(matrix.shape), dtype=np.float32)
    vectors = svds(normalised, k=rank, v0=start, return_singular_vectors="vh")[2].T.astype(np.float32)
    return normalised, item_degree[:, None] ** -0.5 * vectors, item_degree[:, None] ** 0.5 * vectors


class Propagation(Protocol):
    """Anything that multiplies the users-by-items matrix and its transpose with dense columns, with gradients."""

    @property
    def transpose(self) -> Propagation: ...

    def __matmul__(self, x: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class LightGCNConfig:
    """Settings of the paper but for batches, which are larger because an epoch on CPU counts."""

    embedding_dim: int = 64
    layers: int = 3
    learning_rate: float = 0.005
    weight_decay: float = 1e-4
    batch_size: int = 8192
    epochs: int = 100


def fit_lightgcn(train: Interactions, graph: Propagation, config: LightGCNConfig, seed: int) -> Scorer:
    """LightGCN: scores are dot products of `lightgcn_factors`."""
    return _dot_scorer(*lightgcn_factors(train, graph, config, seed))


def lightgcn_factors(
    train: Interactions, graph: Propagation, config: LightGCNConfig, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Users and items of LightGCN with the BPR loss (He et al., 2020, arXiv 2002.02126), `[…, embedding_dim]` each.

    Args:
        train: the events to learn from.
        graph: the symmetrically normalised users-by-items matrix of `train`; handed in, since propagation belongs to
            another room.
        config: see there.
        seed: of initial embeddings, batches and negatives.
    """
    generator = torch.Generator().manual_seed(seed)
    users = torch.nn.Parameter(torch.randn(train.num_users, config.embedding_dim, generator=generator) * 0.1)
    items = torch.nn.Parameter(torch.randn(train.num_items, config.embedding_dim, generator=generator) * 0.1)
    optimizer = torch.optim.Adam([users, items], lr=config.learning_rate)
    user_index, item_index = torch.from_numpy(train.user_index), torch.from_numpy(train.item_index)
    for _ in range(config.epochs):
        for batch in torch.split(torch.randperm(len(train), generator=generator), config.batch_size):
            negative = torch.randint(train.num_items, (len(batch),), generator=generator)
            user_rows, item_rows = _light_convolution(users, items, graph, config.layers)
            u, i = user_index[batch], item_index[batch]
            margin = (user_rows[u] * (item_rows[i] - item_rows[negative])).sum(1)
            decay = (users[u] ** 2 + items[i] ** 2 + items[negative] ** 2).sum(1).mean() / 2
            loss = torch.nn.functional.softplus(-margin).mean() + config.weight_decay * decay
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        user_rows, item_rows = _light_convolution(users, items, graph, config.layers)
    return user_rows.numpy(), item_rows.numpy()


def _light_convolution(
    users: torch.Tensor, items: torch.Tensor, graph: Propagation, layers: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean over layers of the propagated embeddings, `[num_users, dim]` and `[num_items, dim]`."""
    user_sum, item_sum = users, items
    for _ in range(layers):
        users, items = graph @ items, graph.transpose @ users
        user_sum, item_sum = user_sum + users, item_sum + items
    return user_sum / (layers + 1), item_sum / (layers + 1)


def _ratings(train: Interactions) -> FloatArray:
    if train.rating is None or len(train) == 0:
        raise ValueError("a rating baseline needs training events with ratings")
    return train.rating


def fit_constant_rating(stars: float) -> RatingPredictor:
    """The same answer always; 5 where most people give five."""
    return lambda users, items: np.full(len(users), stars, dtype=np.float32)


def fit_mean_rating(train: Interactions) -> RatingPredictor:
    """The mean of the training ratings."""
    return fit_constant_rating(float(_ratings(train).mean()))


def fit_bias_rating(
    train: Interactions, user_ridge: float = 5.0, item_ridge: float = 5.0, iterations: int = 15
) -> RatingPredictor:
    """Mean + user's and item's deviation, shrunken towards 0, within 1 to 5 stars.

    Koren, Bell and Volinsky, "Matrix Factorization Techniques for Recommender Systems", 2009.
    """
    rating = _ratings(train).astype(np.float64)
    mean = float(rating.mean())
    user_bias, item_bias = np.zeros(train.num_users), np.zeros(train.num_items)
    user_count = np.bincount(train.user_index, minlength=train.num_users)
    item_count = np.bincount(train.item_index, minlength=train.num_items)
    for _ in range(iterations):  # alternating exact minimisation: each line solves its ridge problem given the other
        rest = rating - mean - user_bias[train.user_index]
        item_bias = np.bincount(train.item_index, rest, minlength=train.num_items) / (item_count + item_ridge)
        rest = rating - mean - item_bias[train.item_index]
        user_bias = np.bincount(train.user_index, rest, minlength=train.num_users) / (user_count + user_ridge)

    def predict(users: IntArray, items: IntArray) -> FloatArray:
        return np.clip(mean + user_bias[users] + item_bias[items], 1.0, 5.0).astype(np.float32)

    return predict
