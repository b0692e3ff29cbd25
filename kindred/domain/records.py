"""What Kindred knows of: one frozen class for each node label and each edge type, the only declaration of either.

A new domain is added by declaring its records here and listing them in `RECORDS`: Arrow columns, graph tables,
constraints and tensors are derived (`schema.py`).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict

from kindred.domain.properties import (
    Boolean,
    Encoded,
    EncodedString,
    EncodedText,
    ExternalId,
    Rating,
    String,
    Text,
    Timestamp,
)


class Node(BaseModel):
    """A node; `id` is what its users call it, unique among the nodes of its label."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: ClassVar[str]

    id: ExternalId


class Edge(BaseModel):
    """An edge; `event_id` is its key, so that replaying a source changes nothing and two purchases stay two."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    edge_type: ClassVar[str]
    source: ClassVar[type[Node]]
    target: ClassVar[type[Node]]

    event_id: ExternalId
    source_id: ExternalId
    target_id: ExternalId


class Event(Edge):
    """An edge that happened: a graph as of a moment holds the events with `at` up to it."""

    at: Timestamp


def content_id(*parts: str | int) -> str:
    """A key derived from content alone: equal parts give equal ids on every machine, 32 hex digits."""
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class User(Node):
    """Someone who acts; nothing but the id is kept."""

    label = "User"


class Product(Node):
    """A product; one that was reviewed but has no metadata keeps its id and nothing else."""

    label = "Product"

    title: EncodedString | None = None
    description: EncodedText | None = None


class Category(Node):
    """A kind of product; its id is its name."""

    label = "Category"


class Brand(Node):
    """A maker of products; its id is its name."""

    label = "Brand"


class Reviewed(Event):
    """A user's review of a product: stars and words."""

    edge_type = "REVIEWED"
    source = User
    target = Product

    rating: Rating
    verified: Boolean | None = None
    summary: String = ""
    text: Annotated[Text, Encoded(after="summary")] = ""


class InCategory(Edge):
    """A product belongs to a category."""

    edge_type = "IN_CATEGORY"
    source = Product
    target = Category


class MadeBy(Edge):
    """A brand makes a product."""

    edge_type = "MADE_BY"
    source = Product
    target = Brand


RECORDS: tuple[type[Node] | type[Edge], ...] = (User, Product, Category, Brand, Reviewed, InCategory, MadeBy)
