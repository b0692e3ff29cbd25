"""A product model: encode, rate, save, load. Graph network and closed-form filters in one space of dot products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.errors import ArtifactError, SettingsError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions, ratings_of, times_of
from kindred.gnn.model import GnnConfig
from kindred.linear.ensemble import LinearEnsemble
from kindred.linear.ensemble_fit import RankingConfig
from kindred.linear.ensemble_weights import WeightConfig
from kindred.recommenders.baseline_models import NOBODY, ModelName, encode_histories
from kindred.recommenders.learned_part import LearnedPart
from kindred.training.checkpoint import read_checkpoint, write_checkpoint

RANKING, VECTORS = "ranking", "vectors"
FEWEST_EVENTS_TO_LEARN = 50
"""With fewer reviews a network only learns noise: the closed-form part stands alone."""


class ProductConfig(BaseModel):
    """Everything a training of the product system may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName = Field("gnn", description="the graph network beside closed-form parts, or a baseline alone")
    gnn: GnnConfig = Field(default_factory=lambda: GnnConfig(epochs=20, patience=5))
    ranking: RankingConfig = Field(default_factory=lambda: RankingConfig(weights=WeightConfig(cuts=1)))
    text: bool = Field(True, description="read the texts of reviews and products; off for the ablation")


def read_product_config(path: Path) -> ProductConfig:
    """The settings in a JSON file; what it leaves out is at its default.

    Raises:
        SettingsError: the file can't be read, or names a setting or value that does not exist.
    """
    try:
        return ProductConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"{path} can't be read: {error.strerror}", "give a file that `kindred tune` wrote"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(f"{path}, {name}: {first['msg'].lower()}", "correct it, or leave it out") from error


class Review(NamedTuple):
    """A review as an unseen user brings it: the product may be unknown, the text empty."""

    product_id: str
    rating: float | None
    at: int | None
    text: str
    verified: bool | None = None


@dataclass(frozen=True)
class ProductModel:
    """What was fitted.

    Attributes:
        config: the settings it was fitted with.
        users: user ids by position.
        products: product ids by position.
        ranking: the space that is published.
        vectors: rows of the users, `[num_users, width]`.
        learned: the network whose vectors are one block of that space; None where there was too little to learn from.
    """

    config: ProductConfig
    users: IdMap
    products: IdMap
    ranking: LinearEnsemble
    vectors: Vectors
    learned: LearnedPart | None

    def score_users(self, user_index: IntArray) -> FloatArray:
        """Score of every product for these users, `[len(user_index), num_products]`."""
        scores: FloatArray = self.vectors[user_index] @ self.ranking.items.T
        return scores

    def rate(self, user_index: IntArray, product_index: IntArray) -> FloatArray:
        """Expected stars of each pair, `[num_pairs]`.

        Raises:
            ArtifactError: the model only ranks, or there were too few reviews to learn ratings from.
        """
        if self.config.model != "gnn":
            raise ArtifactError(f"{self.config.model} only ranks, it has no ratings", "train with `kindred train-gnn`")
        if self.learned is None:
            raise ArtifactError("this run learned no ratings", f"train on {FEWEST_EVENTS_TO_LEARN} reviews or more")
        return self.learned.rate(user_index, product_index)

    @property
    def anyone(self) -> Vectors:
        """The row of a user of whom nothing is known, `[1, width]`."""
        return self.ranking.sources.get(NOBODY, self._nothing_known)

    def encode_users(self, histories: Sequence[Sequence[Review]], encoder: TextEncoder | None) -> Vectors:
        """Rows of unseen users from their reviews alone, `[len(histories), width]`; each as if it were alone.

        Reviews of unknown products count with their text and time only.
        """
        reviews = [(user, review) for user, history in enumerate(histories) for review in history]
        known = [(user, review) for user, review in reviews if review.product_id in self.products]
        ratings, times = [review.rating for _, review in known], [review.at for _, review in known]
        events = Interactions(
            user_index=np.array([user for user, _ in known], dtype=np.int64),
            item_index=self.products.positions([review.product_id for _, review in known]),
            num_users=len(histories),
            num_items=len(self.products),
            rating=ratings_of(np.array([r or 0 for r in ratings], np.float32), _is_known(ratings)),
            at=times_of(np.array([t or 0 for t in times], np.int64), _is_known(times)),
        )
        text = None
        if encoder is not None and self.config.text and known:
            text = encoder.encode([review.text for _, review in known]).astype(np.float32)
        return self._encode(events, text, [review.verified for _, review in known])

    def _encode(self, events: Interactions, text: FloatArray | None, verified: Sequence[bool | None]) -> Vectors:
        if self.config.model != "gnn":
            return encode_histories(self.ranking, events)
        learned = None if self.learned is None else self.learned.encode_users(events, text, verified)
        return self.ranking.encode_users(events, text, learned)

    def _added_by(self, reviews: Sequence[Review]) -> Vectors:
        """What each of these reviews adds to a user's row, `[num_reviews, width]`."""
        added: Vectors = self.encode_users([[review] for review in reviews], None) - self._nothing_known
        return added

    @property
    def _nothing_known(self) -> Vectors:
        """The sum over no events, `[1, width]`."""
        return self.ranking.encode_users(_no_events(num_items=len(self.products)))

    def similarity_vector(self, product_id: str) -> Vectors:
        """What one good review of this product adds to a user of whom nothing is known, `[width]`.

        Raises:
            ArtifactError: the model does not look at what a user knows.
        """
        self._need_histories()
        added: Vectors = self._added_by([Review(product_id, 5.0, None, "")])[0]
        return added

    def strongest_reviews(self, history: Sequence[Review], product_ids: Sequence[str]) -> dict[str, str]:
        """For each product the reviewed product that added most to its score.

        A user's row is a sum over reviews, so what one review adds is what it says alone, less what anyone gets.
        """
        known = [review for review in history if review.product_id in self.products]
        if not known or self.config.model == "popularity":
            return {}
        shares = self._added_by(known) @ self.ranking.items[self.products.positions(product_ids)].T
        return {
            product: known[int(best)].product_id for product, best in zip(product_ids, shares.argmax(0), strict=True)
        }

    def likeness(self, product_ids: Sequence[str]) -> FloatArray:
        """How far each two products speak for the same products, as a cosine, `[num_products, num_products]`.

        Rows of items alone can't tell: where the space has a dimension for each item they are at right angles.

        Raises:
            ArtifactError: the model does not look at what a user knows.
        """
        self._need_histories()
        place = self.products.positions(product_ids)
        rows: FloatArray = np.zeros((len(place), self.ranking.items.shape[1]), dtype=np.float32)
        for name in ("items", "recent_items"):
            if name in self.ranking.sources:
                rows += self.ranking.sources[name][place]
        return cosines(rows, self._scores_gram)

    @cached_property
    def _scores_gram(self) -> FloatArray:
        """Makes a product of two rows one of the scores that they give, `[width, width]`."""
        gram: FloatArray = self.ranking.items.T @ self.ranking.items
        return gram

    def _need_histories(self) -> None:
        if self.config.model == "popularity":
            raise ArtifactError("popularity knows no likeness between products", "publish a run of another model")

    def save(self, folder: Path) -> None:
        """Writes the model into the folder; `load_product_model` brings it back."""
        arrays, numbers = self.ranking.state()
        manifest = {
            "config": self.config.model_dump(mode="json"),
            "ranking": numbers,
            "learned": self.learned is not None,
        }
        write_checkpoint(folder, RANKING, {n: torch.from_numpy(a) for n, a in arrays.items()}, manifest)
        ids = {"users": list(self.users), "products": list(self.products)}
        write_checkpoint(folder, VECTORS, {"users": torch.from_numpy(self.vectors)}, ids)
        if self.learned is not None:
            self.learned.save(folder)


def load_product_model(folder: Path) -> ProductModel:
    """The model that was saved into the folder.

    Raises:
        ArtifactError: there is none, it is damaged, or of another version.
    """
    arrays, manifest = read_checkpoint(folder, RANKING)
    vectors, ids = read_checkpoint(folder, VECTORS)
    try:
        config = ProductConfig.model_validate(manifest["config"])
        core = LinearEnsemble.from_state({name: t.numpy() for name, t in arrays.items()}, manifest["ranking"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"the model in {folder} does not fit this version: {error}", "train again") from error
    learned = LearnedPart.load(folder) if manifest["learned"] else None
    return ProductModel(config, IdMap(ids["users"]), IdMap(ids["products"]), core, vectors["users"].numpy(), learned)


def cosines(rows: FloatArray, gram: FloatArray) -> FloatArray:
    """Cosine between each two rows in the metric of `gram`, `[num_rows, num_rows]`; 0 with a row of zeros."""
    products = rows @ gram @ rows.T
    length = np.sqrt(np.maximum(np.diag(products), 1e-12))
    between: FloatArray = products / (length[:, None] * length[None, :])
    return between


def _is_known(values: Sequence[float | None]) -> NDArray[np.bool_]:
    return np.array([value is not None for value in values], dtype=np.bool_)


def _no_events(num_items: int) -> Interactions:
    none = np.empty(0, dtype=np.int64)
    return Interactions(none, none, 1, num_items, rating=none.astype(np.float32), at=none)
