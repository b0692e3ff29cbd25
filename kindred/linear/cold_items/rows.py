"""The rows of items that no training saw, from their text and their first events, on the scale of the known items.

Three things are added up. The mean row of the ten items that read most similar carries what holds for such items: how
loud they are, when they are wanted. But no item speaks for itself in a model without diagonal, so that mean passes over
the very users who chose a similar item; a map learned from who came to choose known items that were taken out of all
histories finds them (`fit.py`). And who chose the item already tells more than any text. An offset that all users see
alike, learned too, decides how many positions new items get in lists of the whole catalogue.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import unit_rows
from kindred.domain.interactions import FloatArray, IntArray

NEAREST = 10
EVENT_COUNTS = (0, 1, 2, 5)
"""Numbers of first events at which the map is calibrated; between them it is interpolated, beyond them constant."""
_AT_ONCE = 2_048
"""New items whose similarities with all known ones are held at a time."""


@dataclass(frozen=True)
class ColdItemConfig:
    """How new items are placed; the same values for every data set.

    Attributes:
        sharpness: of the kernel exp(sharpness · (cosine − 1)): the higher, the more alike texts must be to matter.
        text_ridge: ridge of the map from text, in mean item counts.
        user_ridge: ridge of the map from users' rows, in their mean squared entries.
        similar_items: weight of the mean of similar items beside the learned map, 0 to 1.
        choosers: weight of the users who chose an item already beside both of them.
        max_share: part of all positions in lists of ten that new items get while they are a fifth of the catalogue. It
            costs the known items about as large a part of their recall; more lets new items into more lists.
        folds: number of parts of the catalogue, each in its turn taken out of the histories.
        max_items: most items that teach, those chosen most often.
        max_users: most users whose lists are looked at, a seeded sample where there are more.
        max_scores: users × items that are looked at; large catalogues get fewer users.
        seed: of the folds and samples.
    """

    sharpness: float = 2.0
    text_ridge: float = 1.0
    user_ridge: float = 0.2
    similar_items: float = 0.5
    choosers: float = 1.0
    max_share: float = 0.008
    folds: int = 5
    max_items: int = 4_096
    max_users: int = 3_000
    max_scores: int = 20_000_000
    seed: int = 0


@dataclass(frozen=True)
class FirstEvents:
    """Who chose each new item, in the order of the items.

    Attributes:
        rows: sum of the rows of the users who chose it, each encoded from what else they did, `[num_new, width]`.
        counts: how many they are, `[num_new]`.
    """

    rows: FloatArray
    counts: IntArray

    def take(self, part: slice) -> FirstEvents:
        """Those of some of the items."""
        return FirstEvents(self.rows[part], self.counts[part])


@dataclass(frozen=True)
class ColdItemMap:
    """From a new item's text and first events to its row.

    Attributes:
        text_mean: mean text vector of the items it was learned from, `[text_dim]`.
        known_text: unit text vectors of those items, less the mean, `[num_known, text_dim]`.
        known_rows: their rows, scaled, `[num_known, width]`.
        asked_rows: what each of them adds to finding its kind's users, scaled, and at the end what all have in common,
            `[num_known + 1, width]`.
        chooser_map: from the mean row of the users who chose an item to a row that finds users like them,
            `[width, width]`.
        constant: the direction in which all users are 1, `[width]`.
        mean_user: mean row of all users, `[width]`.
        offsets: along `constant`, at each of `EVENT_COUNTS`.
        sharpness: of the kernel between texts, see `ColdItemConfig`.
        chooser_weight: of the users who chose an item, beside its text.
    """

    text_mean: FloatArray
    known_text: FloatArray
    known_rows: FloatArray
    asked_rows: FloatArray
    chooser_map: FloatArray
    constant: FloatArray
    mean_user: FloatArray
    offsets: FloatArray
    sharpness: float
    chooser_weight: float

    def encode(self, text: FloatArray, events: FirstEvents | None = None) -> FloatArray:
        """Rows whose scores compare with those of known items for the same user, `[num_new, width]`.

        Each item is placed as if it were alone. One that has neither text nor events gets the row of an average item
        and should not be published.

        Args:
            text: title and description, or the mean of the first events' texts where items have none, from the encoder
                of the training; zeros where there is no text, `[num_new, text_dim]`.
            events: who chose them already; None where no user has.
        """
        parts = (slice(start, start + _AT_ONCE) for start in range(0, max(len(text), 1), _AT_ONCE))
        return np.concatenate([self._placed(text[part], events and events.take(part)) for part in parts])

    def _placed(self, text: FloatArray, events: FirstEvents | None) -> FloatArray:
        counts = np.zeros(len(text)) if events is None else np.asarray(events.counts, dtype=np.float64)
        rows = self.rows_alike(text) + self.rows_asked(text)
        if events is not None:
            rows = rows + self.chooser_weight * self.rows_of_choosers(events)
        offsets = np.interp(np.log1p(counts), np.log1p(EVENT_COUNTS), self.offsets)
        placed: FloatArray = (rows + offsets[:, None] * self.constant).astype(np.float32)
        return placed

    def rows_alike(self, text: FloatArray) -> FloatArray:
        """What items that read most similar say, of items without text all known ones, `[num_new, width]`."""
        similarity = self._similarity(text)
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, :NEAREST]
        rows: FloatArray = np.where(
            _has_text(text), self.known_rows[nearest].mean(axis=1), self.known_rows.mean(axis=0)
        )
        return rows

    def rows_asked(self, text: FloatArray) -> FloatArray:
        """What finds the users who come to choose items with such a text, `[num_new, width]`."""
        added = text_kernel(self._similarity(text), self.sharpness) @ self.asked_rows[:-1]
        rows: FloatArray = np.where(_has_text(text), added, 0) + self.asked_rows[-1]
        return rows

    def rows_of_choosers(self, events: FirstEvents) -> FloatArray:
        """What finds users like those who chose each item, `[num_new, width]`; zeros where there are none.

        All items get one length, in the scores they give: users with long histories have long rows, and an item that
        such a user chose first is not wanted more for it.
        """
        counts = events.counts[:, None]
        apart = np.where(counts > 0, events.rows / np.maximum(counts, 1) - self.mean_user, 0).astype(np.float32)
        found = apart @ self.chooser_map
        length = np.sqrt(np.maximum((apart * found).sum(axis=1, keepdims=True), 1e-30))
        rows: FloatArray = found / length
        return rows

    def _similarity(self, text: FloatArray) -> FloatArray:
        """Cosine with each known item's text, `[num_new, num_known]`."""
        similarity: FloatArray = unit_rows(text - self.text_mean) @ self.known_text.T
        return similarity

    def state(self) -> tuple[dict[str, NDArray[np.floating]], dict[str, Any]]:
        """Plain arrays and a JSON-able dict; `from_state` brings the same map back."""
        arrays = asdict(self)
        return arrays, {name: arrays.pop(name) for name in ("sharpness", "chooser_weight")}

    @classmethod
    def from_state(cls, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> ColdItemMap:
        """The map whose `state` this is."""
        return cls(**{**arrays, **numbers})


def _has_text(text: FloatArray) -> NDArray[np.bool_]:
    present: NDArray[np.bool_] = (text != 0).any(axis=1, keepdims=True)
    return present


def text_kernel(similarity: FloatArray, sharpness: float) -> FloatArray:
    """How far one text speaks for another, 1 for the same, from cosines of any shape."""
    kernel: FloatArray = np.exp(np.float32(sharpness) * (similarity - 1))
    return kernel
