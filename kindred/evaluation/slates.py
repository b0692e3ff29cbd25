"""Judges the order that a model gives to the posts that a reader was shown: requests, their AUC and their hit rate.

A request stands at the start of a session, or after some views of it; the posts are those shown in the hour that
follows. Comparing within a request leaves out what is the same for all its posts: the reader's own rate, the hour, the
place in the session.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.domain.roc_auc import roc_auc
from kindred.domain.sessions import sessions_of

HOUR = 3600
_FEWEST_POSTS = 5


@dataclass(frozen=True)
class Slates:
    """Requests, and the views that follow each.

    Attributes:
        request: which request each row belongs to, growing, `[num_rows]`.
        view: row of the view in the log, `[num_rows]`.
        reader, at: who asks and when, `[num_requests]`.
    """

    request: IntArray
    view: IntArray
    reader: IntArray
    at: IntArray

    def __len__(self) -> int:
        return len(self.reader)


def build_slates(reader: IntArray, post: IntArray, at: IntArray, since: int, after: int = 0) -> Slates:
    """One request a session that begins at `since` or later, before its view number `after` (1 s before the first).

    A post shown twice in the hour counts once; requests with fewer than five posts are left out.
    """
    sessions = sessions_of(reader, at)
    by_session = np.lexsort((np.arange(len(at)), sessions))
    starts = np.flatnonzero(np.diff(sessions[by_session], prepend=-1))
    ends = np.append(starts[1:], len(at))
    by_reader = np.lexsort((at, reader))
    first_of = np.searchsorted(reader[by_reader], np.arange(int(reader.max(initial=-1)) + 2))
    kept: list[tuple[int, int, IntArray]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if at[by_session[start]] < since or end - start <= after:
            continue
        who = int(reader[by_session[start]])
        time = int(at[by_session[start]]) - 1 if after == 0 else int(at[by_session[start + after - 1]]) + 1
        own = by_reader[first_of[who] : first_of[who + 1]]
        low, high = np.searchsorted(at[own], [time, time + HOUR])
        shown = own[low:high]
        _, once = np.unique(post[shown], return_index=True)
        if len(once) >= _FEWEST_POSTS:
            kept.append((who, time, shown[np.sort(once)]))
    lengths = [len(shown) for _, _, shown in kept]
    return Slates(
        np.repeat(np.arange(len(kept)), lengths),
        np.concatenate([shown for _, _, shown in kept]) if kept else np.empty(0, dtype=np.int64),
        np.array([who for who, _, _ in kept], dtype=np.int64),
        np.array([time for _, time, _ in kept], dtype=np.int64),
    )


def slate_auc(request: IntArray, score: DoubleArray, liked: NDArray[np.bool_]) -> DoubleArray:
    """The share of pairs of one liked and one other post that are in order, ties half, a request; NaN without pairs."""
    return np.array([roc_auc(score[rows], liked[rows]) for rows in _groups(request)])


def slate_hit_rate(request: IntArray, score: DoubleArray, liked: NDArray[np.bool_], k: int = 5) -> DoubleArray:
    """The chance that a liked post is among the first k, equal scores in random order, a request."""
    return np.array([_hit_chance(score[rows], liked[rows], k) for rows in _groups(request)])


def _groups(request: IntArray) -> list[IntArray]:
    return np.split(np.arange(len(request)), np.flatnonzero(np.diff(request)) + 1) if len(request) else []


def _hit_chance(score: DoubleArray, liked: NDArray[np.bool_], k: int) -> float:
    """Exact over the orders of equal scores: those surely above, and the chance among the ties at the border."""
    if len(score) <= k:
        return float(liked.any())
    border = np.partition(score, len(score) - k)[len(score) - k]
    if liked[score > border].any():
        return 1.0
    ties = liked[score == border]
    return 1.0 - none_chance(len(ties), int(ties.sum()), k - int((score > border).sum()))


def none_chance(num: int, num_liked: int, k: int) -> float:
    """The chance that k of `num` drawn without return hold none of `num_liked` (hypergeometric)."""
    chance = 1.0
    for drawn in range(min(k, num)):
        chance *= max(num - num_liked - drawn, 0) / (num - drawn)
    return chance


def near_auc(
    request: IntArray, score: DoubleArray, liked: NDArray[np.bool_], place: IntArray, within: int = 5
) -> DoubleArray:
    """The same as `slate_auc` of pairs that were shown at most so far apart; NaN without such pairs.

    Likes grow rarer along a session, so whoever foresees which posts a feed puts first is right about many pairs far
    apart. These pairs ask for more than that.
    """
    return np.array([_near(score[rows], liked[rows], place[rows], within) for rows in _groups(request)])


def _near(score: DoubleArray, liked: NDArray[np.bool_], place: IntArray, within: int) -> float:
    close = np.abs(place[liked][:, None] - place[~liked][None, :]) <= within
    if not close.any():
        return float("nan")
    return float((np.sign(score[liked][:, None] - score[~liked][None, :]) / 2 + 0.5)[close].mean())
