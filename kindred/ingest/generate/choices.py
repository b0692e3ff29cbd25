"""How tracks come to be played: on the radio, by the artist of the last one, or chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.ingest.generate.music import END, GENRES, MOODS, START, Listeners, Sessions, Tracks, fit_of
from kindred.ingest.generate.sampler import Sampler

CONSIDERED = 10  # tracks that a listener looks at before a choice of their own
RADIO, SAME_ARTIST = 0.3, 0.2  # shares of tracks that are played to them, and that follow from the artist before
NEW_ON_RADIO = 0.2  # share of the radio that is the newest of what it would play


@dataclass(frozen=True)
class Choices:
    """How tracks come to be played: running sums of fame over all tracks, and over each mood, genre and artist."""

    tracks: Tracks
    everything: DoubleArray
    by_mood: list[tuple[IntArray, DoubleArray]]
    by_genre: list[tuple[IntArray, DoubleArray]]
    by_artist: list[tuple[IntArray, DoubleArray]]

    @classmethod
    def of(cls, tracks: Tracks) -> Choices:
        def grouped(column: IntArray, size: int) -> list[tuple[IntArray, DoubleArray]]:
            members = [np.flatnonzero(column == value) for value in range(size)]
            return [(rows, np.cumsum(tracks.fame[rows])) for rows in members]

        artists = int(tracks.artist.max()) + 1
        return cls(
            tracks,
            np.cumsum(tracks.fame),
            grouped(tracks.mood, len(MOODS)),
            grouped(tracks.genre, len(GENRES)),
            grouped(tracks.artist, artists),
        )

    def next(
        self, listeners: Listeners, sessions: Sessions, at: IntArray, last: IntArray, sampler: Sampler
    ) -> IntArray:
        """The next track of each session, `[num]`: from the radio, by the artist of the last one, or chosen."""
        num, tracks = len(at), self.tracks
        considered = sampler.weighted(self.everything, num * CONSIDERED).reshape(num, CONSIDERED)
        how, any_genre = sampler.uniform(num), sampler.below(np.full(num, 2))
        pick = sampler.uniform(num, CONSIDERED)
        genre = listeners.genres[sessions.listener, any_genre]
        same = (how >= RADIO) & (how < RADIO + SAME_ARTIST) & (last >= 0)
        chosen = (how >= RADIO) & ~same
        _fill(considered, np.flatnonzero(chosen), slice(0, 4), sessions.mood, self.by_mood, pick)
        _fill(considered, np.flatnonzero(chosen), slice(4, 7), genre, self.by_genre, pick)
        _fill(considered, np.flatnonzero(same), slice(0, CONSIDERED), tracks.artist[last], self.by_artist, pick)
        out = tracks.released[considered] <= at[:, None]
        appeal = np.where(chosen[:, None], fit_of(tracks, listeners, sessions, considered), 0.0)
        appeal += np.where(chosen[:, None], 0.9 * sampler.bell(num, CONSIDERED), -np.arange(CONSIDERED) * 1.0)
        newest = sampler.chance(NEW_ON_RADIO, num) & (how < RADIO)
        appeal = np.where(newest[:, None], tracks.released[considered] / END, appeal)
        appeal = np.where(out & (considered != last[:, None]), appeal, -1e9)
        best = considered[np.arange(num), np.argmax(appeal, axis=1)]
        old = np.flatnonzero(tracks.released <= START)
        any_old = old[sampler.below(np.full(num, len(old)))] if len(old) else best
        track: IntArray = np.where(appeal.max(axis=1) > -1e8, best, any_old)
        return track


def _fill(
    considered: IntArray,
    rows: IntArray,
    columns: slice,
    group: IntArray,
    groups: list[tuple[IntArray, DoubleArray]],
    pick: DoubleArray,
) -> None:
    """Puts members of each row's group, by fame, into those columns, in place."""
    for value in np.unique(group[rows]).tolist():
        members, fame = groups[value]
        if len(members):
            here = rows[group[rows] == value]
            found = np.searchsorted(fame, pick[here, columns] * fame[-1], side="right")
            considered[here, columns] = members[np.minimum(found, len(members) - 1)]
