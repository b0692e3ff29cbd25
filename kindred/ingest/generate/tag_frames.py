"""Frames of invented audio in which tags sound: some of it in every frame, most of it in short events.

Every tag has a static direction, half of it its parent's, and an event direction. What sounds on a track is not quite
what its list says: a listed tag sounds with probability 0.6, and tags that come together with listed ones sound too.
A sounding tag adds its static direction to all frames, and twice, for two frames each, its event direction together
with one of three keys. Events of any tags without a key mean nothing; so the frames have to be looked at one by one
before they are added up. A constant of each track and noise that lasts over frames lie above it all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import BoolArray, IntArray
from kindred.ingest.generate.sampler import Sampler, one_allowed
from kindred.ingest.generate.tag_tree import TagTree

Frames = NDArray[np.float32]

SOUNDS = 0.6  # chance that a listed tag sounds
UNLISTED = (0.2231, 0.3347, 0.2510, 0.1255, 0.0471, 0.0141, 0.0045)  # chances of 0, 1, … more tags: Poisson, mean 1.5
EVENTS, EVENT_FRAMES, DISTRACTORS, KEYS = 2, 2, 8, 3
SPREAD = 0.3  # of the gain of the static direction, as a logarithm
OFFSET, PERSISTENCE = 1.5, 0.8  # deviation of a track's constant, and how much of the noise goes on in the next frame


@dataclass(frozen=True)
class Loudness:
    """How loud the parts are beside noise of deviation 1; the defaults suit 64 dimensions and 16 to 32 frames."""

    static: float = 4.5
    event: float = 10.0


@dataclass(frozen=True)
class Directions:
    """What tags sound like: `static` and `event` are `[num_tags, dim]`, `key` is `[3, dim]`, all of length 1."""

    static: Frames
    event: Frames
    key: Frames


def directions(tree: TagTree, dim: int, seed: int) -> Directions:
    """The directions of the tags of a tree."""
    sampler, num_tags = Sampler(seed, 42), len(tree.parent)
    own = _of_length_1(sampler.bell(num_tags, dim))
    below = (tree.parent != np.arange(num_tags))[:, None]
    static = np.where(below, _of_length_1(own + own[tree.parent]), own)
    event, key = _of_length_1(sampler.bell(num_tags, dim)), _of_length_1(sampler.bell(KEYS, dim))
    return Directions(*(part.astype(np.float32) for part in (static, event, key)))


def _of_length_1(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.cumsum(vectors * vectors, axis=1)[:, -1:]  # in order of index, equal on every machine
    scaled: NDArray[np.float64] = vectors / np.sqrt(np.where(squares > 0, squares, 1.0))
    return scaled


def sounding_tags(lists: BoolArray, together: IntArray, sampler: Sampler) -> BoolArray:
    """Which tags sound on each track, `[num, num_tags]`.

    Args:
        lists: the tags that its list has, `[num, num_tags]`.
        together: in how many lists two tags are together, `[num_tags, num_tags]`, 0 on the diagonal.
        sampler: for these tracks.
    """
    num = len(lists)
    sounds: BoolArray = lists & (sampler.uniform(*lists.shape) < SOUNDS)
    more = sampler.weighted(np.cumsum(UNLISTED), num)
    for number in range(len(UNLISTED) - 1):
        rows = np.flatnonzero(more > number)
        beside = one_allowed(lists[rows], sampler)
        company = np.cumsum(np.where(lists[rows], 0, together[beside]), axis=1)
        wanted = (sampler.uniform(len(rows)) * company[:, -1]).astype(np.int64)
        found = (company <= wanted[:, None]).sum(axis=1)
        there = company[:, -1] > 0
        sounds[rows[there], found[there]] = True
    return sounds


def frames_of(sounds: BoolArray, lengths: IntArray, of: Directions, loud: Loudness, sampler: Sampler) -> Frames:
    """Frames of tracks on which these tags sound, `[num, max(lengths), dim]`; a track's own come first.

    Args:
        sounds: `[num, num_tags]`.
        lengths: how many frames each track has, `[num]`.
        of: what tags sound like.
        loud: how loud.
        sampler: for these tracks.
    """
    frames = _noise(len(sounds), int(lengths.max()), of.static.shape[1], sampler)
    num_sounding = sounds.sum(axis=1)
    tags = np.argsort(~sounds, axis=1, kind="stable")[:, : int(num_sounding.max(initial=0))]
    for number in range(tags.shape[1]):
        rows = np.flatnonzero(num_sounding > number)
        tag = tags[rows, number]
        gain = (loud.static * _lognormal(sampler.bell(len(rows)))).astype(np.float32)
        frames[rows] += (gain[:, None] * of.static[tag])[:, None, :]
        for _ in range(EVENTS):
            key = of.key[sampler.below(np.full(len(rows), KEYS))]
            _add_event(frames, rows, lengths, loud.event * (of.event[tag] + key), sampler)
    everyone = np.arange(len(sounds))
    for _ in range(DISTRACTORS):
        tag = sampler.below(np.full(len(sounds), sounds.shape[1]))
        _add_event(frames, everyone, lengths, loud.event * of.event[tag], sampler)
    return frames


def _noise(num: int, longest: int, dim: int, sampler: Sampler) -> Frames:
    """The constant of each track and noise of deviation 1 that lasts, `[num, longest, dim]`."""
    frames = sampler.noise(num, longest, dim)
    frames[:, 1:] *= np.float32(0.6)  # √(1 − persistence²), so that the deviation stays 1
    for number in range(1, longest):
        frames[:, number] += np.float32(PERSISTENCE) * frames[:, number - 1]
    frames += np.float32(OFFSET) * sampler.noise(num, 1, dim)
    return frames


def _add_event(frames: Frames, rows: IntArray, lengths: IntArray, heard: Frames, sampler: Sampler) -> None:
    """Adds what is heard, `[num_rows, dim]`, to some two frames of those tracks that follow on each other, in place."""
    begins = sampler.below(np.maximum(lengths[rows] - EVENT_FRAMES + 1, 1))
    for number in range(EVENT_FRAMES):
        inside = begins + number < lengths[rows]
        frames[rows[inside], begins[inside] + number] += heard[inside]


def _lognormal(bell: NDArray[np.float64]) -> NDArray[np.float64]:
    """exp(SPREAD · bell) by multiplication alone, which is equal on every machine."""
    value = 1.0 + SPREAD / 64 * bell
    for _ in range(6):
        value = value * value
    return value
