"""A product model: encode, rate, save, load. Graph network and closed-form filters in one space of dot products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from kindred.domain.embeddings import TextEncoder, Vectors
from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray, IntArray, Interactions
from kindred.gnn.block_weights import WeightConfig
from kindred.gnn.model import GnnConfig
from kindred.gnn.ranking_core import RankingConfig, RankingCore
from kindred.recommenders.learned_part import LearnedPart
from kindred.training.checkpoint import read_checkpoint, write_checkpoint

RANKING, VECTORS = "ranking", "vectors"
FEWEST_EVENTS_TO_LEARN = 50
"""With fewer reviews a network only learns noise: the closed-form part stands alone."""


class ProductConfig(BaseModel):
    """Everything a training of the product system may choose."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gnn: GnnConfig = Field(default_factory=lambda: GnnConfig(epochs=20, patience=5))
    ranking: RankingConfig = Field(default_factory=lambda: RankingConfig(weights=WeightConfig(cuts=1)))
    text: bool = Field(True, description="read the texts of reviews and products; off for the ablation")


class Review(NamedTuple):
    """A review as an unseen user brings it: the product may be unknown, the text empty."""

    product_id: str
    rating: float
    at: int
    text: str


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
    ranking: RankingCore
    vectors: Vectors
    learned: LearnedPart | None

    def score_users(self, user_index: IntArray) -> FloatArray:
        """Score of every product for these users, `[len(user_index), num_products]`."""
        scores: FloatArray = self.vectors[user_index] @ self.ranking.items.T
        return scores

    def rate(self, user_index: IntArray, product_index: IntArray) -> FloatArray:
        """Expected stars of each pair, `[num_pairs]`.

        Raises:
            ArtifactError: there were too few reviews to learn ratings from.
        """
        if self.learned is None:
            raise ArtifactError("this run learned no ratings", f"train on {FEWEST_EVENTS_TO_LEARN} reviews or more")
        return self.learned.rate(user_index, product_index)

    @property
    def anyone(self) -> Vectors:
        """The row of a user of whom nothing is known, `[1, width]`."""
        return self.ranking.encode_users(_no_events(num_items=len(self.products)))

    def encode_users(self, histories: Sequence[Sequence[Review]], encoder: TextEncoder | None) -> Vectors:
        """Rows of unseen users from their reviews alone, `[len(histories), width]`; each as if it were alone.

        Reviews of unknown products count with their text and time only.
        """
        reviews = [(user, review) for user, history in enumerate(histories) for review in history]
        known = [(user, review) for user, review in reviews if review.product_id in self.products]
        events = Interactions(
            user_index=np.array([user for user, _ in known], dtype=np.int64),
            item_index=self.products.positions([review.product_id for _, review in known]),
            num_users=len(histories),
            num_items=len(self.products),
            rating=np.array([review.rating for _, review in known], dtype=np.float32),
            at=np.array([review.at for _, review in known], dtype=np.int64),
        )
        text = None
        if encoder is not None and self.config.text and known:
            text = encoder.encode([review.text for _, review in known]).astype(np.float32)
        learned = None if self.learned is None else self.learned.encode_users(events, text)
        return self.ranking.encode_users(events, text, learned)

    def similarity_vector(self, product_id: str) -> Vectors:
        """What one good review of this product adds to a user of whom nothing is known, `[width]`."""
        alone = self.encode_users([[Review(product_id, 5.0, 0, "")]], None)
        added: Vectors = (alone - self.anyone)[0]
        return added

    def strongest_reviews(self, history: Sequence[Review], product_ids: Sequence[str]) -> dict[str, str]:
        """For each product the reviewed product that added most to its score.

        A user's row is a sum over reviews, so what one review adds is what it says alone, less what anyone gets.
        """
        known = [review for review in history if review.product_id in self.products]
        if not known:
            return {}
        alone = self.encode_users([[review] for review in known], None) - self.anyone
        shares = alone @ self.ranking.items[self.products.positions(product_ids)].T
        return {
            product: known[int(best)].product_id for product, best in zip(product_ids, shares.argmax(0), strict=True)
        }

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
        core = RankingCore.from_state({name: t.numpy() for name, t in arrays.items()}, manifest["ranking"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"the model in {folder} does not fit this version: {error}", "train again") from error
    learned = LearnedPart.load(folder) if manifest["learned"] else None
    return ProductModel(config, IdMap(ids["users"]), IdMap(ids["products"]), core, vectors["users"].numpy(), learned)


def _no_events(num_items: int) -> Interactions:
    none = np.empty(0, dtype=np.int64)
    return Interactions(none, none, 1, num_items, rating=none.astype(np.float32), at=none)
