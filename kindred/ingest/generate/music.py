"""Music as it is, hidden from every file: what tracks are, what listeners like, and how much of a track they listen to.

The sample of listening events (`tracks.py`) is what it leaves behind; a simulation asks how a recommended
track would have fared. Nothing here is written to a file.

The share of a track that is listened to is a logistic function: of how well the track fits the interest of the
session, times the listener's sharpness, plus the listener's bias, less fatigue for each track of the same artist that
the session had already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import DoubleArray, IntArray
from kindred.ingest.generate.sampler import Sampler

START, END = 1_640_995_200, 1_704_067_200  # 2022 and 2023, seconds UTC
GENRES = (
    *("rock", "jazz", "folk", "electronic", "hiphop", "classical", "soul", "metal"),
    *("ambient", "country", "reggae", "pop", "blues", "latin", "punk", "funk"),
)
MOODS = {
    "tender": "Gentle Tender Quiet Soft",
    "restless": "Restless Running Nervous Sleepless",
    "bright": "Bright Golden Sunny Glowing",
    "dark": "Dark Midnight Hollow Shadowed",
    "dreamy": "Dreaming Floating Distant Drifting",
    "proud": "Proud Iron Marching Towering",
    "playful": "Playful Paper Dancing Crooked",
    "lonely": "Lonely Empty Fading Lost",
    "wild": "Wild Burning Reckless Thundering",
    "solemn": "Solemn Ancient Silent Sacred",
    "nostalgic": "Faded Yesterday Old Childhood",
    "hopeful": "Hopeful Rising Open Waking",
}
TRACKS_AN_ARTIST = 10
OLD = 0.5  # share of the tracks that were there from the start
MOOD_SHARES = (0.55, 0.3, 0.15)  # what the moods of a listener weigh
SESSION_PULL = 0.6  # how far the interest of one session is its own mood, not the listener's whole taste
MOOD_WORTH, GENRE_WORTH, ENERGY_COST, QUALITY_WORTH = 3.4, 1.0, 1.2, 0.4
FIT_NEEDED, FATIGUE, NOISE = 1.55, 0.55, 0.6

_ARTISTS, _TRACKS, _LISTENERS = range(1, 4)  # what the second part of a key of the sampler stands for


@dataclass(frozen=True)
class Tracks:
    """What is hidden, and what shows, of each track, `[num_tracks]` each.

    Attributes:
        artist: who performs it; artists have one genre, two moods and a fame.
        genre: the artist's, mostly.
        mood: position in `MOODS`; crosses artists and genres, shows in who listens to what and in some titles.
        energy: −1 … 1, hidden.
        quality: hidden, mean 0.
        fame: weight by which it is played.
        released: seconds UTC.
        duration: seconds.
    """

    artist: IntArray
    genre: IntArray
    mood: IntArray
    energy: DoubleArray
    quality: DoubleArray
    fame: DoubleArray
    released: IntArray
    duration: IntArray

    def __len__(self) -> int:
        return len(self.artist)


@dataclass(frozen=True)
class Listeners:
    """What is hidden of each listener, `[num_listeners]` each unless said.

    Attributes:
        moods: three that they like, before their taste drifts and after, `[num_listeners, 2, 3]`.
        drift: when it drifts, seconds UTC.
        genres: two that they like, `[num_listeners, 2]`.
        energy: what they like best.
        bias: how ready they are to listen to anything.
        sharpness: how much fit matters to them.
    """

    moods: IntArray
    drift: IntArray
    genres: IntArray
    energy: DoubleArray
    bias: DoubleArray
    sharpness: DoubleArray

    def moods_at(self, listener: IntArray, at: IntArray) -> IntArray:
        """The moods that these listeners like at these times, `[num, 3]`."""
        moods: IntArray = self.moods[listener, (at >= self.drift[listener]).astype(np.int64)]
        return moods


@dataclass(frozen=True)
class Sessions:
    """What listeners are after in a session, `[num]` each; `moods` are the listener's at that time, `[num, 3]`."""

    listener: IntArray
    moods: IntArray
    mood: IntArray
    energy: DoubleArray

    def at(self, rows: IntArray) -> Sessions:
        """Those at these rows."""
        return Sessions(self.listener[rows], self.moods[rows], self.mood[rows], self.energy[rows])


def build_tracks(num_tracks: int, seed: int) -> Tracks:
    """The catalogue of that seed."""
    sampler = Sampler(seed, _ARTISTS)
    num_artists = max(1, num_tracks // TRACKS_AN_ARTIST)
    genre = sampler.below(np.full(num_artists, len(GENRES)))
    moods = sampler.below(np.full((num_artists, 2), len(MOODS)))
    fame = 1.0 / (0.02 + sampler.uniform(num_artists))
    energy = sampler.bell(num_artists) * 0.4
    sampler = Sampler(seed, _TRACKS)
    size = np.cumsum(0.3 + sampler.uniform(num_artists))
    artist = sampler.weighted(size, num_tracks)
    own, any_mood = sampler.uniform(num_tracks), sampler.below(np.full(num_tracks, len(MOODS)))
    mood = np.where(own < 0.45, moods[artist, 0], np.where(own < 0.75, moods[artist, 1], any_mood))
    any_genre = sampler.below(np.full(num_tracks, len(GENRES)))
    old, age = sampler.chance(OLD, num_tracks), sampler.uniform(num_tracks)
    return Tracks(
        artist,
        np.where(sampler.chance(0.85, num_tracks), genre[artist], any_genre),
        mood,
        np.clip(energy[artist] + 0.3 * sampler.bell(num_tracks), -1.0, 1.0),
        quality := sampler.bell(num_tracks) * 0.7,
        fame[artist] * np.maximum(0.05, 1.0 + quality) / (0.05 + sampler.uniform(num_tracks)),
        np.where(old, START - (age * 3e8).astype(np.int64), START + (age * 0.95 * (END - START)).astype(np.int64)),
        120 + sampler.below(np.full(num_tracks, 240)),
    )


def build_listeners(num_listeners: int, seed: int) -> Listeners:
    """The listeners of that seed."""
    sampler = Sampler(seed, _LISTENERS)
    moods = sampler.below(np.full((num_listeners, 2, 3), len(MOODS)))
    moods[:, 1, 1:] = moods[:, 0, 1:]  # drift changes what they like best, the rest stays
    return Listeners(
        moods,
        START + ((0.2 + 1.6 * sampler.uniform(num_listeners)) * (END - START)).astype(np.int64),
        sampler.below(np.full((num_listeners, 2), len(GENRES))),
        0.4 * sampler.bell(num_listeners),
        0.4 * sampler.bell(num_listeners),
        0.8 + 0.8 * sampler.uniform(num_listeners),
    )


def begin_sessions(listeners: Listeners, listener: IntArray, at: IntArray, sampler: Sampler) -> Sessions:
    """What these listeners are after at these times: one of the moods that they like, and an energy."""
    moods, num = listeners.moods_at(listener, at), len(listener)
    chosen = sampler.weighted(np.cumsum(np.array(MOOD_SHARES)), num)
    energy = listeners.energy[listener] + 0.25 * sampler.bell(num)
    return Sessions(listener, moods, moods[np.arange(num), chosen], energy)


def fit_of(tracks: Tracks, listeners: Listeners, sessions: Sessions, track: IntArray) -> DoubleArray:
    """How well each track fits its session, `[num]` or `[num, num_candidates]`, as `track` has it."""
    aside = (slice(None), *([None] * (track.ndim - 1)))
    mood = tracks.mood[track]
    liked = sum(w * (mood == sessions.moods[:, i][aside]) for i, w in enumerate(MOOD_SHARES))
    interest = SESSION_PULL * (mood == sessions.mood[aside]) + (1 - SESSION_PULL) * liked
    own = listeners.genres[sessions.listener]
    genre = (tracks.genre[track] == own[:, 0][aside]) | (tracks.genre[track] == own[:, 1][aside])
    away = np.abs(tracks.energy[track] - sessions.energy[aside])
    fit: DoubleArray = (
        MOOD_WORTH * interest + GENRE_WORTH * genre - ENERGY_COST * away + QUALITY_WORTH * tracks.quality[track]
    )
    return fit


def shares_of(
    tracks: Tracks,
    listeners: Listeners,
    sessions: Sessions,
    track: IntArray,
    repetitions: NDArray[np.integer],
    sampler: Sampler,
) -> DoubleArray:
    """The share of its track that each session listens to, 0 to 1, `[num]`.

    Args:
        tracks: the catalogue.
        listeners: whose sessions.
        sessions: what they are after.
        track: one for each session, `[num]`.
        repetitions: how many tracks of its artist the session had already, `[num]`.
        sampler: of the noise.
    """
    fit = fit_of(tracks, listeners, sessions, track) - FIT_NEEDED
    readiness = listeners.bias[sessions.listener] + listeners.sharpness[sessions.listener] * fit
    return logistic(1.3 * (readiness - FATIGUE * repetitions + NOISE * sampler.bell(len(track))))


def goes_on(share: DoubleArray, sampler: Sampler) -> NDArray[np.bool_]:
    """Whether each session goes on after a track listened to that far, `[num]`."""
    return sampler.chance(0.35 + 0.6 * share, len(share))


def logistic(x: DoubleArray) -> DoubleArray:
    """1 / (1 + exp(−x)) by products alone, equal on every machine, within 1e-3: exp(x) is (1 + x / 2¹²)^(2¹²)."""
    power = 1.0 + np.clip(x, -20.0, 20.0) / 4096.0
    for _ in range(12):
        power = power * power
    result: DoubleArray = power / (1.0 + power)
    return result
