"""Plays sessions of listeners against a recommender: an online comparison offline.

The listeners are those of the generated sample of the same sizes and seed (`ingest/generate/music.py`), after all of
its events. A session begins with a track of the listener's own choice; every further one is the policy's, and the
listener hears a share of it, tires of repeated artists, and stops sooner the less they hear, as in the sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from kindred.domain.errors import SettingsError
from kindred.domain.interactions import DoubleArray, IntArray
from kindred.domain.progress import Progress, silent
from kindred.domain.recommendation import Answer, Request
from kindred.domain.records import Listened
from kindred.evaluation.bootstrap import Interval, paired_bootstrap
from kindred.ingest.generate.choices import Choices
from kindred.ingest.generate.music import END, Tracks, begin_sessions, build_listeners, build_tracks, goes_on, shares_of
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.tracks import PAUSE, TrackSample, listener_id, track_id

MOST_TRACKS = 30
"""A session is over after so many tracks."""
_SIMULATION = 21  # what the second part of a key of the sampler stands for
_OWN_CHOICE = MOST_TRACKS + 1  # the step of the track that a session begins with: 0 gives the stream of no step


@dataclass(frozen=True)
class Heard:
    """A track that a session had: when it began, seconds UTC, and the share of it that was listened to."""

    track: int
    at: int
    share: float


@dataclass
class Playing:
    """A session as a player knows it when it asks what comes next; what the listener is after is not known.

    Attributes:
        listener: whose session.
        at: when the track to come begins, seconds UTC.
        heard: the tracks until now; the first is the listener's own choice.
    """

    listener: int
    at: int
    heard: list[Heard] = field(default_factory=list)

    def hear(self, track: int, share: float, duration: int) -> None:
        """Adds a track; shares are known to a hundredth, as in the sample."""
        hundredths = int(share * 100.0 + 0.5)
        self.heard.append(Heard(track, self.at, hundredths / 100.0))
        self.at += PAUSE + duration * hundredths // 100


Ranking = Sequence[int]
Policy = Callable[[Playing], Ranking]
"""Positions of tracks for a session, best first; the first that it had not is played."""


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


def simulate(
    sample: TrackSample, policy: Policy, sessions: int, seed: int, begins: int = END, progress: Progress = silent
) -> Simulated:
    """So many sessions of listeners taken at random, with equal listeners and interests for equal seeds.

    Args:
        sample: whose listeners and tracks.
        policy: who chooses every track but the first.
        sessions: how many.
        seed: they follow from it.
        begins: when each begins, seconds UTC; not before the end of the sample.
        progress: told how many tracks all that go on have had.
    """
    tracks, listeners = build_tracks(sample.tracks, sample.seed), build_listeners(sample.users, sample.seed)
    sampler = Sampler(sample.seed, _SIMULATION, seed)
    who = sampler.below(np.full(sessions, sample.users))
    at = np.full(sessions, begins)
    interests = begin_sessions(listeners, who, at, sampler)
    track = Choices.of(tracks).next(listeners, interests, at, np.full(sessions, -1), sampler)
    playing = [Playing(listener, begins) for listener in who.tolist()]
    sampler = Sampler(sample.seed, _SIMULATION, seed, _OWN_CHOICE)
    _hear(playing, track, shares_of(tracks, listeners, interests, track, np.zeros(sessions, np.int64), sampler), tracks)
    seconds, count = np.zeros(sessions), np.zeros(sessions, dtype=np.int64)
    active = np.arange(sessions)
    for step in range(MOST_TRACKS):
        progress("play sessions", step, MOST_TRACKS)
        sampler = Sampler(sample.seed, _SIMULATION, seed, step + 1)
        chosen = np.array([_next(policy(playing[row]), playing[row]) for row in active.tolist()])
        active, track = active[chosen >= 0], chosen[chosen >= 0]
        if not len(active):
            break
        there = [playing[row] for row in active.tolist()]
        repeated = np.array([_times(a, one, tracks) for a, one in zip(tracks.artist[track], there, strict=True)])
        share = shares_of(tracks, listeners, interests.at(active), track, repeated, sampler)
        seconds[active] += share * tracks.duration[track]
        count[active] += 1
        _hear(there, track, share, tracks)
        active = active[goes_on(share, sampler)]
    return Simulated(seconds, count)


def _hear(sessions: Sequence[Playing], track: IntArray, share: DoubleArray, tracks: Tracks) -> None:
    for one, number, part in zip(sessions, track.tolist(), share.tolist(), strict=True):
        one.hear(number, part, int(tracks.duration[number]))


def _times(artist: int, session: Playing, tracks: Tracks) -> int:
    """How many tracks of an artist a session had."""
    return sum(int(tracks.artist[heard.track]) == artist for heard in session.heard)


def _next(ranking: Ranking, session: Playing) -> int:
    had = {heard.track for heard in session.heard}
    return next((track for track in ranking if track not in had), -1)


def check_sample(sample: TrackSample, listeners: Sequence[str], tracks: Sequence[str], version: str) -> None:
    """Makes sure that a published version is of the generated sample whose listeners are to play sessions.

    Args:
        sample: whose listeners play.
        listeners: ids of those whom the version knows.
        tracks: ids of the tracks that it may recommend.
        version: its name.

    Raises:
        SettingsError: it is of other data, or of a sample of other sizes.
    """
    for name, ids, letter, size in (
        ("listeners", listeners, "L", sample.users),
        ("tracks", tracks, "T", sample.tracks),
    ):
        positions = [_position(external, letter) for external in ids]
        known = [position for position in positions if position is not None and position < size]
        if len(known) < len(ids) or len(known) * 2 < size:
            raise SettingsError(
                f"version {version} has {len(ids):,} {name}, {len(known):,} of them among the {size:,} of this sample",
                "give --users, --tracks and --seed as the sample was generated with; "
                "sessions of other data can't be played",
            )


def random_policy(tracks: Tracks, seed: int) -> Policy:
    """Any track."""
    rng = np.random.default_rng(seed)
    return lambda session: rng.integers(0, len(tracks), 2 * MOST_TRACKS).tolist()


def popular_policy(tracks: Tracks) -> Policy:
    """The most popular tracks, the same for all."""
    best = np.argsort(-tracks.fame, kind="stable")[: 2 * MOST_TRACKS].tolist()
    return lambda session: best


def same_artist_policy(tracks: Tracks) -> Policy:
    """The most popular tracks by the artist of the track before, then what is popular."""
    order = np.argsort(-tracks.fame, kind="stable")
    of_artist: dict[int, list[int]] = {}
    for track in order.tolist():
        of_artist.setdefault(int(tracks.artist[track]), []).append(track)
    popular = order[: 2 * MOST_TRACKS].tolist()
    return lambda session: [*of_artist[int(tracks.artist[session.heard[-1].track])], *popular]


def list_policy(lists: Mapping[int, Ranking]) -> Policy:
    """The list that each listener was recommended, from the first on."""
    return lambda session: lists.get(session.listener, ())


def asking_policy(
    recommend: Callable[[Request], Answer], past: Callable[[str], Sequence[Listened]], tracks: Tracks, at_most: int
) -> Policy:
    """Asks a recommender before each track, as a player does: told of what was heard in the session, and how far.

    Args:
        recommend: answers requests.
        past: what a listener of that id did before the session.
        tracks: the catalogue, for who performs what.
        at_most: so many recommended tracks of one artist a session.
    """
    by_artist: dict[int, list[str]] = {}
    for track, artist in enumerate(tracks.artist.tolist()):
        by_artist.setdefault(artist, []).append(track_id(track))
    before = cache(past)

    def ask(session: Playing) -> Ranking:
        listener = listener_id(session.listener)
        events = [
            Listened(
                event_id=f"simulated {number}",
                source_id=listener,
                target_id=track_id(heard.track),
                at=heard.at,
                share=heard.share,
            )
            for number, heard in enumerate(session.heard)
        ]
        counts = Counter(int(tracks.artist[heard.track]) for heard in session.heard[1:])
        enough = frozenset(track for artist, had in counts.items() if had >= at_most for track in by_artist[artist])
        request = Request(
            listener, [*before(listener), *events], k=1, at=session.at, exclude=enough, reasons=False, removed=False
        )
        found = [_position(item.item_id, "T") for item in recommend(request).recommendations]
        return [track for track in found if track is not None]

    return ask


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
    return int(number) - 1 if external.startswith(letter) and number.isdecimal() else None
