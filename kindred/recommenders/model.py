"""The model of a system: graph network and linear scorers in one space of dot products. Encode, rate, save, load.

Loading it imports no PyTorch and reads neither the network nor the users' rows: the answer to a known user needs none
of them. They are read where a history must be encoded or the model is published.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from kindred.domain.embeddings import Vectors, unit_rows
from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.domain.rating_scale import RatingScale
from kindred.gnn.columns import Column
from kindred.gnn.onnx_encoder import OnnxEncoder, can_run, has_encoder, load_encoder
from kindred.linear.cold_items.rows import NEAREST
from kindred.linear.ensemble.model import LinearEnsemble
from kindred.linear.inputs.user_features import ITEM_SUMS, history_weight
from kindred.recommenders.histories import Histories, no_histories
from kindred.recommenders.item_context import ItemContext
from kindred.recommenders.runs import OWN_MODEL
from kindred.recommenders.system import System
from kindred.training.checkpoint import read_arrays, write_arrays

if TYPE_CHECKING:
    from kindred.recommenders.learned_part import LearnedPart

BaselineName = Literal["ease", "itemknn", "popularity", "gf-cf", "als", "lightgcn"]
ModelName = Literal["gnn", BaselineName]
_LOG = logging.getLogger("kindred.recommenders")
ANONYMOUS = "anonymous"
"""The source that holds the row of an anonymous user, where it is not what no events say.

That of a baseline is as near to popularity as the space allows.
"""
RANKING, VECTORS = "ranking", "vectors"


@dataclass(frozen=True)
class Model:
    """What was fitted.

    Attributes:
        system: what it recommends.
        name: `gnn` for the system's own model, else the baseline that it is.
        users: user ids by position.
        items: item ids by position.
        ranking: the space that is published.
        scale: of the ratings it learned from, None where there were none.
        reads_text: whether texts were read.
        open_vectors: gives the rows of the users, `[num_users, width]`.
        open_learned: gives the graph network whose vectors are one scorer of the space; None where there is none.
        open_exported: gives what encodes histories in its place without PyTorch; None where none was exported.
        context: describes items by what they lead to; None where that told none from another.
    """

    system: System
    name: ModelName
    users: IdMap
    items: IdMap
    ranking: LinearEnsemble
    scale: RatingScale | None
    reads_text: bool
    open_vectors: Callable[[], Vectors]
    open_learned: Callable[[], LearnedPart] | None
    open_exported: Callable[[], OnnxEncoder] | None = None
    context: ItemContext | None = None

    @cached_property
    def vectors(self) -> Vectors:
        """Rows of the users, `[num_users, width]`."""
        return self.open_vectors()

    @cached_property
    def learned(self) -> LearnedPart | None:
        """The graph network, None where there was too little to learn from."""
        return None if self.open_learned is None else self.open_learned()

    def score_users(self, user_index: IntArray) -> FloatArray:
        """Score of every item for these users, `[len(user_index), num_items]`."""
        scores: FloatArray = self.vectors[user_index] @ self.ranking.items.T
        return scores

    def rate(self, user_index: IntArray, item_index: IntArray) -> FloatArray:
        """Expected rating of each pair, `[num_pairs]`.

        Raises:
            ArtifactError: the model only ranks.
        """
        if self.learned is None:
            raise ArtifactError(
                f"this model ({self.name}) only ranks, it has no ratings", "train the system's own on more events"
            )
        return self.learned.rate(user_index, item_index)

    def encode(self, histories: Histories) -> Vectors:
        """Rows of users from their histories alone, `[num_users, width]`; each as if it were alone.

        A user of the training data gets the same row from the events that were trained on.
        """
        return self.encode_both(histories)[0]

    def encode_both(self, histories: Histories) -> tuple[Vectors, FloatArray | None]:
        """The same, and `learned_rows`, which they are made of."""
        if self.name != OWN_MODEL:
            return encode_plain(self.ranking, histories.events), None
        rows, learned = self._encoded(histories)
        return with_anonymous(self.ranking, histories.events, rows), learned

    def _encoded(self, histories: Histories) -> tuple[Vectors, FloatArray | None]:
        """Rows of the system's own model as its scorers have them, and `learned_rows`."""
        text = histories.text(self.system) if self.reads_text else None
        learned = self.learned_rows(histories)
        return self.ranking.encode_users(histories.events, text, learned), learned

    def learned_rows(self, histories: Histories) -> FloatArray | None:
        """The graph network's vectors of these users, `[num_users, dim]`; None without one.

        By what was exported of the network where there is one, so that PyTorch need not be loaded for an answer.
        """
        if self._exported is None:
            return None if self.learned is None else self.learned.encode(histories)
        events = histories.events
        positions = np.where(events.item_index < 0, events.num_items, events.item_index)
        return self._exported.encode(events.user_index, positions, histories.columns, events.num_users)

    @cached_property
    def _exported(self) -> OnnxEncoder | None:
        """What encodes in the network's place; None where there is none, or a damaged one, which is told."""
        try:
            return None if self.open_exported is None else self.open_exported()
        except ArtifactError as error:
            if self.open_learned is None:
                raise
            _LOG.error("%s; PyTorch encodes until then", error)
            return None

    @cached_property
    def anonymous(self) -> Vectors:
        """The row of a user of whom nothing is known, `[1, width]`."""
        return self.encode(no_histories(1, len(self.items)))

    @cached_property
    def _of_no_events(self) -> Vectors:
        """What the rows of users are sums upon, `[1, width]`: what no events say."""
        nothing = no_histories(1, len(self.items))
        return self._encoded(nothing)[0] if self.name == OWN_MODEL else self.encode(nothing)

    @property
    def knows_histories(self) -> bool:
        """Whether its answer depends on what a user did."""
        return self.name != "popularity"

    def similarity_vector(self, item_id: str) -> Vectors:
        """What one event that speaks for this item adds to the row of an anonymous user, `[width]`.

        Raises:
            ArtifactError: the model does not look at what a user did, or does not know the item.
        """
        position = self.items.position(item_id)
        if position is None:
            raise ArtifactError(f"{self.system.words.item} {item_id!r} was not there in training", "train again")
        row: Vectors = self.rows_of_single_events(np.array([position]))[0]
        return row

    def similarity_to_row(self, row: Vectors) -> Vectors:
        """The same of an item that came after training and was placed at this row: the mean of the items most like it.

        Zeros where its row says no more than that it is new.

        Its row is compared by cosine, less what all new items have in common: the row of one of which nothing is known.

        Raises:
            ArtifactError: the model does not look at what a user did, or can't place new items.
        """
        cold = self.ranking.cold_items
        if cold is None:
            raise ArtifactError("this model can't place new items", "train again")
        own = row - cold.encode(np.zeros((1, len(cold.text_mean)), dtype=np.float32))[0]
        own -= (own @ cold.constant) / (cold.constant @ cold.constant) * cold.constant  # it grows with first events
        items = self.ranking.items
        similarity = (items @ own) / np.maximum(np.linalg.norm(items, axis=1), np.finfo(np.float32).tiny)
        nearest = np.argsort(-similarity, kind="stable")[:NEAREST]
        weights = np.maximum(similarity[nearest], 0)
        mean: Vectors = weights @ self.rows_of_single_events(nearest) / max(weights.sum(), np.finfo(np.float32).tiny)
        return mean.astype(np.float32)

    def rows_of_single_events(self, item_index: IntArray, columns: Mapping[str, Column] | None = None) -> Vectors:
        """What each of some events that speak for an item adds to the row of an anonymous user, `[num_events, width]`.

        Args:
            item_index: position of the item of each; −1 for an unknown one, of which the event's text tells.
            columns: what else is known of the events.

        Raises:
            ArtifactError: the model does not look at what a user did.
        """
        self._need_histories()
        num = len(item_index)
        best = None if self.scale is None else np.full(num, self.scale.high, dtype=np.float32)
        events = Interactions(np.arange(num), item_index, num, len(self.items), rating=best)
        rated = {} if best is None or self.system.rating is None else {self.system.rating: best}
        rows: Vectors = self.encode(Histories(events, {**rated, **(columns or {})})) - self._of_no_events
        return rows

    def contributions(self, histories: Histories, item_ids: Sequence[str]) -> FloatArray:
        """What each event adds to the score of each item, `[num_events, len(item_ids)]`; 0 for unknown items."""
        positions = self.items.positions(item_ids)
        shares: FloatArray = np.asarray(self.event_rows(histories) @ self.ranking.items[positions].T, dtype=np.float32)
        shares[:, positions < 0] = 0
        return shares

    def event_rows(self, histories: Histories) -> Vectors:
        """What each event adds to the row of its user, `[num_events, width]`.

        A user's row is a sum over events, so what one adds is what it says alone, less what holds without it. It is
        taken from the linear scorers; the graph network's part is no sum over events.
        """
        alone = histories.each_alone()
        text = alone.text(self.system) if self.reads_text else None
        added: Vectors = self.ranking.encode_users(alone.events, text) - self._without_events
        return added

    def rows_of_items(self, item_index: IntArray) -> Vectors:
        """The same of events of which the item alone is known, −1 for an unknown one, `[num_events, width]`."""
        known = item_index >= 0
        rows: Vectors = np.repeat(self._row_of_unknown, len(item_index), axis=0)
        statistics = self.ranking.statistics
        alone = history_weight(np.ones(1, np.int64), statistics.history_shrinkage, statistics.typical_history)
        rows[known] += alone * self._item_rows(item_index[known])
        return rows

    @cached_property
    def _row_of_unknown(self) -> Vectors:
        """What an event with an item that is not known adds, `[1, width]`."""
        first = np.zeros(1, dtype=np.int64)
        return self.event_rows(Histories(Interactions(first, first - 1, 1, len(self.items)), {}))

    @cached_property
    def _without_events(self) -> Vectors:
        """What the linear scorers say of a user without events, `[1, width]`."""
        return self.ranking.encode_users(no_histories(1, len(self.items)).events)

    def similarity(self, item_ids: Sequence[str]) -> FloatArray:
        """How far each two items speak for the same items, as a cosine, `[num_items, num_items]`; 0 for unknown ones.

        Rows of items alone can't tell: where the space has a dimension for each item they are at right angles.

        Raises:
            ArtifactError: the model does not look at what a user did.
        """
        self._need_histories()
        positions = self.items.positions(item_ids)
        rows = self._item_rows(positions)
        rows[positions < 0] = 0
        return cosines(rows, self._scores_gram)

    def speaking_rows(self) -> FloatArray:
        """What each item speaks for, as a row of length one whose products are `similarity`, `[num_items, width]`.

        Raises:
            ArtifactError: the model does not look at what a user did.
        """
        self._need_histories()
        values, vectors = np.linalg.eigh(self._scores_gram)
        rows: FloatArray = self._item_rows(np.arange(len(self.items))) @ (vectors * np.sqrt(np.maximum(values, 0)))
        return unit_rows(rows)

    def _item_rows(self, positions: IntArray) -> FloatArray:
        """What an event with each of these items adds to a user's row by the scorers that know items alone."""
        rows: FloatArray = np.zeros((len(positions), self.ranking.items.shape[1]), dtype=np.float32)
        for name in ITEM_SUMS:
            if name in self.ranking.sources:
                rows += self.ranking.sources[name][positions]
        return rows

    @cached_property
    def _scores_gram(self) -> FloatArray:
        """Makes a product of two rows one of the scores that they give, `[width, width]`."""
        gram: FloatArray = self.ranking.items.T @ self.ranking.items
        return gram

    def _need_histories(self) -> None:
        if not self.knows_histories:
            items = self.system.words.items
            raise ArtifactError(f"popularity knows no similarity between {items}", "publish a run of another model")

    def save(self, folder: Path) -> None:
        """Writes the model into the folder; `load_model` brings it back.

        Raises:
            ArtifactError: rows of users or items hold NaN or infinity, so that nothing could be ranked by them.
        """
        for name, rows in (("user", self.vectors), ("item", self.ranking.items)):
            if bad := int((~np.isfinite(rows)).any(axis=1).sum()):
                raise ArtifactError(
                    f"training ended with NaN or infinity in {bad:,} of {len(rows):,} {name} rows, and nothing is kept",
                    "train again, with a lower learning rate or without the network, and report it",
                )
        arrays, numbers = self.ranking.state()
        manifest: dict[str, Any] = {
            "model": self.name,
            "reads_text": self.reads_text,
            "scale": None if self.scale is None else [self.scale.low, self.scale.high],
            "ranking": numbers,
            "learned": self.learned is not None,
            "users": list(self.users),
            "items": list(self.items),
        }
        if self.context is not None:
            of_context, manifest["context_nodes"] = self.context.state()
            arrays |= of_context
        write_arrays(folder, RANKING, arrays, manifest)
        write_arrays(folder, VECTORS, {"users": self.vectors}, {})
        if self.learned is not None:
            self.learned.save(folder)


def load_model(system: System, folder: Path) -> Model:
    """The model that was saved into the folder.

    Raises:
        ArtifactError: there is none, it is damaged, or of another version.
    """
    arrays, manifest = read_arrays(folder, RANKING)

    def open_learned() -> LearnedPart:
        from kindred.recommenders.learned_part import LearnedPart

        return LearnedPart.load(folder)

    try:
        return Model(
            system,
            manifest["model"],
            IdMap(manifest["users"]),
            IdMap(manifest["items"]),
            LinearEnsemble.from_state(arrays, manifest["ranking"]),
            RatingScale(*manifest["scale"]) if manifest["scale"] else None,
            manifest["reads_text"],
            lambda: read_arrays(folder, VECTORS)[0]["users"],
            open_learned if manifest["learned"] else None,
            partial(load_encoder, folder) if has_encoder(folder) and can_run() else None,
            ItemContext.from_state(arrays, manifest["context_nodes"]) if "context_nodes" in manifest else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"the model in {folder} does not fit this version: {error}", "train again") from error


def first_of_each_pair(events: Interactions) -> Interactions:
    """The first event of each user with each known item."""
    pairs = events.user_index * np.int64(events.num_items) + events.item_index
    first = np.sort(np.unique(pairs, return_index=True)[1])
    return events.take(first[events.item_index[first] >= 0])


def encode_plain(ensemble: LinearEnsemble, events: Interactions) -> Vectors:
    """Rows of a baseline's users from these events alone, `[num_users, width]`; to know an item twice is to know it."""
    known = first_of_each_pair(events)
    return with_anonymous(ensemble, known, ensemble.encode_users(known))


def with_anonymous(ensemble: LinearEnsemble, events: Interactions, rows: FloatArray) -> Vectors:
    """The rows of users, with that of an anonymous one for users without an event, where there is one of its own."""
    if ANONYMOUS not in ensemble.sources:
        return rows
    filled: Vectors = np.where(events.are_active[:, None], rows, ensemble.sources[ANONYMOUS]).astype(np.float32)
    return filled


def cosines(rows: FloatArray, gram: FloatArray) -> FloatArray:
    """Cosine between each two rows in the metric of `gram`, `[num_rows, num_rows]`; 0 with a row of zeros."""
    products = rows @ gram @ rows.T
    length = np.sqrt(np.maximum(np.diag(products), 1e-12))
    between: FloatArray = products / (length[:, None] * length[None, :])
    return between
