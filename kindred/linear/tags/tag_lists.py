"""What else a track's list of tags may hold, given part of it: from the lists that are known, told exactly.

If every tag of a list is seen with the same chance, independently, then the list that a part came from is one of those
that hold the part, each as likely as it is frequent times what hiding the rest of it takes; the tags of that mixture
are the answer (Bayes, no approximation). A tag that is not in a list costs it a factor instead of striking it out, so
that parts which no known list holds are answered from those that nearly do.

In a graph of tags and lists this is one step from the given tags to the lists and one back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray

SEEN = 0.5
"""The chance that a tag of a list is seen."""
_VALUES_AT_ONCE = 1 << 23


@dataclass(frozen=True)
class TagLists:
    """Lists of tags that are known.

    Attributes:
        lists: each once, `[num_lists, num_tags]`, 0 or 1.
        weight: how likely each is to be the one, before a tag is seen, and what hiding its tags takes, `[num_lists]`.
    """

    lists: sp.csr_matrix
    weight: FloatArray

    @classmethod
    def of(cls, labels: sp.csr_matrix) -> TagLists:
        """The lists of tracks, `[num_tracks, num_tags]`."""
        packed = np.packbits(labels.toarray().astype(np.bool_), axis=1)
        _, first, counts = np.unique(packed, axis=0, return_index=True, return_counts=True)
        lists = sp.csr_matrix(labels[first], dtype=np.float32)
        hidden = np.power(1.0 - SEEN, np.diff(lists.indptr))
        return cls(lists, (counts * hidden / labels.shape[0]).astype(np.float32))

    def completed(self, given: NDArray[np.bool_], miss: float) -> FloatArray:
        """The chance of each tag to be in the list that these were seen of, `[num_rows, num_tags]`, given ones too.

        Args:
            given: the tags that were seen, `[num_rows, num_tags]`.
            miss: what a list is worth that lacks one of them, beside one that does not; above 0.
        """
        chances = np.empty(given.shape, dtype=np.float32)
        by_list = self.lists.T.tocsr()
        rows = max(_VALUES_AT_ONCE // self.lists.shape[0], 1)
        for begin in range(0, len(given), rows):
            part = given[begin : begin + rows]
            shared = np.asarray(part.astype(np.float32) @ by_list)  # [rows, num_lists]
            lacking = part.sum(axis=1, keepdims=True) - shared
            lacking -= lacking.min(axis=1, keepdims=True)  # of a part that no list holds the nearest ones count whole
            likely = np.power(np.float32(miss), lacking) * self.weight
            found = np.asarray(likely @ self.lists)
            chances[begin : begin + len(part)] = found / likely.sum(axis=1, keepdims=True)
        return chances
