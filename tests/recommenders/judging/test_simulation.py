from __future__ import annotations

import numpy as np

from kindred.ingest.generate.music import build_listeners, build_tracks
from kindred.ingest.generate.tracks import TrackSample
from kindred.recommenders.judging.simulation import (
    MOST_TRACKS,
    Policy,
    list_policy,
    popular_policy,
    positions_of,
    random_policy,
    same_artist_policy,
    simulate,
)

SAMPLE = TrackSample(users=200, tracks=400, events=200, seed=7)
TRACKS = build_tracks(SAMPLE.tracks, SAMPLE.seed)


def oracle() -> Policy:
    """What the listener likes best, by the hidden moods and genres, each artist once."""
    listeners = build_listeners(SAMPLE.users, SAMPLE.seed)
    lists = {}
    for user in range(SAMPLE.users):
        mood = (TRACKS.mood[:, None] == listeners.moods[user, 1]) @ np.array([0.55, 0.3, 0.15])
        genre = np.isin(TRACKS.genre, listeners.genres[user])
        away = np.abs(TRACKS.energy - listeners.energy[user])
        best = np.argsort(-(3.4 * mood + genre - 1.2 * away + 0.4 * TRACKS.quality), kind="stable").tolist()
        of_artist = {int(TRACKS.artist[track]): track for track in reversed(best)}
        lists[user] = [track for track in best if of_artist[int(TRACKS.artist[track])] == track]
    return list_policy(lists)


def test_who_knows_the_tastes_is_listened_to_longest_and_equal_seeds_are_equal() -> None:
    found = {
        name: simulate(SAMPLE, policy, 800, 1).mean
        for name, policy in {
            "random": random_policy(TRACKS, 0),
            "popular": popular_policy(TRACKS),
            "same artist": same_artist_policy(TRACKS),
            "oracle": oracle(),
        }.items()
    }
    assert found["oracle"].low > max(found[name].high for name in ("random", "popular", "same artist"))
    assert found["same artist"].mean > found["random"].mean
    again = simulate(SAMPLE, popular_policy(TRACKS), 800, 1).mean
    assert again == found["popular"] and simulate(SAMPLE, popular_policy(TRACKS), 800, 2).mean != again


def test_a_track_is_played_once_a_session_and_a_list_that_ends_ends_it() -> None:
    two = simulate(SAMPLE, list_policy(dict.fromkeys(range(SAMPLE.users), (3, 3, 3, 5))), 200, 1)
    assert two.tracks.max() == 2 and two.tracks.min() >= 0
    assert simulate(SAMPLE, list_policy({}), 50, 1).seconds.sum() == 0
    assert simulate(SAMPLE, popular_policy(TRACKS), 200, 1).tracks.max() <= MOST_TRACKS


def test_ids_become_positions() -> None:
    assert positions_of({"L00002": ["T00001", "x", "T00010"], "other": ["T00001"]}) == {1: [0, 9]}
