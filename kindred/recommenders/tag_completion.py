"""The label graph of tagging: what a track's other tags are, given some of them, and which tags imply others.

Learned from lists of tags alone, so that tracks without frames get an answer too: a mixture of what known lists say
exactly (`linear/tag_lists.py`) and of EASE, which also answers for lists that are new. How much of each, and
what a list is worth that lacks a given tag, is chosen on lists held out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kindred.domain.errors import ArtifactError
from kindred.domain.interactions import FloatArray
from kindred.linear.known_items import co_occurrence
from kindred.linear.ridge import ease_weights
from kindred.linear.tag_lists import SEEN, TagLists
from kindred.linear.tag_parents import parents_of, with_parents
from kindred.training.checkpoint import read_arrays, write_arrays

BoolArray = NDArray[np.bool_]
COMPLETION = "tag-completion"
"""Checkpoint of a run."""
MISSES, SHARES = (0.0003, 0.001, 0.003, 0.01), (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
RIDGE = 200.0
_MOST_HELD_OUT, _FEWEST = 4_000, 200


@dataclass(frozen=True)
class Mixture:
    """How the two parts are mixed: what a list is worth that lacks a given tag, and the share of EASE, 0 to 1."""

    miss: float = 0.001
    ease: float = 0.3


@dataclass(frozen=True)
class TagCompletion:
    """What lists of tags tell.

    Attributes:
        lists: those of the training.
        weights: of EASE, `[num_tags, num_tags]`.
        prior: share of the lists that each tag is in, `[num_tags]`.
        parents: which tags come with each tag always, `[num_tags, num_tags]`.
        mixture: of lists and EASE.
    """

    lists: TagLists
    weights: FloatArray
    prior: FloatArray
    parents: BoolArray
    mixture: Mixture

    def chances(self, given: BoolArray) -> FloatArray:
        """The chance of each tag of a track that has these, and of these themselves 1, `[num_rows, num_tags]`."""
        exact = self.lists.completed(given, self.mixture.miss)
        found = mixed(exact, self.by_ease(given), self.mixture.ease)
        found[given] = 1.0
        return self.lawful(found)

    def by_ease(self, given: BoolArray) -> FloatArray:
        """The scores of EASE as chances; of a track without tags how frequent each is, `[num_rows, num_tags]`."""
        found: FloatArray = np.clip(given.astype(np.float32) @ self.weights, 0.0, 1.0)
        found[~given.any(axis=1)] = self.prior
        return found

    def lawful(self, probabilities: FloatArray) -> FloatArray:
        """The probabilities with no child likelier than its parent, `[num_rows, num_tags]`."""
        return with_parents(np.clip(probabilities, 0.0, 1.0), self.parents)

    def save(self, folder: Path) -> None:
        """Writes it into the folder of a run."""
        arrays: dict[str, NDArray[np.generic]] = {
            "lists.indices": self.lists.lists.indices,
            "lists.indptr": self.lists.lists.indptr,
            "lists.weight": self.lists.weight,
            "weights": self.weights,
            "prior": self.prior,
            "parents": self.parents,
        }
        write_arrays(folder, COMPLETION, arrays, {"miss": self.mixture.miss, "ease": self.mixture.ease})


def load_tag_completion(folder: Path) -> TagCompletion:
    """The completion of a run.

    Raises:
        ArtifactError: it is missing, damaged or of another version.
    """
    arrays, noted = read_arrays(folder, COMPLETION)
    try:
        indices, indptr = arrays["lists.indices"], arrays["lists.indptr"]
        shape = (len(indptr) - 1, len(arrays["prior"]))
        lists = csr_matrix((np.ones(len(indices), dtype=np.float32), indices, indptr), shape=shape)
        known = TagLists(lists, arrays["lists.weight"])
        mixture = Mixture(noted["miss"], noted["ease"])
        return TagCompletion(known, arrays["weights"], arrays["prior"], arrays["parents"], mixture)
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"the label graph in {folder} is of another version: {error}", "train again") from error


def mixed(exact: FloatArray, ease: FloatArray, share: float) -> FloatArray:
    """Both, EASE with this share."""
    found: FloatArray = (1.0 - np.float32(share)) * exact + np.float32(share) * ease
    return found


def fit_tag_completion(labels: csr_matrix, seed: int) -> TagCompletion:
    """The completion of tracks with these tags, `[num_tracks, num_tags]`; tracks without tags say nothing."""
    listed = labels[np.flatnonzero(np.diff(labels.indptr))]
    several = np.flatnonzero(np.diff(listed.indptr) > 1)
    if len(several) < _FEWEST:
        return fitted(listed, Mixture())
    rng = np.random.default_rng([seed, 5])
    out = rng.permutation(several)[: min(_MOST_HELD_OUT, len(several) // 10)]
    kept = np.delete(np.arange(listed.shape[0]), out)
    held = listed[out].toarray().astype(np.bool_)
    return fitted(listed, _best_mixture(fitted(listed[kept], Mixture()), held, partly_seen(held, rng)))


def fitted(listed: csr_matrix, mixture: Mixture) -> TagCompletion:
    """The completion of these lists with a mixture that is known already."""
    matrix = csr_matrix(listed, dtype=np.float32)
    weights = ease_weights(co_occurrence(matrix), RIDGE)
    prior = np.asarray(matrix.mean(axis=0), dtype=np.float32).ravel()
    return TagCompletion(TagLists.of(listed), weights, prior, parents_of(listed), mixture)


def partly_seen(lists: BoolArray, rng: np.random.Generator) -> BoolArray:
    """Part of each list of two tags or more, every tag with the same chance, at least one and not all."""
    random = np.where(lists, rng.random(lists.shape), np.nan)
    seen: BoolArray = random < SEEN
    rows = np.arange(len(lists))
    none, everything = ~seen.any(axis=1), (seen == lists).all(axis=1)
    seen[rows[none], np.nanargmin(random, axis=1)[none]] = True
    seen[rows[everything], np.nanargmax(random, axis=1)[everything]] = False
    return seen


def _best_mixture(completion: TagCompletion, lists: BoolArray, seen: BoolArray) -> Mixture:
    """The mixture that makes what is hidden of lists likeliest."""
    return min(_losses(completion, lists, seen), key=lambda found: found[0])[1]


def _losses(completion: TagCompletion, lists: BoolArray, seen: BoolArray) -> Iterator[tuple[float, Mixture]]:
    ease, hidden = completion.by_ease(seen), ~seen
    truth = lists[hidden]
    for miss in MISSES:
        exact = completion.lists.completed(seen, miss)
        for share in SHARES:
            chance = np.clip(mixed(exact, ease, share)[hidden], 1e-6, 1 - 1e-6)
            yield float(-np.log(np.where(truth, chance, 1 - chance)).sum()), Mixture(miss, share)
