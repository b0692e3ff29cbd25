"""A recommender system declared as data: which events it predicts, of what, and the words it speaks in.

Everything that depends on the kind of item (labels of the graph, folders, collections, sentences) is derived from a
`System`; the modules beside this one take a system and know no kind of item. In the manner of RelBench's
`RecommendationTask` (Robinson et al., "RelBench: A Benchmark for Deep Learning on Relational Databases", 2024,
arXiv 2407.20060).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from kindred.domain.errors import RecordError, SchemaError, SettingsError
from kindred.domain.properties import PropertyKind
from kindred.domain.rating_scale import RatingScale
from kindred.domain.recommendation import title_of
from kindred.domain.records import Edge, Event
from kindred.domain.schema import EdgeType, NodeType, edge_type_of, graph_schema

Triple = tuple[str, str, str]
_LEVELS = {
    "model": "from the published embeddings",
    "folded-in": "encoded just now: what they did since the last publish counts",
    "inductive": "encoded just now from their events: not in the published version",
    "popular": "nothing is known of this user: what is popular",
    "similar": "from the published embeddings",
}


@dataclass(frozen=True)
class Words:
    """What a system's users call things.

    Attributes:
        item: one item, e.g. `product`.
        items: several.
        event: one event, e.g. `review`.
        events: several.
        did: what a user did to an item, e.g. `reviewed`.
        user: what recommendations are made for.
        users: several.
    """

    item: str
    items: str
    event: str
    events: str
    did: str
    user: str = "user"
    users: str = "users"


@dataclass(frozen=True)
class System:
    """Recommends the target nodes of one event type to its source nodes.

    Attributes:
        name: of its folder, its collections and the option `--system`.
        target: the record class of the events to predict, e.g. a review; its source is the user, its target the item.
        words: what messages and answers call users' items and events.
        context: edge types that start at items and say more of them; messages of the graph network run along them.
        title: property of an item that names it to people, None where the id has to do.
        rated: whether events bear a `rating`.
        scale: the scale of the ratings; None where there are none, or to take it from the data.
        weight: properties of an event that say how much it counts, e.g. plays; of several the first that is known.
        maker: of the context edges the one to who made an item; reports tell what it costs to list few of one maker.
        skipped_below: property of an event and the value below which the event says that the user did not want the
            item: such a one is a skip, from which nothing but that is learned; None where events are never skips.
        load_with: the command that loads its events, for messages.
        reads: edge types that it learns from beside its events and the context.
        predicted: property that an event has where a run predicted it, so that no user did it; None where none are.
        model: what lists of runs call its own model.
        levels: what an answer of a level rests on, in words, where that is not the usual; see `rests_on`.
    """

    name: str
    target: type[Event]
    words: Words
    context: tuple[type[Edge], ...] = ()
    title: str | None = "title"
    rated: bool = False
    scale: RatingScale | None = None
    weight: tuple[str, ...] = ()
    maker: type[Edge] | None = None
    skipped_below: tuple[str, float] | None = None
    load_with: str = field(default="kindred ingest", kw_only=True)
    reads: tuple[type[Edge], ...] = field(default=(), kw_only=True)
    predicted: str | None = field(default=None, kw_only=True)
    model: str = field(default="gnn", kw_only=True)
    levels: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        astray = [edge.edge_type for edge in self.context if edge.source.label != self.item_label]
        if astray:
            raise SchemaError(
                f"system {self.name}: context edge {astray[0]} does not start at {self.item_label}",
                "a user's row must follow from the user's own events; name edges of the items only",
            )
        if self.maker is not None and self.maker not in self.context:
            raise SchemaError(f"system {self.name}: {self.maker.edge_type} is no context edge of it")
        edge_names = {p.name for p in self.edge.properties}
        item_names = {p.name for p in self.item.properties}
        of_events = {self.rating, *self.weight, self.skipped_below and self.skipped_below[0], self.predicted}
        for name, names in (*((name, edge_names) for name in of_events), (self.title, item_names)):
            if name is not None and name not in names:
                raise SchemaError(f"system {self.name} names the property {name!r}, which its records do not have")

    @property
    def rating(self) -> str | None:
        """The property of an event that holds the user's rating, None for events without."""
        return "rating" if self.rated else None

    @cached_property
    def has_long_titles(self) -> bool:
        """Whether an item is named by a long text, of which a list shows the first words."""
        return any(p.name == self.title and p.kind is PropertyKind.TEXT for p in self.item.properties)

    def titled(self, value: str | None) -> str | None:
        """The title of an item in lists, from the property that names it; None where it has none."""
        return (title_of(value) if self.has_long_titles else value) if value else None

    def rests_on(self, level: str) -> str:
        """What an answer of this level rests on, in words."""
        return self.levels.get(level) or _LEVELS.get(level, level)

    @property
    def edge(self) -> EdgeType:
        """The event type, as the graph holds it."""
        return edge_type_of(self.target)

    @property
    def triple(self) -> Triple:
        """(user label, event type, item label), the key of PyTorch Geometric."""
        return self.edge.triple

    @property
    def user_label(self) -> str:
        return self.target.source.label

    @property
    def item_label(self) -> str:
        return self.target.target.label

    @property
    def user(self) -> NodeType:
        return graph_schema().node(self.user_label)

    @property
    def item(self) -> NodeType:
        return graph_schema().node(self.item_label)

    @cached_property
    def triples(self) -> tuple[Triple, ...]:
        """The part of the graph that the system reads: events first, then context."""
        return (self.triple, *(edge_type_of(edge).triple for edge in self.context))

    def context_triples(self, label: str) -> list[Triple]:
        """The context edge types that lead to nodes of this label, which is in lower case.

        Raises:
            SettingsError: there are none.
        """
        found = [triple for triple in self.triples[1:] if triple[2].lower() == label]
        if not found:
            labels = ", ".join(target.lower() for _, _, target in self.triples[1:])
            raise SettingsError(f"{self.words.items} have no {label}", f"they have {labels or 'no labels'}")
        return found

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The properties of an item that are numbers, or true or false."""
        kinds = (PropertyKind.INTEGER, PropertyKind.FLOAT, PropertyKind.BOOLEAN)
        return tuple(p.name for p in self.item.properties if p.kind in kinds)

    def no_events(self, until: int | None = None) -> RecordError:
        """What is raised where a graph holds no event of the system, up to a time."""
        when = "" if until is None else f" up to {_in_words(until)}"
        return RecordError(f"the graph holds no {self.words.event}{when}", f"load some with `{self.load_with}`")

    def no_times(self, until: int) -> SettingsError:
        """What is raised where the graph is asked for as of a time, and no event of the system has one."""
        which = f"which of them came up to {_in_words(until)} is not known"
        return SettingsError(f"none of the {self.words.events} has a time: {which}", "leave --until out")

    def check_conditions(self, labels: Iterable[str], numbers: Iterable[str]) -> None:
        """Checks that items lead to nodes of these labels and have these numbers.

        Raises:
            SettingsError: they don't.
        """
        for label in labels:
            self.context_triples(label)
        unknown = next((name for name in numbers if name not in self.numbers), None)
        if unknown is not None:
            known = ", ".join(self.numbers) or "no numbers"
            raise SettingsError(f"{self.words.items} have no number {unknown}", f"they have {known}")

    @property
    def event_vector(self) -> str | None:
        """The property that holds the vector of an event's text."""
        return next((p.name for p in self.edge.properties if p.kind is PropertyKind.VECTOR), None)

    @property
    def event_texts(self) -> tuple[str, ...]:
        """The properties that hold the words of an event, in the order they are read."""
        return next((p.encodes for p in self.edge.properties if p.kind is PropertyKind.VECTOR), ())

    @property
    def item_vectors(self) -> tuple[str, ...]:
        """The properties that hold vectors of an item's own texts."""
        return tuple(p.name for p in self.item.properties if p.kind is PropertyKind.VECTOR)


def _in_words(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
