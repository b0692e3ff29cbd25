from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kindred.cli.simulate import PolicyName
from kindred.domain.recommendation import Answer, Recommendation, Request
from kindred.domain.records import Listened
from kindred.ingest.generate.music import END, build_listeners, build_tracks
from kindred.ingest.generate.tracks import TrackSample, track_id
from kindred.recommenders.judging.simulation import (
    MOST_TRACKS,
    Policy,
    asking_policy,
    list_policy,
    popular_policy,
    positions_of,
    random_policy,
    same_artist_policy,
    simulate,
)
from kindred.simulating import POLICIES
from tests.recommenders.conftest import ids

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


def test_every_policy_that_the_command_names_is_there() -> None:
    assert [*PolicyName] == [*POLICIES]


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


def test_who_is_asked_before_each_track_knows_what_the_session_had_until_then() -> None:
    asked: list[Request] = []
    old = Listened(event_id="e1", source_id="L", target_id="T00400", at=END - 9, share=1.0)

    def recommend(request: Request) -> Answer:
        asked.append(request)
        return best_of(request, TRACKS.artist < 5)

    found = simulate(SAMPLE, asking_policy(recommend, lambda listener: [old], TRACKS, 2), 1, 9)
    assert found.tracks[0] > 5 and len(asked) in (found.tracks[0], found.tracks[0] + 1)
    own = asked[0].events[1]
    assert asked[0].events == [old, own] and own.at == END and asked[0].k == 1
    for before, after in pairwise(asked):
        *told, heard = listens(after)
        assert told == before.events and [heard.target_id] == ids(best_of(before, TRACKS.artist < 5))
        assert heard.at == before.at and after.at is not None and heard.at is not None
        assert heard.share is not None and abs(after.at - heard.at - 5 - heard.share * duration(heard)) < 1
    told_seconds = sum(share_of(event) * duration(event) for event in listens(asked[-1])[2:])
    assert told_seconds - 2 * found.tracks[0] <= found.seconds[0] <= told_seconds + 2 * found.tracks[0] + 600
    counts = Counter(int(TRACKS.artist[number(event)]) for event in listens(asked[-1])[2:])
    twice = [artist for artist, count in counts.items() if count == 2]
    assert twice and max(counts.values()) == 2
    assert asked[-1].exclude == {track_id(int(track)) for track in np.flatnonzero(np.isin(TRACKS.artist, twice))}


def test_who_stays_with_what_is_listened_to_is_listened_to_longer() -> None:
    """The shares that are told are those of the listener."""

    def staying(where_heard: bool) -> Policy:
        def recommend(request: Request) -> Answer:
            last = listens(request)[-1]
            stays = (share_of(last) >= 0.5) == where_heard
            return best_of(request, TRACKS.mood == (TRACKS.mood[number(last)] + (not stays)) % 12)

        return asking_policy(recommend, lambda listener: [], TRACKS, 1)

    stays, leaves = (simulate(SAMPLE, staying(where_heard), 400, 1).mean for where_heard in (True, False))
    assert stays.low > leaves.high


def best_of(request: Request, allowed: NDArray[np.bool_]) -> Answer:
    """The first of the allowed tracks that the request leaves."""
    left_out = {*request.exclude, *(event.target_id for event in request.events)}
    found = [one for track in np.flatnonzero(allowed).tolist() if (one := track_id(track)) not in left_out]
    return Answer(None, tuple(Recommendation(track, 1.0) for track in found[:1]), "model", "v")


def listens(request: Request) -> list[Listened]:
    return [event for event in request.events if isinstance(event, Listened)]


def share_of(event: Listened) -> float:
    return event.share or 0.0


def number(event: Listened) -> int:
    return int(event.target_id[1:]) - 1


def duration(event: Listened) -> int:
    return int(TRACKS.duration[number(event)])
