"""What every engine refuses before it writes or searches, in the same words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from kindred.domain.embeddings import Vectors
from kindred.domain.errors import SchemaError, SettingsError
from kindred.vectorstore.store import Scalar

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def checked_name(name: str) -> str:
    """The name itself: safe as a folder and on a server.

    Raises:
        SettingsError: it is no name for a system, version or collection.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name!r} can't name a system, version or collection", "use letters, digits, '.', '_' and '-'"
        )
    return name


def checked_vectors(vectors: Vectors, dimension: int, collection: str) -> Vectors:
    """The vectors as contiguous float32 `[num_vectors, dimension]`.

    Raises:
        SchemaError: they have another length, or a value is not finite.
    """
    if vectors.shape[1] != dimension:
        raise SchemaError(
            f"collection {collection} holds vectors of {dimension} numbers, got {vectors.shape[1]}",
            "publish a new version instead",
        )
    contiguous = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(contiguous).all():
        raise SchemaError(f"vectors for collection {collection} hold NaN or infinity", "train again")
    return contiguous


def checked_payloads(
    payloads: Sequence[Mapping[str, Scalar]] | None, num_vectors: int
) -> Sequence[Mapping[str, Scalar]]:
    """One payload a vector, empty ones where none were given.

    Raises:
        SchemaError: they are not as many as the vectors, or hold something else than scalars.
    """
    if payloads is None:
        return [{}] * num_vectors
    if len(payloads) != num_vectors:
        raise SchemaError(f"{num_vectors} vectors but {len(payloads)} payloads", "give one payload a vector, or none")
    for payload in payloads:
        if not all(isinstance(value, Scalar) for value in payload.values()):
            raise SchemaError(f"payload {payload!r} holds more than text, numbers and booleans", "leave that out")
    return payloads


def checked_query(vector: Vectors, dimension: int, k: int) -> Vectors:
    """The query as float32 `[dimension]`.

    Raises:
        SchemaError: it has another length, is not finite, or k is not positive.
    """
    query = np.asarray(vector, dtype=np.float32)
    if query.shape != (dimension,):
        raise SchemaError(f"the query has shape {query.shape}, not ({dimension},)", "use vectors of one version")
    if not np.isfinite(query).all():
        raise SchemaError("the query holds NaN or infinity", "encode it again")
    if k < 1:
        raise SchemaError(f"asked for the {k} best", "ask for at least 1")
    return query
