"""A small town that knows every domain, made by hand so that answers to questions about it can be told in advance.

Ann and Ben agree, Cara disagrees; a ring of four praises the amp on one day; Dan also searches, listens and reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from kindred.domain import records
from kindred.domain.records import Edge, Node
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.graph.store import GraphStore

Row = Mapping[str, object]

PEOPLE = "ann ben cara dan eve ring1 ring2 ring3 ring4"
FRIENDS = "ann>ben ben>ann cara>ann dan>eve dan>ann"
TITLES = {
    "guitar": "Six-string guitar",
    "strings": "Light strings",
    "tuner": "Clip-on tuner",
    "tuner2": "CLIP-ON TUNER",
    "drum": "Snare drum",
    "sticks": "Drum sticks",
    "amp": "Small amplifier",
    "case": None,
}
IN_CATEGORY = "guitar>Guitars strings>Guitars tuner>Guitars tuner2>Guitars case>Guitars drum>Drums sticks>Drums"
MADE_BY = "guitar>Oak strings>Oak case>Oak drum>Elm sticks>Elm"
REVIEWS = """
    ann>guitar 5 2012-01-10, ann>strings 4 2012-02-10, ann>drum 2 2013-03-01,
    ben>guitar 5 2012-01-12, ben>strings 4 2012-05-01, ben>tuner 5 2012-12-31,
    cara>guitar 1 2012-02-29, cara>drum 5 2013-04-01, cara>sticks 5 2013-04-02,
    dan>tuner 5 2013-01-01, dan>drum 4 2013-04-01, dan>guitar 4 2013-04-03, dan>sticks 4 2013-05-01,
    eve>drum 1 2013-04-09, eve>guitar 1 2013-06-01,
    ring1>amp 5 2013-06-01, ring2>amp 5 2013-06-01, ring3>amp 5 2013-06-01, ring4>amp 5 2013-06-01,
    ring1>tuner 5 2013-06-01, ring1>strings 5 2013-06-01
"""
PRAISE = "The Best of All Amplifiers"
BOUGHT = "ann>guitar ann>strings ben>guitar ben>strings ben>tuner dan>strings"
ADDED_TO_CART = "dan>tuner eve>strings"
QUERIES = ("guitar strings", "drum kit", "left-handed kazoo")
SEARCHED = [("dan", "guitar strings"), ("ann", "guitar strings"), ("dan", QUERIES[2]), ("eve", QUERIES[2])]
LED_TO = [
    ("guitar strings", "strings", {"count": 3, "action": "purchase", "position": 2}),
    ("guitar strings", "tuner", {"count": 1, "position": 1}),
    ("drum kit", "case", {"count": 2}),
]
JUDGED = [("guitar strings", "strings", {"gain": 100.0}), ("drum kit", "case", {"gain": 0.0})]

SONGS = {"hum": ("lark", "folk"), "lull": ("lark", "folk"), "din": ("wren", "metal")}
LISTENED = """
    dan>din 7 2012-06-01, dan>hum 2 2013-06-01, dan>lull 1 2013-07-01,
    eve>hum 4 2013-06-02, ben>lull 2 2013-06-02, ben>din 1 2013-06-03
"""
LISTENED_TO_ARTIST = "ann>lark 9 2012-02-01, ann>wren 1 2012-02-01, ben>lark 3 2012-02-01, cara>wren 5 2012-02-01"
TAGGED = "hum>calm hum>voice lull>calm lull>voice din>loud"
TAGGED_ARTIST = "lark>calm lark>voice wren>calm wren>voice wren>loud crow>loud"

TOPICS = {"p1": "sport", "p2": "sport", "p3": "tech", "p4": "tech", "p5": "food"}
VIEWED = "dan>p1 dan>p2 dan>p2 dan>p3 eve>p1 eve>p3 eve>p4 ann>p1"
LIKED = "dan>p1 dan>p3 eve>p1 eve>p4 ann>p1"


def seconds(day: str) -> int:
    """The start of that day, UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def build_town(store: GraphStore) -> None:
    """Writes the town into an empty store."""
    store.create_schema(graph_schema())
    for label, rows in _nodes().items():
        kind = next(k for k in records.RECORDS if issubclass(k, Node) and k.label == label)
        node = graph_schema().node(label)
        store.upsert_nodes(node, to_table(node, [kind.model_validate(row) for row in rows]))
    for kind, rows in _edges():
        edge = edge_type_of(kind)
        made = [kind.model_validate({"event_id": f"{edge.type}-{n}", **row}) for n, row in enumerate(rows)]
        store.upsert_edges(edge, to_table(edge, made))


def _nodes() -> dict[str, list[Row]]:
    return {
        "User": [{"id": name} for name in PEOPLE.split()],
        "Product": [{"id": name, "title": title} for name, title in TITLES.items()],
        "Category": [{"id": "Guitars"}, {"id": "Drums"}],
        "Brand": [{"id": "Oak"}, {"id": "Elm"}],
        "Query": [{"id": text, "text": text} for text in QUERIES],
        "Track": [{"id": name, "title": name.title()} for name in SONGS],
        "Artist": [{"id": name, "name": name.title()} for name in ("lark", "wren", "crow")],
        "Genre": [{"id": "folk"}, {"id": "metal"}],
        "Tag": [{"id": name, "name": name} for name in ("calm", "voice", "loud")],
        "Topic": [{"id": name} for name in ("sport", "tech", "food")],
        "Post": [{"id": name, "text": f"A post that is about {topic}"} for name, topic in TOPICS.items()],
        "Item": [{"id": "atlas", "title": "Atlas of the town"}, {"id": "novel", "title": None}],
    }


def _edges() -> Iterable[tuple[type[Edge], Sequence[Row]]]:
    at = {"at": seconds("2013-05-05")}
    yield records.FriendOf, _pairs(FRIENDS)
    yield records.InCategory, _pairs(IN_CATEGORY)
    yield records.MadeBy, _pairs(MADE_BY)
    reviews = [row | {"summary": PRAISE if row["target_id"] == "amp" else ""} for row in _events(REVIEWS, "rating")]
    yield records.Reviewed, reviews
    yield records.AddedToCart, _pairs(ADDED_TO_CART, {"at": seconds("2013-05-06")})
    yield records.Bought, _pairs(BOUGHT, {"at": seconds("2013-05-07")})
    yield records.Searched, [{"source_id": user, "target_id": query, **at} for user, query in SEARCHED]
    yield records.LedTo, [{"source_id": query, "target_id": product, **at, **more} for query, product, more in LED_TO]
    yield records.Judged, [{"source_id": query, "target_id": product, **more} for query, product, more in JUDGED]
    yield records.Listened, _events(LISTENED, "plays")
    yield records.ListenedToArtist, _events(LISTENED_TO_ARTIST, "plays")
    yield records.PerformedBy, [{"source_id": track, "target_id": artist} for track, (artist, _) in SONGS.items()]
    yield records.HasGenre, [{"source_id": track, "target_id": genre} for track, (_, genre) in SONGS.items()]
    yield records.Tagged, _pairs(TAGGED, at)
    yield records.TaggedArtist, [row | {"event_id": f"artist-{n}"} for n, row in enumerate(_pairs(TAGGED_ARTIST, at))]
    yield records.UsedTag, _pairs("dan>calm", at)
    yield records.Viewed, _pairs(VIEWED, at)
    yield records.Liked, _pairs(LIKED, at)
    yield records.Interacted, _pairs("eve>atlas eve>novel", at | {"weight": 2.0})
    yield records.About, [{"source_id": post, "target_id": topic} for post, topic in TOPICS.items()]


def _pairs(text: str, more: Row | None = None) -> list[dict[str, object]]:
    ends = [pair.split(">") for pair in text.split()]
    return [{"source_id": source, "target_id": target, **(more or {})} for source, target in ends]


def _events(text: str, number: str) -> list[dict[str, object]]:
    rows = []
    for line in text.split(","):
        pair, value, day = line.split()
        source, target = pair.split(">")
        rows.append({"source_id": source, "target_id": target, number: int(value), "at": seconds(day)})
    return rows
