"""Lists of tags from a tree: a few tags that stand above many, tags by themselves, and tags that come together.

The shares are those of a published set of music tags (256 tags, 51,134 tracks): a list has 3.9 tags, the tags stand
under 11 parents of very unequal size, a tag's parent is in the same list in 98 of 100 cases, and the rarest tag is on
one track of 250 while the most frequent ones are on two of five.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import BoolArray, IntArray
from kindred.ingest.generate.sampler import Sampler

# one tag in 23 is a parent, three in four stand under one, the rest stand alone
_UNDER = (65, 60, 16, 12, 8, 8, 6, 6, 2, 2, 1)  # how many tags stand under each parent, of 186
_ON_TRACKS = (36, 32, 5.8, 4.4, 4.0, 2.8, 4.3, 1.8, 2.4, 1.3, 1.0)  # how often each has a tag in a list, relatively
_LENGTHS = (0.02, 24.0, 28.0, 22.0, 12.0, 6.5, 3.6, 1.8, 1.0, 0.6, 0.4)  # lists of 1, 2, 3 … tags, per cent
_CLUSTER = 5  # tags of one parent that are found together more than others
PARENT_TOO = 0.985  # chance that a tag brings its parent
SAME_CLUSTER, SAME_PARENT, ALONE = 0.52, 0.84, 0.92  # running sums: where the next tag of a list comes from; else anew


@dataclass(frozen=True)
class TagTree:
    """Tags and how they hang together.

    Attributes:
        parent: the tag above each tag, its own number where there is none, `[num_tags]`.
        cluster: tags of equal number are found together; tags that stand alone have that of their companions.
        fame: how often a tag is chosen, relatively, `[num_tags]`.
    """

    parent: IntArray
    cluster: IntArray
    fame: NDArray[np.float64]

    @property
    def alone(self) -> BoolArray:
        """Tags that neither stand under another nor have any under them, `[num_tags]`."""
        own = self.parent == np.arange(len(self.parent))
        has_children = np.bincount(self.parent, minlength=len(self.parent)) > own
        standing: BoolArray = own & ~has_children
        return standing


def tag_tree(num_tags: int, seed: int) -> TagTree:
    """The tree of so many tags; which number a tag has says nothing about its place."""
    sampler = Sampler(seed, 41)
    order = sampler.order(num_tags)
    num_parents = max(1, min(len(_UNDER), num_tags // 23))
    num_under = max(0, min(num_tags - num_parents, num_tags * 186 // 256))
    shares = np.array(_UNDER[:num_parents], float)
    under = np.searchsorted(np.cumsum(shares) / shares.sum(), (np.arange(num_under) + 0.5) / max(num_under, 1))
    begins = np.searchsorted(under, under)  # the first of those under the same parent
    rank = np.arange(num_under) - begins
    parent, cluster, fame = order.copy(), np.zeros(num_tags, np.int64), np.ones(num_tags)
    parent[num_parents : num_parents + num_under] = order[under]
    clusters = under * num_tags + rank // _CLUSTER
    cluster[num_parents : num_parents + num_under] = clusters
    size = np.bincount(under, minlength=num_parents)
    fame[:num_parents] = 0.0
    weight = np.array(_ON_TRACKS[:num_parents])[under] / np.maximum(size[under], 1)
    fame[num_parents : num_parents + num_under] = weight * (0.45 + 6.0 / (3.0 + rank))
    num_alone = num_tags - num_parents - num_under
    if num_under:
        cluster[num_parents + num_under :] = clusters[sampler.below(np.full(num_alone, num_under))]
    fame[num_parents + num_under :] = 0.16 + 3.0 / (3.0 + np.arange(num_alone))
    if not num_under:
        fame[:] = 1.0
    back = np.empty(num_tags, np.int64)
    back[order] = np.arange(num_tags)
    return TagTree(parent[back], cluster[back], fame[back])


def tag_lists(tree: TagTree, num: int, sampler: Sampler) -> BoolArray:
    """Which tags each of so many lists has, `[num, num_tags]`."""
    num_tags = len(tree.parent)
    lists = np.zeros((num, num_tags), np.bool_)
    lengths = np.minimum(1 + sampler.weighted(np.cumsum(_LENGTHS), num), num_tags)
    everything = np.cumsum(tree.fame)
    last = sampler.weighted(everything, num)
    rows = np.arange(num)
    for _ in range(2 * len(_LENGTHS)):
        open_for_more = rows[lists[rows].sum(axis=1) < lengths[rows]]
        rows = open_for_more
        if not len(rows):
            break
        lists[rows, last[rows]] = True
        with_parent = rows[sampler.chance(PARENT_TOO, len(rows))]
        lists[with_parent, tree.parent[last[with_parent]]] = True
        last[rows] = _next(tree, last[rows], everything, sampler)
    return lists


def _next(tree: TagTree, last: IntArray, everything: NDArray[np.float64], sampler: Sampler) -> IntArray:
    """What may come next in lists whose last tag this was, `[num]`."""
    how = sampler.uniform(len(last))
    chosen = sampler.weighted(everything, len(last))
    where = np.where(how < SAME_CLUSTER, 0, np.where(how < SAME_PARENT, 1, np.where(how < ALONE, 2, 3)))
    pick = sampler.uniform(len(last))
    for kind, group in ((0, tree.cluster), (1, tree.parent), (2, np.where(tree.alone, tree.cluster, -1))):
        wanted = tree.cluster if kind == 2 else group
        for value in np.unique(wanted[last[where == kind]]).tolist():
            members = np.flatnonzero((group == value) & (tree.fame > 0))
            here = np.flatnonzero((where == kind) & (wanted[last] == value))
            if len(members):
                fame = np.cumsum(tree.fame[members])
                found = np.searchsorted(fame, pick[here] * fame[-1], side="right")
                chosen[here] = members[np.minimum(found, len(members) - 1)]
    return chosen
