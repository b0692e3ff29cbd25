"""What Kindred knows of: one frozen class for each node label and each edge type, the only declaration of either.

An edge type that joins several pairs of labels has one class a pair, all with the same properties: it is one table.
A new domain is declared here and listed in `RECORDS`; Arrow columns, tables, constraints and tensors are derived.
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
    Float,
    Integer,
    Probability,
    Rating,
    String,
    Text,
    Timestamp,
)


class Node(BaseModel):
    """A node; `id` is what its users call it, unique among the nodes of its label."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    label: ClassVar[str]

    id: ExternalId


class Edge(BaseModel):
    """An edge; `event_id` is its key, so that replaying a source changes nothing and two purchases stay two."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    edge_type: ClassVar[str]
    source: ClassVar[type[Node]]
    target: ClassVar[type[Node]]

    event_id: ExternalId
    source_id: ExternalId
    target_id: ExternalId


class Event(Edge):
    """An edge that happened; `at` is None where the source does not say when.

    A graph as of a timestamp holds the events with `at` up to it, and those of unknown time.
    """

    at: Timestamp | None = None


def content_id(*parts: str | int) -> str:
    """A key derived from content alone: equal parts give equal ids on every machine, 32 hex digits."""
    return blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


# --- who acts


class User(Node):
    """Someone who acts; all but the id comes from profiles of a feed (`exp_group`: their group in its A/B tests)."""

    label = "User"

    gender: Integer | None = None
    age: Integer | None = None
    country: String | None = None
    city: String | None = None
    os: String | None = None
    source: String | None = None
    exp_group: Integer | None = None


class FriendOf(Edge):
    """A user names another as a friend; friendship in both directions is two edges."""

    edge_type = "FRIEND_OF"
    source = User
    target = User


# --- products, and the searches that lead to them


class Product(Node):
    """A product; one that was reviewed but has no metadata keeps its id and nothing else."""

    label = "Product"

    title: EncodedString | None = None
    description: EncodedText | None = None
    price: Float | None = None
    in_stock: Boolean | None = None


class Category(Node):
    """A kind of product; its id is its name."""

    label = "Category"


class Brand(Node):
    """A maker of products; its id is its name."""

    label = "Brand"


class Query(Node):
    """What people search for; its id is the text, brought to one form."""

    label = "Query"

    text: EncodedString | None = None


class Reviewed(Event):
    """A user's review of a product: stars, on the scale of its source and None where it has none, and words."""

    edge_type = "REVIEWED"
    source = User
    target = Product

    rating: Rating | None = None
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


class Searched(Event):
    """A user typed a query."""

    edge_type = "SEARCHED"
    source = User
    target = Query

    session: String | None = None


class LedTo(Event):
    """A query led someone to a product; `count` is more than one only where the source had added up."""

    edge_type = "LED_TO"
    source = Query
    target = Product

    action: String = "click"
    count: Integer = 1
    position: Integer | None = None


class AddedToCart(Event):
    """A user put a product into the cart, which is no purchase yet."""

    edge_type = "ADDED_TO_CART"
    source = User
    target = Product


class Bought(Event):
    """A user bought a product."""

    edge_type = "BOUGHT"
    source = User
    target = Product


class Judged(Edge):
    """Someone judged how well a product answers a query: 100 exact, 10 substitute, 1 complement, 0 irrelevant."""

    edge_type = "JUDGED"
    source = Query
    target = Product

    gain: Float


# --- music


class Track(Node):
    """A piece of music; `frames` is the path of a .npy file of its frame embeddings, `[num_frames, frame_dim]`."""

    label = "Track"

    title: EncodedString | None = None
    album: String | None = None
    duration: Float | None = None
    popularity: Float | None = None
    frames: String | None = None


class Artist(Node):
    """Someone who performs tracks."""

    label = "Artist"

    name: EncodedString | None = None


class Genre(Node):
    """A kind of music; its id is its name."""

    label = "Genre"


class Tag(Node):
    """A word that people or models put on music."""

    label = "Tag"

    name: EncodedString | None = None


class Listened(Event):
    """A user listened to a track: how many times, or which share of it (0 to 1)."""

    edge_type = "LISTENED"
    source = User
    target = Track

    plays: Integer | None = None
    share: Probability | None = None


class ListenedToArtist(Event):
    """The same of an artist, for sources that know no tracks."""

    edge_type = "LISTENED"
    source = User
    target = Artist

    plays: Integer | None = None
    share: Probability | None = None


class PerformedBy(Edge):
    """An artist performs a track."""

    edge_type = "PERFORMED_BY"
    source = Track
    target = Artist


class HasGenre(Edge):
    """A track is of a genre."""

    edge_type = "HAS_GENRE"
    source = Track
    target = Genre


class Tagged(Event):
    """A track bears a tag; `probability` where a model said so, and `run`, the name of what it learned."""

    edge_type = "TAGGED"
    source = Track
    target = Tag

    probability: Probability | None = None
    run: String | None = None


class TaggedArtist(Event):
    """An artist bears a tag."""

    edge_type = "TAGGED"
    source = Artist
    target = Tag

    probability: Probability | None = None
    run: String | None = None


class UsedTag(Event):
    """A user put a tag on something; the TAGGED edge of the same `event_id` says on what."""

    edge_type = "USED_TAG"
    source = User
    target = Tag


# --- posts and news


class Post(Node):
    """A post of a feed, or an article."""

    label = "Post"

    text: EncodedText | None = None


class Topic(Node):
    """What posts are about; its id is its name."""

    label = "Topic"


class About(Edge):
    """A post is about a topic."""

    edge_type = "ABOUT"
    source = Post
    target = Topic


class Viewed(Event):
    """A user was shown a post, or opened an article.

    `target_met`: whether a like followed, where known; `at_ms`: milliseconds UTC, where the source is that exact.
    """

    edge_type = "VIEWED"
    source = User
    target = Post

    target_met: Boolean | None = None
    at_ms: Integer | None = None
    session: String | None = None
    device: Integer | None = None
    os: Integer | None = None
    country: Integer | None = None
    region: Integer | None = None
    referrer: Integer | None = None


class Liked(Event):
    """A user liked a post."""

    edge_type = "LIKED"
    source = User
    target = Post


# --- tables of one's own, of whatever kind


class Item(Node):
    """What a table of one's own is about: a book, a recipe, a course, a place."""

    label = "Item"

    title: EncodedString | None = None
    text: EncodedText | None = None


class Interacted(Event):
    """A rating, click or loan of an item, `kind` in the table's own word; `weight`: times, minutes, money."""

    edge_type = "INTERACTED"
    source = User
    target = Item

    rating: Rating | None = None
    weight: Float | None = None
    kind: String | None = None
    text: EncodedText | None = None


class ItemInCategory(Edge):
    """An item belongs to a category."""

    edge_type = "IN_CATEGORY"
    source = Item
    target = Category


# fmt: off
RECORDS: tuple[type[Node] | type[Edge], ...] = (
    User, Product, Category, Brand, Query, Track, Artist, Genre, Tag, Post, Topic,
    Reviewed, InCategory, MadeBy, Searched, LedTo, AddedToCart, Bought, Judged,
    Listened, ListenedToArtist, PerformedBy, HasGenre, Tagged, TaggedArtist, UsedTag, FriendOf,
    Viewed, Liked, About, Item, Interacted, ItemInCategory,
)
# fmt: on
