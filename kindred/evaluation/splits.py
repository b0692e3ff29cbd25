"""Which events a model may learn from, which it chooses its settings on, and which it is judged by.

No split depends on the order of the rows: whatever chance decides, a hash of the event's content decides, so that a
shuffled or reloaded source is split the same way. Positions are part of that content; build them with `IdMap.sorted`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import SettingsError
from kindred.domain.interactions import IntArray, Interactions

ProtocolName = Literal["temporal", "random"]
_NO_ROWS: IntArray = np.zeros(0, dtype=np.int64)
_OTHER_SEEDS = 1 << 40


@dataclass(frozen=True)
class Split:
    """Rows of `interactions` by their use; the three never share a row, each ascends.

    Attributes:
        name: the rule that split it: `temporal` or `random`.
        interactions: every event, those of no use here included.
        train: rows to learn from, `[num_train]`.
        validation: rows to choose settings on, and to learn from once they are chosen, `[num_validation]`.
        test: rows that nothing may look at before it is judged, `[num_test]`.
    """

    name: str
    interactions: Interactions
    train: IntArray
    validation: IntArray
    test: IntArray

    @property
    def known(self) -> IntArray:
        """Rows of train and validation: what a final fit sees, `[num_train + num_validation]`, ascending."""
        return np.sort(np.concatenate([self.train, self.validation]))

    @property
    def train_events(self) -> Interactions:
        """The events to learn from while settings are being chosen."""
        return self.interactions.take(self.train)

    @property
    def validation_events(self) -> Interactions:
        """The events to choose settings on."""
        return self.interactions.take(self.validation)

    @property
    def known_events(self) -> Interactions:
        """The events that a final fit sees, and whose items count as seen."""
        return self.interactions.take(self.known)

    @property
    def test_events(self) -> Interactions:
        """The answers."""
        return self.interactions.take(self.test)

    @property
    def test_at(self) -> IntArray | None:
        """When each user is asked about: the time of their first test event, of the latest event for others.

        Seconds UTC, `[num_users]`; None without times.
        """
        if self.interactions.at is None:
            return None
        asked = np.full(self.interactions.num_users, self.interactions.at.max(initial=0))
        np.minimum.at(asked, self.test_events.user_index, self.interactions.at[self.test])
        return asked


def split_by(protocol: ProtocolName, interactions: Interactions, seed: int) -> Split:
    """The split of that protocol; `temporal` is the same for every seed."""
    return temporal_split(interactions) if protocol == "temporal" else random_split(interactions, seed)


def temporal_split(interactions: Interactions) -> Split:
    """Each user's last event is test, the one before it validation, the rest train.

    A user's only event is train: without any history there is nothing to predict from. Of two events the first is train
    and the second test. Sources often know the day only; events of one user at the same time are ordered by a hash of
    (user, item, time, rating), which follows neither the rows nor anything that a model could guess. File or id order
    would: ids often follow an item's age, and the test items would be the newer and less popular ones.

    Raises:
        SettingsError: the events have no times.
    """
    at = _times(interactions)
    user = interactions.user_index
    same_content = () if interactions.edge_index is None else (interactions.edge_index,)
    order = np.lexsort((*same_content, _content_hash(interactions), at, user))
    counts = np.bincount(user, minlength=interactions.num_users)
    history = counts[user[order]]
    ends = np.cumsum(counts)[user[order]]
    from_end = ends - 1 - np.arange(len(order))  # 0 for a user's last event
    test = (from_end == 0) & (history >= 2)
    validation = (from_end == 1) & (history >= 3)
    return Split(
        "temporal",
        interactions,
        np.sort(order[~test & ~validation]),
        np.sort(order[validation]),
        np.sort(order[test]),
    )


def undecided_share(split: Split) -> float:
    """Share of the test events as old as another event that is known of their user: none says which came last.

    0 of a split that does not go by the order of a user's events, and of one without a test event.
    """
    at = split.interactions.at
    if split.name != "temporal" or at is None or not len(split.test):
        return 0.0
    user, known = split.interactions.user_index, split.known
    latest = np.full(split.interactions.num_users, np.iinfo(np.int64).min)
    np.maximum.at(latest, user[known], at[known])
    return float(np.mean(latest[user[split.test]] == at[split.test]))


def repeated_share(split: Split) -> float:
    """Share of the test events of an item that is known of their user, and so is not recommended again."""
    events = split.interactions
    pair = events.user_index * np.int64(events.num_items) + events.item_index
    return float(np.isin(pair[split.test], pair[split.known]).mean()) if len(split.test) else 0.0


def random_split(
    interactions: Interactions, seed: int, test_share: float = 0.2, validation_share: float = 0.1
) -> Split:
    """A seeded split of the events, each of which falls by itself: sizes meet the shares in expectation only.

    The hash of (user, item, seed) decides, so that two events between one user and one item are never on two sides,
    where one would tell the other's rating.

    Args:
        interactions: every event.
        seed: another seed, another split.
        test_share: share of all events, in [0, 1].
        validation_share: share of all events, in [0, 1 − test_share].

    Raises:
        SettingsError: a share is negative or nothing is left for train.
    """
    if min(test_share, validation_share) < 0 or test_share + validation_share >= 1:
        raise SettingsError(
            f"shares of {test_share} for test and {validation_share} for validation leave nothing to train on",
            "choose shares whose sum is below 1",
        )
    pair = _mix(_mix(_seed_state(seed), interactions.user_index), interactions.item_index)
    position = (pair >> np.uint64(11)).astype(np.float64) / 2.0**53  # uniform in [0, 1)
    test = position < test_share
    validation = ~test & (position < test_share + validation_share)
    rows = [np.flatnonzero(mask).astype(np.int64) for mask in (~test & ~validation, validation, test)]
    return Split("random", interactions, *rows)


def validation_split(known: Interactions, seed: int, *, temporal: bool) -> Split:
    """All these events are known, some of them validation, none is test: for a model that chooses its own settings.

    It is split as for a test: each user's last event where `temporal`, otherwise a seeded random fifth.
    The events may themselves be the known ones of a random split of the same seed, whose hash they have all passed, so
    the seed is changed before it is used.

    Raises:
        SettingsError: `temporal`, and the events have no times.
    """
    if not temporal:
        return random_split(known, seed + _OTHER_SEEDS, test_share=0.0, validation_share=0.2)
    last = temporal_split(known)
    return Split(last.name, known, last.known, last.test, _NO_ROWS)


def _times(interactions: Interactions) -> IntArray:
    if interactions.at is None:
        raise SettingsError("these events have no times to split by", "use the random protocol: `--protocol random`")
    return interactions.at


def _content_hash(interactions: Interactions) -> NDArray[np.uint64]:
    """A hash of everything that is known of an event, `[num_events]`."""
    mixed = _mix(_mix(_seed_state(0), interactions.user_index), interactions.item_index)
    if interactions.at is not None:
        mixed = _mix(mixed, interactions.at)
    if interactions.rating is not None:
        mixed = _mix(mixed, interactions.rating.astype(np.float32).view(np.uint32))
    return mixed


def _seed_state(seed: int) -> NDArray[np.uint64]:
    """A start for `_mix` in which neighbouring seeds have nothing in common, `[1]`."""
    return _mix(np.zeros(1, dtype=np.uint64), np.array([seed], dtype=np.int64))


def _mix(state: NDArray[np.uint64], values: NDArray[np.integer]) -> NDArray[np.uint64]:
    """The state with one more column mixed in (the finaliser of SplitMix64; Steele et al., 2014)."""
    mixed = (state ^ values.astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
