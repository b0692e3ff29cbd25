"""Embeddings: vectors with the external ids they belong to; and the text encoder that ingest is handed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import SchemaError
from kindred.domain.ids import IdMap

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class TextEncoder:
    """A text encoder as a value, so that rooms without tensor code can be handed one.

    Attributes:
        name: model and revision; stored with every vector, because vectors of two encoders must never meet.
        dimension: length of a vector.
        encode: texts to `[num_texts, dimension]` float16, each of length 1, an empty text the zero vector.
    """

    name: str
    dimension: int
    encode: Callable[[Sequence[str]], NDArray[np.float16]]


def text_to_encode(parts: Iterable[str | None]) -> str | None:
    """The one text that an embedding of several is made of; None where none of them is known."""
    known = [part for part in parts if part is not None]
    return ". ".join(part for part in known if part) if known else None


@dataclass(frozen=True)
class Embeddings:
    """Vectors `[num_ids, dimension]` float32, row i belonging to `ids.external(i)`.

    Raises:
        SchemaError: rows and ids differ in number, or a value is not finite.
    """

    ids: IdMap
    vectors: Vectors

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids):
            raise SchemaError(f"{len(self.ids)} ids but vectors of shape {self.vectors.shape}", "encode them again")
        if not np.isfinite(self.vectors).all():
            bad = int((~np.isfinite(self.vectors).all(axis=1)).sum())
            raise SchemaError(
                f"{bad} of {len(self.ids)} vectors hold NaN or infinity", "train again, with a lower learning rate"
            )

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])


def unit_rows(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; zero rows stay zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)
