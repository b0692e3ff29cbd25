"""The label graph of tagging: what a track's other tags are, given some of them, and which tags imply others.

Learned from lists of tags alone, so that tracks without frames get an answer too: a mixture of what known lists say
exactly (`linear/tags/tag_lists.py`) and of a network over tags (`models/tag_graph.py`), which also answers for lists
that are new. How much of each, and what a list is worth that lacks a given tag, is chosen on lists held out, known and
new ones counting alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from kindred.domain.errors import ArtifactError
from kindred.domain.interactions import BoolArray, FloatArray
from kindred.linear.tags.tag_lists import SEEN, TagLists
from kindred.linear.tags.tag_parents import parents_of, with_parents
from kindred.models.tag_graph import TagGraph, fit_tag_graph, load_tag_graph, save_tag_graph, tag_chances
from kindred.training.checkpoint import read_arrays, write_arrays
from kindred.training.fit import RunOptions

COMPLETION = "tag-completion"
"""Checkpoint of a run."""
MISSES, SHARES = (0.0003, 0.001, 0.003, 0.01), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
_MOST_HELD_OUT, _FEWEST = 4_000, 200


@dataclass(frozen=True)
class Mixture:
    """How the two parts are mixed: what a list is worth that lacks a given tag, and the network's share, 0 to 1."""

    miss: float = 0.001
    network: float = 0.0


@dataclass(frozen=True)
class TagCompletion:
    """What lists of tags tell.

    Attributes:
        lists: those of the training.
        network: over tags; None where there were too few lists to learn from.
        parents: which tags come with each tag always, `[num_tags, num_tags]`.
        mixture: of lists and network.
    """

    lists: TagLists
    network: TagGraph | None
    parents: BoolArray
    mixture: Mixture

    def chances(self, given: BoolArray) -> FloatArray:
        """The chance of each tag of a track that has these, and of these themselves 1, `[num_rows, num_tags]`."""
        found = self.lists.completed(given, self.mixture.miss)
        if self.network is not None and self.mixture.network:
            found = mixed(found, tag_chances(self.network, given), self.mixture.network)
        found[given] = 1.0
        return self.lawful(found)

    def lawful(self, probabilities: FloatArray) -> FloatArray:
        """The probabilities with no child likelier than its parent, `[num_rows, num_tags]`."""
        return with_parents(np.clip(probabilities, 0.0, 1.0), self.parents)

    def save(self, folder: Path) -> None:
        """Writes it into the folder of a run."""
        arrays: dict[str, NDArray[np.generic]] = {
            "lists.indices": self.lists.lists.indices,
            "lists.indptr": self.lists.lists.indptr,
            "lists.weight": self.lists.weight,
            "parents": self.parents,
        }
        if self.network is not None:
            save_tag_graph(self.network, folder)
        noted = {"miss": self.mixture.miss, "share": self.mixture.network, "network": self.network is not None}
        write_arrays(folder, COMPLETION, arrays, noted)


def load_tag_completion(folder: Path) -> TagCompletion:
    """The completion of a run.

    Raises:
        ArtifactError: it is missing, damaged or of another version.
    """
    arrays, noted = read_arrays(folder, COMPLETION)
    try:
        indices, indptr, parents = arrays["lists.indices"], arrays["lists.indptr"], arrays["parents"]
        ones = np.ones(len(indices), dtype=np.float32)
        lists = csr_matrix((ones, indices, indptr), shape=(len(indptr) - 1, len(parents)))
        network = load_tag_graph(folder) if noted["network"] else None
        known = TagLists(lists, arrays["lists.weight"])
        return TagCompletion(known, network, parents, Mixture(noted["miss"], noted["share"]))
    except (KeyError, ValueError) as error:
        raise ArtifactError(f"the label graph in {folder} is of another version: {error}", "train again") from error


def mixed(exact: FloatArray, network: FloatArray, share: float) -> FloatArray:
    """Both, the network with this share."""
    found: FloatArray = (1.0 - np.float32(share)) * exact + np.float32(share) * network
    return found


def fit_tag_completion(labels: csr_matrix, run: RunOptions) -> TagCompletion:
    """The completion of tracks with these tags, `[num_tracks, num_tags]`; tracks without tags say nothing.

    Args:
        labels: which track has which tag.
        run: seed, device, and the folder, where nothing is left.
    """
    listed = labels[np.flatnonzero(np.diff(labels.indptr))]
    several = np.flatnonzero(np.diff(listed.indptr) > 1)
    if len(several) < _FEWEST:
        return TagCompletion(TagLists.of(listed), None, parents_of(listed), Mixture())
    rng = np.random.default_rng([run.seed, 5])
    out = rng.permutation(several)[: min(_MOST_HELD_OUT, len(several) // 10)]
    kept = np.delete(np.arange(listed.shape[0]), out)
    held = listed[out].toarray().astype(np.bool_)
    mixture = _best_mixture(_fitted(listed[kept], run), held, partly_seen(held, rng))
    return replace(_fitted(listed, run), mixture=mixture)


def _fitted(listed: csr_matrix, run: RunOptions) -> TagCompletion:
    """Both parts, fitted to these lists."""
    folder = run.folder / "label-graph"
    try:
        network = fit_tag_graph(listed, RunOptions(folder, run.seed, "cpu", progress=run.progress))
    finally:
        rmtree(folder, ignore_errors=True)
    return TagCompletion(TagLists.of(listed), network, parents_of(listed), Mixture())


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
    """The loss of each mixture, of known and of new lists by the same weight."""
    assert completion.network is not None
    learned = completion.lists.lists.toarray().astype(np.bool_)
    known = {row.tobytes() for row in np.packbits(learned, axis=1)}
    new = np.array([row.tobytes() not in known for row in np.packbits(lists, axis=1)])
    groups = [group for group in (new, ~new) if group.any()]
    said = tag_chances(completion.network, seen)
    for miss in MISSES:
        exact = completion.lists.completed(seen, miss)
        for share in SHARES:
            chance = np.clip(mixed(exact, said, share), 1e-6, 1 - 1e-6)
            losses = -np.log(np.where(lists, chance, 1 - chance)) * ~seen
            by_list = losses.sum(axis=1)
            yield float(np.mean([by_list[group].mean() for group in groups])), Mixture(miss, share)
