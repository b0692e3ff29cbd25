"""The linear ensemble: all linear and learned scorers in one space of dot products, inductive by construction.

A user is a sum over their own events: of item rows, text, periods and a constant. So a user who came a second ago is
encoded by the same sum as one of the training data, and a single vector search over `items` gives the ranking.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.interactions import FloatArray, Interactions
from kindred.linear.cold_items.rows import ColdItemMap, FirstEvents
from kindred.linear.inputs.event_text import EventText
from kindred.linear.inputs.user_features import HistoryStatistics, user_sums


@dataclass(frozen=True)
class LinearEnsemble:
    """A fitted ensemble. score(user, item) = user row · item row, the best highest.

    Attributes:
        statistics: what the sums over events need.
        sources: rows of each user feature, `[feature_dim, width]`.
        items: `[num_items, width]`.
        scorer_weights: what validation gave each scorer, in units of its spread.
        cold_items: from a text and first events to the row of a new item; None of fewer than two items.
        notes: what a user of the ensemble should be told of how it was fitted, a sentence each; usually none.
    """

    statistics: HistoryStatistics
    sources: dict[str, FloatArray]
    items: FloatArray
    scorer_weights: dict[str, float]
    cold_items: ColdItemMap | None = None
    notes: tuple[str, ...] = ()

    def encode_users(
        self, events: Interactions, event_text: EventText | None = None, learned: FloatArray | None = None
    ) -> FloatArray:
        """The row of every user of the axis from these events alone, `[num_users, width]`.

        Users need not be known from training, items must be; no user's row depends on another user.

        Args:
            events: what the users did.
            event_text: of each event.
            learned: learned embedding of each user, where the ensemble holds a learned scorer, `[num_users, dim]`;
                left out for users whom that model doesn't know.
        """
        features = user_sums(events, event_text, self.statistics)
        if learned is not None and "learned" in self.sources:
            features["learned"] = learned
        rows = np.zeros((events.num_users, self.items.shape[1]), dtype=np.float32)
        for name, source in self.sources.items():
            if name in features:
                rows += np.asarray(features[name] @ source, dtype=np.float32)
        return rows

    def encode_cold_items(self, text: FloatArray, events: FirstEvents | None = None) -> FloatArray:
        """Rows of items that the training did not know, in the whole catalogue, `[num_new, width]`.

        Args:
            text: `[num_new, text_dim]`, from the same encoder as in training; zeros where an item has none;
                `[num_new, 1]` where no item of the training had one.
            events: who chose them already.

        Raises:
            ValueError: the ensemble was fitted on fewer than two items.
        """
        if self.cold_items is None:
            raise ValueError("this ensemble was fitted on fewer than two items and can't place a new one")
        return self.cold_items.encode(text, events)

    def state(self) -> tuple[dict[str, NDArray[np.floating]], dict[str, Any]]:
        """Plain arrays and a JSON-able dict; `from_state` brings the same ensemble back."""
        numbers = asdict(self.statistics)
        arrays = {"statistics.text_mean": numbers.pop("text_mean"), "statistics.time_knots": numbers.pop("time_knots")}
        arrays |= {"items": self.items} | {f"source.{name}": source for name, source in self.sources.items()}
        manifest: dict[str, Any] = {
            "statistics": numbers,
            "scorer_weights": self.scorer_weights,
            "notes": list(self.notes),
        }
        if self.cold_items is not None:
            cold, manifest["cold_items"] = self.cold_items.state()
            arrays |= {f"cold_items.{name}": array for name, array in cold.items()}
        return arrays, manifest

    @classmethod
    def from_state(cls, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]) -> LinearEnsemble:
        """The ensemble whose `state` this is. Raises: KeyError or TypeError where it is one of another version."""
        statistics = HistoryStatistics(
            text_mean=arrays["statistics.text_mean"],
            time_knots=arrays["statistics.time_knots"],
            **numbers["statistics"],
        )
        prefix = "source."
        sources = {name.removeprefix(prefix): rows for name, rows in arrays.items() if name.startswith(prefix)}
        weights = {str(name): float(weight) for name, weight in numbers["scorer_weights"].items()}
        cold = None
        if "cold_items" in numbers:
            prefix = "cold_items."
            of_map = {name.removeprefix(prefix): rows for name, rows in arrays.items() if name.startswith(prefix)}
            cold = ColdItemMap.from_state(of_map, numbers["cold_items"])
        return cls(statistics, sources, arrays["items"], weights, cold, tuple(numbers["notes"]))
