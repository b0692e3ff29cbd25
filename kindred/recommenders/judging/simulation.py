"""Plays sessions of listeners against a recommender: an online comparison offline.

The listeners are those of the generated sample of the same sizes and seed (`ingest/generate/music.py`), after all of
its events. A session begins with a track of the listener's own choice; every further one is the policy's, and the
listener hears a share of it, tires of repeated artists, and stops sooner the less they hear, as in the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.evaluation.bootstrap import Interval, paired_bootstrap
from kindred.ingest.generate.choices import Choices
from kindred.ingest.generate.music import END, Tracks, begin_sessions, build_listeners, build_tracks, goes_on, shares_of
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.tracks import TrackSample

MOST_TRACKS = 30
"""A session is over after so many tracks."""
_SIMULATION = 21  # what the second part of a key of the sampler stands for

Ranking = Sequence[int]
Policy = Callable[[int, int], Ranking]
"""Listener and the track before -> positions of tracks, best first; the first that the session had not is played."""


@dataclass(frozen=True)
class Simulated:
    """How long was listened.

    Attributes:
        seconds: of recommended tracks, a session each, `[num_sessions]`.
        tracks: recommended tracks that were begun, `[num_sessions]`.
    """

    seconds: DoubleArray
    tracks: IntArray

    @property
    def mean(self) -> Interval:
        """Mean seconds a session, with its bootstrap interval."""
        return paired_bootstrap(self.seconds, np.zeros_like(self.seconds), np.random.default_rng(0))


def simulate(sample: TrackSample, policy: Policy, sessions: int, seed: int) -> Simulated:
    """So many sessions of listeners taken at random, with equal listeners and interests for equal seeds."""
    tracks, listeners = build_tracks(sample.tracks, sample.seed), build_listeners(sample.users, sample.seed)
    sampler = Sampler(sample.seed, _SIMULATION, seed)
    who = sampler.below(np.full(sessions, sample.users))
    at = np.full(sessions, END)
    interests = begin_sessions(listeners, who, at, sampler)
    last = Choices.of(tracks).next(listeners, interests, at, np.full(sessions, -1), sampler)
    played = [{int(track)} for track in last]
    artists = [{int(tracks.artist[track]): 1} for track in last]
    seconds, count = np.zeros(sessions), np.zeros(sessions, dtype=np.int64)
    active = np.arange(sessions)
    for step in range(MOST_TRACKS):
        sampler = Sampler(sample.seed, _SIMULATION, seed, step + 1)
        chosen = [_next(policy(int(who[row]), int(last[row])), played[row]) for row in active.tolist()]
        active, track = active[np.array(chosen) >= 0], np.array([c for c in chosen if c >= 0], dtype=np.int64)
        if not len(active):
            break
        artist = tracks.artist[track].tolist()
        repeated = np.array([artists[row].get(a, 0) for row, a in zip(active.tolist(), artist, strict=True)])
        share = shares_of(tracks, listeners, interests.at(active), track, repeated, sampler)
        seconds[active] += share * tracks.duration[track]
        count[active] += 1
        last[active] = track
        for row, t, a in zip(active.tolist(), track.tolist(), artist, strict=True):
            played[row].add(t)
            artists[row][a] = artists[row].get(a, 0) + 1
        active = active[goes_on(share, sampler)]
    return Simulated(seconds, count)


def _next(ranking: Ranking, played: set[int]) -> int:
    return next((track for track in ranking if track not in played), -1)


def random_policy(tracks: Tracks, seed: int) -> Policy:
    """Any track."""
    rng = np.random.default_rng(seed)
    return lambda listener, last: rng.integers(0, len(tracks), 2 * MOST_TRACKS).tolist()


def popular_policy(tracks: Tracks) -> Policy:
    """The most popular tracks, the same for all."""
    best = np.argsort(-tracks.fame, kind="stable")[: 2 * MOST_TRACKS].tolist()
    return lambda listener, last: best


def same_artist_policy(tracks: Tracks) -> Policy:
    """The most popular tracks by the artist of the track before, then what is popular."""
    order = np.argsort(-tracks.fame, kind="stable")
    of_artist: dict[int, list[int]] = {}
    for track in order.tolist():
        of_artist.setdefault(int(tracks.artist[track]), []).append(track)
    popular = order[: 2 * MOST_TRACKS].tolist()
    return lambda listener, last: [*of_artist[int(tracks.artist[last])], *popular]


def list_policy(lists: Mapping[int, Ranking]) -> Policy:
    """The list that each listener was recommended, from the first on."""
    return lambda listener, last: lists.get(listener, ())


def positions_of(lists: Mapping[str, Sequence[str]]) -> dict[int, list[int]]:
    """Lists by ids of the sample as lists by its positions; ids of other sources are left out."""
    listeners = {listener: _position(listener, "L") for listener in lists}
    return {
        position: [track for item in lists[listener] if (track := _position(item, "T")) is not None]
        for listener, position in listeners.items()
        if position is not None
    }


def _position(external: str, letter: str) -> int | None:
    number = external.removeprefix(letter)
    return int(number) - 1 if external.startswith(letter) and number.isdigit() else None
