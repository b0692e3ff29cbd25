from __future__ import annotations

import pyarrow as pa
import pytest

from kindred.domain.errors import SchemaError
from kindred.domain.properties import Encoded, EncodedText, Integer, PropertyKind, Strings
from kindred.domain.records import Edge, Event, MadeBy, Node, Product, Reviewed, User
from kindred.domain.schema import arrow_schema, derive_schema, edge_type_of, graph_schema, to_table


class Album(Node):
    label = "Album"

    title: EncodedText | None = None
    genres: Strings = ()


class Played(Event):
    edge_type = "PLAYED"
    source = User
    target = Album

    seconds: Integer


def test_a_new_domain_needs_only_records() -> None:
    schema = derive_schema([User, Album, Played])
    album = schema.node("Album")
    assert [(p.name, p.kind, p.encodes) for p in album.properties] == [
        ("id", PropertyKind.STRING, ()),
        ("title", PropertyKind.TEXT, ()),
        ("title_embedding", PropertyKind.VECTOR, ("title",)),
        ("genres", PropertyKind.STRINGS, ()),
    ]
    played = schema.edge(("User", "PLAYED", "Album"))
    assert played.is_event and [p.name for p in played.properties][:4] == ["event_id", "source_id", "target_id", "at"]


def test_edge_to_an_undeclared_label_is_refused() -> None:
    with pytest.raises(SchemaError, match="Album"):
        derive_schema([User, Played])


def test_property_without_a_kind_is_refused() -> None:
    class Bare(Node):
        label = "Bare"

        size: int = 0

    with pytest.raises(SchemaError, match=r"Bare\.size"):
        derive_schema([Bare])


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(SchemaError, match="Product"):
        graph_schema().node("Prodct")
    with pytest.raises(SchemaError, match="User-REVIEWED-Product"):
        graph_schema().edge(("User", "BORROWED", "Product"))


def test_required_properties_are_not_nullable_and_vectors_have_the_encoder_s_length() -> None:
    columns = arrow_schema(edge_type_of(Reviewed), vector_length=3)
    assert not columns.field("event_id").nullable and columns.field("at").nullable
    assert columns.field("text_embedding").type == pa.list_(pa.float16(), 3)
    assert "text_embedding" not in arrow_schema(edge_type_of(Reviewed)).names


def test_records_become_columns_with_nulls_kept() -> None:
    node = graph_schema().node("Product")
    table = to_table(node, [Product(id="p1", title="Wah pedal"), Product(id="p2")])
    assert table.to_pylist() == [
        {"id": "p1", "title": "Wah pedal", "description": None, "price": None, "in_stock": None},
        {"id": "p2", "title": None, "description": None, "price": None, "in_stock": None},
    ]


def test_edges_without_a_time_are_no_events() -> None:
    assert not edge_type_of(MadeBy).is_event and edge_type_of(Reviewed).is_event
    assert issubclass(Reviewed, Edge) and any(isinstance(m, Encoded) for m in Reviewed.model_fields["text"].metadata)
