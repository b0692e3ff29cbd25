"""A published version of tags: what it says of every track, kept in the folder of its run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import BoolArray, FloatArray
from kindred.recommenders.releases import read_release
from kindred.training.checkpoint import write_arrays

HEARD, GIVEN, PRIOR = "sound", "tags", "prior"
"""What an answer rests on: frames (and given tags, where there are some), given tags alone, or nothing of the track."""
_RESTS_ON = (PRIOR, GIVEN, HEARD)


@dataclass(frozen=True)
class TagRelease:
    """What a version says.

    Attributes:
        tracks: ids by position.
        tags: ids in the order of the columns.
        probabilities: in [0, 1], `[num_tracks, num_tags]`.
        rests_on: what the answer for each track rests on, `[num_tracks]`.
        given: the tags that each track had, `[num_tracks, num_tags]`.
        prior: how frequent each tag is, the answer for an unknown track, `[num_tags]`.
        tag_names: of those that have one, by id.
        titles: of the tracks that have one, by id.
    """

    tracks: IdMap
    tags: tuple[str, ...]
    probabilities: FloatArray
    rests_on: NDArray[np.str_]
    given: BoolArray
    prior: FloatArray
    tag_names: dict[str, str]
    titles: dict[str, str]

    def same_content(self, other: TagRelease) -> bool:
        """Whether both say the same of the same tracks."""
        mine, theirs = ((r.tracks, r.tags, r.tag_names, r.titles) for r in (self, other))
        arrays = ((self.probabilities, other.probabilities), (self.given, other.given), (self.rests_on, other.rests_on))
        return mine == theirs and all(np.array_equal(a, b) for a, b in arrays)

    def best(self, row: int, k: int) -> list[tuple[int, float]]:
        """The k likeliest tags of a track, by position, with their probabilities."""
        chances = self.probabilities[row]
        return [(tag, float(chances[tag])) for tag in likeliest(chances)[:k]]

    def save(self, folder: Path, version: str) -> None:
        """Writes it into the folder of its run."""
        arrays: dict[str, NDArray[np.generic]] = {
            "probabilities": self.probabilities,
            "given": np.packbits(self.given, axis=1),
            "prior": self.prior,
            "rests_on": np.array([_RESTS_ON.index(name) for name in self.rests_on.tolist()], np.int8),
        }
        noted = {"tracks": self.tracks.ids, "tags": self.tags, "tag_names": self.tag_names, "titles": self.titles}
        write_arrays(folder, f"release-{version}", arrays, noted)


def likeliest(chances: FloatArray) -> list[int]:
    """Positions of all tags, the likeliest first, of equal ones the first first."""
    order: list[int] = np.lexsort((np.arange(len(chances)), -chances)).tolist()
    return order


def load_tag_release(folder: Path, version: str) -> TagRelease:
    """What a version says. Raises: ArtifactError where there is nothing whole."""
    arrays, noted = read_release(folder, version)
    try:
        tags = tuple(noted["tags"])
        given = np.unpackbits(arrays["given"], axis=1, count=len(tags)).astype(np.bool_)
        rests_on = np.array(_RESTS_ON)[arrays["rests_on"]]
        return TagRelease(
            IdMap(noted["tracks"]),
            tags,
            arrays["probabilities"],
            rests_on,
            given,
            arrays["prior"],
            noted["tag_names"],
            noted["titles"],
        )
    except (KeyError, ValueError, IndexError) as error:
        raise ArtifactError(f"version {version} is of another layout: {error}", "publish it again") from error
