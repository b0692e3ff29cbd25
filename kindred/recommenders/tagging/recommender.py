"""Answers with tags: of a track as the published version has them, of frames that came with a request."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kindred.domain.errors import RecordError
from kindred.domain.explanation import Explanation, Standing
from kindred.domain.interactions import BoolArray, FloatArray
from kindred.domain.recommendation import Answer, Recommendation, Request
from kindred.recommenders.answering.gone import gone_from_graph
from kindred.recommenders.answering.held_versions import HeldVersions
from kindred.recommenders.answering.opened import Opened
from kindred.recommenders.answering.request_parts import OF_TAGS, check_parts, left_aside, named_items
from kindred.recommenders.releases import ITEMS, run_of
from kindred.recommenders.runs import find_run
from kindred.recommenders.system import System
from kindred.recommenders.tagging.release import GIVEN, HEARD, PRIOR, TagRelease, likeliest, load_tag_release

if TYPE_CHECKING:
    from kindred.recommenders.tagging.answers import Tagger

LEVELS = {HEARD: "model", GIVEN: "folded-in", PRIOR: "popular"}
_GIVEN_ALREADY = "the track was given this tag: it is not predicted"
_NOTHING_LEFT = "there is no tag left that was asked for and is neither given nor excluded"
_NO_PATHS = "a predicted tag rests on what the track sounds like, and on no path of the graph"


@dataclass(frozen=True)
class TagVersion:
    """A published version, ready to answer from."""

    name: str
    run_folder: Path
    release: TagRelease

    @cached_property
    def tagger(self) -> Tagger:
        """What reads frames; the first look at it loads PyTorch."""
        from kindred.recommenders.tagging.answers import load_tagger

        return load_tagger(self.run_folder)


@dataclass(frozen=True)
class TrackTag:
    """A tag of a track: its id and name, how likely it is, and whether it was given rather than predicted."""

    tag: str
    name: str | None
    probability: float
    given: bool


class TagRecommender:
    """Answers requests for tags: the tracks take the place of users, and of items where similar ones are asked for."""

    def __init__(self, system: System, opened: Opened) -> None:
        self.system = system
        self._opened = opened
        self._vectors = opened.vectors.of(system.name)
        self._versions = HeldVersions(system, self._vectors, self._load)
        self._gone_of: dict[str, tuple[Collection[str], Collection[str]]] = {}

    def __call__(self, request: Request) -> Answer:
        """The k likeliest tags of a track, given ones left out unless asked for; of an unknown one how frequent.

        Raises:
            SettingsError: the request has a part that tags do not go by.
        """
        check_parts(self.system, request, OF_TAGS)
        held = self.version(request.version)
        release = held.release
        gone_tags, gone_tracks = self._gone(held)
        is_known = request.user_id is not None and request.user_id not in gone_tracks
        row = release.tracks.position(request.user_id) if is_known and request.user_id else None
        found, level, given = release.prior, "popular", np.zeros(len(release.tags), dtype=np.bool_)
        if row is not None:
            found, given = release.probabilities[row], release.given[row]
            level = LEVELS[str(release.rests_on[row])]
        barred = given if request.exclude_seen else np.zeros_like(given)
        chosen = [
            (tag, float(found[tag]))
            for tag in likeliest(found)
            if not barred[tag] and release.tags[tag] not in gone_tags and self._allowed(request, release.tags[tag])
        ][: request.k]
        tags = tuple(
            Recommendation(release.tags[tag], p, release.tag_names.get(release.tags[tag])) for tag, p in chosen
        )
        removed = {release.tags[tag]: "given" for tag in np.flatnonzero(barred).tolist()} if request.removed else {}
        nothing = "" if tags else _NOTHING_LEFT
        note = "; ".join(filter(None, [nothing, left_aside(named_items(request), release.tags, held.name)]))
        return Answer(request.user_id, tags, level, held.name, removed, self.system.name, note=note)

    def of_track(self, track: str, k: int) -> tuple[list[TrackTag], str] | None:
        """The k likeliest tags of a track, given ones too, and what the answer rests on; None for no such track."""
        held = self.version()
        release, (gone_tags, gone_tracks) = held.release, self._gone(held)
        row = release.tracks.position(track)
        if row is None or track in gone_tracks:
            return None
        return _told(release, release.probabilities[row], release.given[row], k, gone_tags), str(release.rests_on[row])

    def of_frames(self, frames: FloatArray, given: Sequence[str], k: int) -> list[TrackTag]:
        """The k likeliest tags of a track that sounds so, `[num_frames, frame_dim]`, and has these tags.

        Raises:
            RecordError: the frames are no finite numbers or of another width, or a given tag is not known.
        """
        from kindred.domain.frames import FramesInMemory
        from kindred.features.audio_frames import check_frames

        held = self.version()
        order = {tag: place for place, tag in enumerate(held.release.tags)}
        if unknown := [tag for tag in given if tag not in order]:
            raise RecordError(f"there is no tag {unknown[0]!r}", "tags are those of the training")
        has = np.zeros((1, len(order)), dtype=np.bool_)
        has[0, [order[tag] for tag in given]] = True
        tagger = held.tagger
        check_frames(frames, "the body")
        width = tagger.model.frame_dim
        if frames.shape[1] != width:
            raise RecordError(
                f"frames of width {frames.shape[1]}, {width} is wanted", "use the encoder of the training"
            )
        answers = tagger.answers(FramesInMemory([frames.astype(np.float32, copy=False)], width), has)
        if answers.rests_on[0] != HEARD:
            raise RecordError("the frames hold numbers that are too great", "send frames of the encoder that was used")
        return _told(held.release, answers.probabilities[0], has[0], k, self._gone(held)[0])

    def everyone(self, k: int) -> Iterator[tuple[str, list[str], list[float]]]:
        """Each track with the k likeliest tags that it was not given, best first, and their probabilities."""
        held = self.version()
        release, (gone_tags, gone_tracks) = held.release, self._gone(held)
        for row, track in enumerate(release.tracks):
            if track in gone_tracks:
                continue
            best = release.best(row, k + int(release.given[row].sum()) + len(gone_tags))
            left = [(tag, chance) for tag, chance in best if not release.given[row, tag]]
            chosen = [(release.tags[tag], chance) for tag, chance in left if release.tags[tag] not in gone_tags][:k]
            yield track, [tag for tag, _ in chosen], [chance for _, chance in chosen]

    def similar(self, item_id: str, k: int = 10) -> Answer:
        """The tracks that sound most like a track; none, and a note, for one whose sound is not known.

        Where the version heard no track, those with the tags most like its own.

        Raises:
            RecordError: the published version has no such track.
        """
        held = self.version()
        own = self._vectors.fetch(held.name, ITEMS, [item_id])
        titles = held.release.titles
        by_sound = bool((held.release.rests_on == HEARD).any())
        level = "similar" if by_sound else "folded-in"
        base = Answer(None, (), level, held.name, system=self.system.name, item_id=item_id, title=titles.get(item_id))
        gone = self._gone(held)[1]
        if item_id in gone or not len(own.ids):
            if item_id in gone or item_id not in held.release.tracks:
                raise RecordError(f"there is no track {item_id!r} in the published version", "see `kindred publish`")
            unknown = "how it sounds is not known: it has no frames" if by_sound else "no tag of it is known"
            return replace(base, note=unknown)
        found = self._vectors.search(held.name, ITEMS, own.vectors[0], k, exclude=[item_id, *gone])
        tracks = tuple(Recommendation(c.item_id, c.score, titles.get(c.item_id), source="similar") for c in found)
        return replace(base, recommendations=tracks)

    def why(self, user_id: str, item_id: str, at: int | None = None) -> Explanation:
        """How likely a tag is for a track and which rank that is; it rests on sound, and on no path of the graph.

        Raises:
            RecordError: the published version has no such tag.
        """
        held = self.version()
        if item_id not in held.release.tags or item_id in self._gone(held)[0]:
            raise RecordError(f"there is no tag {item_id!r}", "tags are those of the training")
        answer = self(Request(user_id=user_id, k=len(held.release.tags)))
        ranks = {item.item_id: (item.score, rank) for rank, item in enumerate(answer.recommendations, 1)}
        name = held.release.tag_names.get(item_id)
        standing, note = Standing(*ranks.get(item_id, (1.0, None))), _NO_PATHS if item_id in ranks else _GIVEN_ALREADY
        said = (name, standing, (), None, answer.level, held.name, None, note)
        return Explanation(self.system.name, user_id, item_id, *said)

    def example_users(self, count: int) -> list[str]:
        """Tracks that were heard."""
        held = self.version()
        release, gone = held.release, self._gone(held)[1]
        heard = (release.tracks.external(int(row)) for row in np.flatnonzero(release.rests_on != PRIOR))
        return list(islice((track for track in heard if track not in gone), count))

    def refresh(self) -> str:
        """Takes the published version; its name."""
        return self._versions.hold(self._versions.of(self._versions.published()))

    def is_quick(self, request: Request) -> bool:
        """Answers are in memory."""
        return True

    def in_memory(self) -> TagRecommender:
        """The same: answers ask no vector engine."""
        other = copy.copy(self)
        other._versions = replace(self._versions)
        return other

    def version(self, name: str | None = None) -> TagVersion:
        """The version of that name, else what answers now."""
        return self._versions.of(name)

    def listed(self) -> tuple[Collection[str], Collection[str]]:
        """The tags and the tracks of the version in force."""
        release = self.version().release
        return release.tags, release.tracks.ids

    def _gone(self, held: TagVersion) -> tuple[Collection[str], Collection[str]]:
        """Tags and tracks of a version that are there no more."""
        known = self._opened.known
        if known is not None:
            return known.barred(None), known.gone_users()
        if held.name not in self._gone_of:
            listed = ((self.system.item, held.release.tags), (self.system.user, held.release.tracks.ids))
            tags, tracks = (gone_from_graph(self._opened, node, ids) for node, ids in listed)
            self._gone_of[held.name] = tags, tracks
        return self._gone_of[held.name]

    def _load(self, name: str) -> TagVersion:
        folder = find_run(self._opened.runs_folder, run_of(name)).folder
        return TagVersion(name, folder, load_tag_release(folder, name))

    def _allowed(self, request: Request, tag: str) -> bool:
        return tag not in request.exclude and (request.among is None or tag in request.among)


def _told(release: TagRelease, chances: FloatArray, given: BoolArray, k: int, gone: Collection[str]) -> list[TrackTag]:
    """The k likeliest of a track's tags, `[num_tags]`, of those that are not gone."""
    ids, names = release.tags, release.tag_names
    best = [tag for tag in likeliest(chances) if ids[tag] not in gone][:k]
    return [TrackTag(ids[tag], names.get(ids[tag]), float(chances[tag]), bool(given[tag])) for tag in best]
