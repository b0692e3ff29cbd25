"""Sessions of generated listeners against the published version of tracks, or a plain rule: who chooses, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from kindred.domain.progress import Progress, silent
from kindred.domain.recommendation import Request
from kindred.domain.records import Listened
from kindred.ingest.generate.music import END, Tracks, build_tracks
from kindred.ingest.generate.tracks import TrackSample
from kindred.recommenders.answering.batch import open_published, recommend_to_all
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.judging.simulation import (
    MOST_TRACKS,
    Policy,
    Simulated,
    asking_policy,
    check_sample,
    list_policy,
    popular_policy,
    positions_of,
    random_policy,
    same_artist_policy,
    simulate,
)
from kindred.recommenders.systems import SystemModule
from kindred.settings import Settings
from kindred.steps import opened_system

Opening = Callable[[Settings, TrackSample, int], AbstractContextManager[tuple[Policy, int]]]
"""Given the sample and how many tracks of an artist are recommended at most: a policy, and when sessions begin."""


def simulate_sessions(
    settings: Settings,
    policy: str,
    sizes: tuple[int, int],
    sessions: int,
    at_most: int,
    progress: Progress = silent,
) -> Simulated:
    """Sessions of generated listeners, so many users and tracks of the seed in force, against a policy of `POLICIES`.

    The model's lists are those of every user of the published version, with at most so many tracks of an artist. Asked
    again, the published version answers before each track, with at most so many of an artist in a session.
    """
    users, tracks = sizes
    sample = TrackSample(users, tracks, users, settings.seed)
    with POLICIES[policy](settings, sample, at_most) as (chosen, begins):
        return simulate(sample, chosen, sessions, settings.seed, begins, progress)


def _by_catalogue(rule: Callable[[Tracks, int], Policy]) -> Opening:
    """A policy that needs the tracks of the sample and a seed alone."""

    def opening(settings: Settings, sample: TrackSample, at_most: int) -> AbstractContextManager[tuple[Policy, int]]:
        return nullcontext((rule(build_tracks(sample.tracks, sample.seed), sample.seed), END))

    return opening


@contextmanager
def _by_lists(settings: Settings, sample: TrackSample, at_most: int) -> Iterator[tuple[Policy, int]]:
    """The list of each listener, made before any session."""
    with opened_system(settings, "tracks") as (module, opened):
        _check_sample(sample, module, opened)
        lists = dict(recommend_to_all(module.system, opened, 2 * MOST_TRACKS, {"artist": at_most}))
    yield list_policy(positions_of(lists)), END


@contextmanager
def _asked_again(settings: Settings, sample: TrackSample, at_most: int) -> Iterator[tuple[Policy, int]]:
    """What the published version answers before each track."""
    with opened_system(settings, "tracks") as (module, opened), opened.graph() as store:
        _check_sample(sample, module, opened)
        recommend = module.open_recommender(opened)
        recommend.refresh()
        begins = max(END, recommend(Request(k=1, reasons=False)).as_of or END)  # before, the version knows too much

        def past(listener: str) -> list[Listened]:
            columns = [*Listened.model_fields]
            return [Listened(**row) for row in store.edges_of(module.system.edge, listener, columns).to_pylist()]

        yield asking_policy(recommend, past, build_tracks(sample.tracks, sample.seed), at_most), begins


def _check_sample(sample: TrackSample, module: SystemModule, opened: Opened) -> None:
    version, published = open_published(module.system, opened)
    check_sample(sample, published.users.ids.ids, published.items.ids.ids, version.name)


POLICIES: Mapping[str, Opening] = {
    "random": _by_catalogue(random_policy),
    "popular": _by_catalogue(lambda tracks, seed: popular_policy(tracks)),
    "same-artist": _by_catalogue(lambda tracks, seed: same_artist_policy(tracks)),
    "model": _by_lists,
    "model-asked-again": _asked_again,
}
