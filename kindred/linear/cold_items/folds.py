"""Known items taken out of all histories, a part at a time, so that they can stand for new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from kindred.domain.distinct import distinct
from kindred.domain.groups import place_in
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.linear.algebra.ridge import ridge_weights
from kindred.linear.cold_items.rows import EVENT_COUNTS, ColdItemConfig, FirstEvents

EncodeEvents = Callable[[IntArray], FloatArray]
"""Rows of training events -> the row of every user from these events alone, `[num_users, width]`."""

LIST = 10
NEVER = -1e9


@dataclass(frozen=True)
class UserLists:
    """The sampled users, and what stands in their lists without the hidden items.

    Attributes:
        users: their rows, `[num_sampled, width]`.
        best: the scores of each user's ten best known items that the user does not have, the least first,
            `[num_sampled, 10]`.
        mean_user: mean row of all users, from what is left of their histories, `[width]`.
    """

    users: FloatArray
    best: FloatArray
    mean_user: FloatArray


@dataclass(frozen=True)
class HiddenItems:
    """One fold: a part of the items, out of all histories.

    Attributes:
        items: the hidden ones that teach, `[num_hidden]`.
        first: who chose each hidden item first, for each of `EVENT_COUNTS`.
        knows: which sampled user is one of them, `[num_sampled, num_hidden]` each.
        lists: where the hidden items are to stand.
    """

    items: IntArray
    first: tuple[FirstEvents, ...]
    knows: tuple[sp.csr_matrix, ...]
    lists: UserLists


@dataclass(frozen=True)
class FoldLesson:
    """What all folds together say of the known items.

    Attributes:
        folds: one by one.
        gram: of the users' rows, mean over folds, `[width, width]`.
        choosers: sum of the rows of each item's choosers from its own fold, of the items that teach,
            `[num_taught, width]`.
        constant: the direction in which all users are 1, `[width]`.
        mean_user: mean row of all users, `[width]`.
    """

    folds: tuple[HiddenItems, ...]
    gram: FloatArray
    choosers: FloatArray
    constant: FloatArray
    mean_user: FloatArray


def learn_from_folds(
    train: Interactions, items: FloatArray, taught: IntArray, encode: EncodeEvents, config: ColdItemConfig
) -> FoldLesson:
    """Hides each part of the items in its turn and encodes all users without it.

    Args:
        train: the training events.
        items: rows of the items, `[num_items, width]`.
        taught: the items that teach, ascending; nothing is kept of the choosers of others.
        encode: rows of the users of `train`.
        config: see there.
    """
    rng = np.random.default_rng(config.seed)
    fold_of = rng.permutation(train.num_items) % config.folds
    active = distinct(train.user_index)
    most = max(1, min(config.max_users, config.max_scores // train.num_items))
    sample = np.sort(rng.permutation(active)[:most])
    whole, anonymous = encode(np.arange(len(train))), encode(np.zeros(0, dtype=np.int64))[0]
    folds, gram = [], np.zeros(2 * items.shape[1:], dtype=np.float32)
    choosers = np.zeros((len(taught), items.shape[1]), dtype=np.float32)
    for number in range(config.folds):
        hidden = fold_of == number
        left = ~hidden[train.item_index]
        rows, chosen = encode(np.flatnonzero(left)), train.take(~left)
        choosers += _sums_of_choosers(chosen, rows, taught)
        of_active = rows[active]
        gram += of_active.T @ of_active / config.folds
        users = _as_long(rows[sample], whole[sample], anonymous)
        best = _best_known(users, items, _pairs(train.take(left), sample), hidden)
        lists = UserLists(users, best, of_active.mean(axis=0))
        folds.append(_hide(taught[hidden[taught]], rows, chosen, sample, lists))
    of_active = whole[active]
    return FoldLesson(tuple(folds), gram, choosers, _constant(of_active, anonymous), of_active.mean(axis=0))


def _hide(hidden: IntArray, rows: FloatArray, chosen: Interactions, sample: IntArray, lists: UserLists) -> HiddenItems:
    """The fold of these items.

    Args:
        hidden: the items.
        rows: of all users without them, `[num_users, width]`.
        chosen: the events on them.
        sample: users whose lists are looked at.
        lists: these.
    """
    place = place_in_item(chosen)
    events = [chosen.take(place < most) for most in EVENT_COUNTS]
    first = []
    for told in events:
        counts = np.bincount(told.item_index, minlength=told.num_items)
        first.append(FirstEvents(_sums_of_choosers(told, rows, hidden), counts[hidden]))
    knows = tuple(_pairs(told, sample)[:, hidden] for told in events)
    return HiddenItems(hidden, tuple(first), knows, lists)


def _as_long(rows: FloatArray, whole: FloatArray, anonymous: FloatArray) -> FloatArray:
    """The rows from a part of each history, as far from the anonymous user as those from the whole history are.

    Hidden items shorten histories, and the longer a history the louder it speaks for items of either kind.
    """
    length, wanted = (np.linalg.norm(part - anonymous, axis=1, keepdims=True) for part in (rows, whole))
    factor = np.where(length > 0, wanted / np.maximum(length, 1e-9), 1.0).clip(1.0, 2.0)
    scaled: FloatArray = (anonymous + factor * (rows - anonymous)).astype(np.float32)
    return scaled


def _best_known(users: FloatArray, items: FloatArray, known: sp.csr_matrix, hidden: np.ndarray) -> FloatArray:
    """Scores of each user's best items that are not known to the user and not hidden, the least first."""
    scores = users @ items.T
    scores[:, hidden] = NEVER
    scores[known.nonzero()] = NEVER
    best: FloatArray = np.sort(np.partition(scores, -min(LIST, scores.shape[1]), axis=1)[:, -LIST:], axis=1)
    return best


def _pairs(events: Interactions, users: IntArray) -> sp.csr_matrix:
    """Which of these users is in an event with which item, `[len(users), num_items]`."""
    ones = np.ones(len(events), dtype=np.float32)
    of_all = sp.csr_matrix((ones, (events.user_index, events.item_index)), (events.num_users, events.num_items))
    return of_all[users]


def _constant(users: FloatArray, anonymous: FloatArray) -> FloatArray:
    """The direction in which all users are 1, the anonymous one as well, `[width]`."""
    weight = len(users) / 5
    gram = users.T @ users + weight * np.outer(anonymous, anonymous)
    total = users.sum(axis=0) + weight * anonymous
    constant: FloatArray = ridge_weights(gram, total[:, None], 1e-4 * float(gram.trace()) / len(gram))[:, 0]
    return constant


def _sums_of_choosers(events: Interactions, users: FloatArray, items: IntArray) -> FloatArray:
    """Sum of the rows of the users of each of these items, `[len(items), width]`."""
    pairs = (np.ones(len(events), dtype=np.float32), (events.item_index, events.user_index))
    gather = sp.csr_matrix(pairs, shape=(events.num_items, events.num_users))
    total: FloatArray = np.asarray(gather[items] @ users, dtype=np.float32)
    return total


def place_in_item(events: Interactions) -> IntArray:
    """How many events of the same item came before each, `[num_events]`; by row where there are no times."""
    if events.at is None:
        return place_in(events.item_index)
    order = np.argsort(events.at, kind="stable")
    place = np.empty(len(events), dtype=np.int64)
    place[order] = place_in(events.item_index[order])
    return place
