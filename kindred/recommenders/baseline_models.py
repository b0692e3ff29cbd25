"""Baselines as models to publish: their scores as dot products of a user's row and an item's.

EASE, item neighbours and GF-CF add up one row an item that the user knows, popularity knows no user: such a model is a
linear ensemble with a single scorer and no learned part, exact where the catalogue has no more items than the space has
dimensions, else reduced to the users' leading directions. ALS and LightGCN are factors from the start; a user who came
after training gets the sum of their items' rows through the linear map that comes nearest to the rows of known users.

Neighbours among users are left out: whose neighbour a user is, is no sum over the user's own events, so no vector
search can answer it.

EASE's ridge is chosen on events held out of the known ones; every other setting is fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from kindred.domain.embeddings import Vectors
from kindred.domain.errors import SettingsError
from kindred.domain.interactions import FloatArray, Interactions
from kindred.evaluation.splits import Split, validation_split
from kindred.linear.algebra.ridge import nearest_map
from kindred.linear.baselines.als import als_factors
from kindred.linear.baselines.gf_cf import gf_cf_map
from kindred.linear.baselines.lightgcn import config_for, lightgcn_factors
from kindred.linear.baselines.neighbours import item_knn_weights
from kindred.linear.ensemble.compression import compress
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.ensemble.scorer_sum import ScorerSum
from kindred.linear.inputs.user_features import HistoryStatistics, build_user_features
from kindred.linear.scorers.scorer import LinearScorer
from kindred.recommenders.baselines import ease_map_on
from kindred.recommenders.model import ANONYMOUS, BaselineName, encode_plain, first_of_each_pair, with_anonymous

MAX_ITEMS = 20_000
"""Above this a matrix of items by items needs more memory than a laptop has."""

_ITEM_MAPS: Mapping[str, Callable[[Split], FloatArray]] = {
    "ease": ease_map_on,
    "itemknn": lambda split: np.asarray(item_knn_weights(split.known_events).todense(), dtype=np.float32),
    "gf-cf": lambda split: gf_cf_map(split.known_events),
}


def fit_baseline(
    train: Interactions, name: BaselineName, width: int, seed: int, *, temporal: bool = True
) -> tuple[LinearEnsemble, Vectors]:
    """The baseline as a linear ensemble, and its users' rows, `[num_users, width]`, in at most `width` dimensions.

    Args:
        train: the events to learn from; a setting that is chosen is chosen on some of them.
        name: which baseline.
        width: most dimensions of its space.
        seed: of random starts and random folds.
        temporal: whether it is for the time after these events; it then chooses on each user's last one, if they have
            times. Otherwise on a random fifth.

    Raises:
        SettingsError: the catalogue is too large for a matrix of items by items, or the model's package is missing.
    """
    if name in _ITEM_MAPS and train.num_items > MAX_ITEMS:
        raise SettingsError(
            f"{name} needs a matrix of {train.num_items:,} × {train.num_items:,} items, more than {MAX_ITEMS:,} a side",
            "train als, lightgcn or popularity, or `kindred train-gnn`",
        )
    statistics = _statistics(train.num_items)
    if name in ("als", "lightgcn"):
        users, items = _factors(train, name, width, seed)
        sources = {"items": _fold_in(train, users, items)}
    else:
        features = build_user_features(first_of_each_pair(train), None, statistics)
        split = validation_split(train, seed, temporal=temporal and train.at is not None)
        sources, items = compress(ScorerSum([(_scorer(split, name), 1.0)]), features, width, seed)
    counts = np.bincount(train.item_index, minlength=train.num_items).astype(np.float32)
    sources[ANONYMOUS] = nearest_map(items, counts[:, None]).T
    ensemble = LinearEnsemble(statistics, sources, items, {name: 1.0})
    if name in ("als", "lightgcn"):
        return ensemble, with_anonymous(ensemble, train, users)
    return ensemble, encode_plain(ensemble, train)


def _statistics(num_items: int) -> HistoryStatistics:
    """Histories as plain sums: no event counts more than another, and long histories are not toned down."""
    return HistoryStatistics(
        num_items=num_items,
        history_exponent=0.0,
        recency_decay=1.0,
        text_mean=np.zeros(0, dtype=np.float32),
        time_knots=np.zeros(0),
        time_bins=1,
        time_bandwidth=1.0,
    )


def _scorer(split: Split, name: BaselineName) -> LinearScorer:
    if name == "popularity":
        known = split.known_events
        counts = np.bincount(known.item_index, minlength=known.num_items).astype(np.float32)
        return LinearScorer(name, "constant", counts[None, :])
    return LinearScorer(name, "items", _ITEM_MAPS[name](split))


def _factors(train: Interactions, name: BaselineName, width: int, seed: int) -> tuple[FloatArray, FloatArray]:
    if name == "als":
        return als_factors(train, seed, factors=width)
    return lightgcn_factors(train, config_for(len(train), min(64, width)), seed)


def _fold_in(train: Interactions, users: FloatArray, items: FloatArray) -> FloatArray:
    """What each item adds to the row of somebody who came after training, `[num_items, width]`."""
    matrix = build_user_features(first_of_each_pair(train), None, _statistics(train.num_items))["items"]
    added: FloatArray = items @ nearest_map(np.asarray(matrix @ items), users)
    return added
