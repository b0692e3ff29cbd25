from __future__ import annotations

import math
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kindred.domain.content_hash import ContentHash, row_digests
from kindred.domain.properties import Integer, String
from kindred.domain.records import Node
from kindred.domain.schema import EdgeType, NodeType, arrow_schema, derive_schema
from tests.graph.graphs import BOOK, LIKED, LIKED_FILM, Book, Row, like, table_of

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
books = st.fixed_dictionaries(
    {"id": texts},
    optional={
        "title": texts,
        "blurb": texts,
        "shelf": texts,
        "pages": st.integers(-(2**63), 2**63 - 1),
        "weight": st.floats(allow_nan=False),
        "lent": st.booleans(),
        "words": st.lists(texts, max_size=3),
    },
)


def hash_of(table: NodeType | EdgeType, *batches: pa.Table) -> str:
    content = ContentHash()
    for batch in batches:
        content.add(table, batch)
    return content.hexdigest()


@given(st.lists(books, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_batches_column_order_and_chunks_do_not_matter(rows: list[Row], rng: random.Random) -> None:
    columns = [prop.name for prop in BOOK.properties]
    whole = table_of(BOOK, rows, columns)
    shuffled = whole.take(pa.array(rng.sample(range(len(rows)), len(rows)), pa.int64()))
    names = rng.sample(columns, len(columns))
    cut = rng.randint(0, len(rows))
    parts = [shuffled.select(names).slice(0, cut), shuffled.select(names).slice(cut)]
    assert hash_of(BOOK, whole) == hash_of(BOOK, *parts) == hash_of(BOOK, pa.concat_tables(parts))


@given(books, books)
@settings(max_examples=60, deadline=None)
def test_different_rows_have_different_digests_and_equal_ones_equal(one: Row, other: Row) -> None:
    first, second = (row_digests(BOOK, table_of(BOOK, [row])).tolist() for row in (one, other))
    assert (first == second) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"title": None}, {"title": ""}),
        ({"title": "ab", "blurb": "c"}, {"title": "a", "blurb": "bc"}),
        ({"title": "a"}, {"blurb": "a"}),
        ({"title": "a5:blurb1:1:b"}, {"title": "a", "blurb": "b"}),
        ({"words": ["a", "b"]}, {"words": ["b", "a"]}),
        ({"words": ["ab"]}, {"words": ["a", "b"]}),
        ({"words": []}, {"words": None}),
        ({"words": [""]}, {"words": []}),
        ({"weight": 0.1}, {"weight": math.nextafter(0.1, 1)}),
        ({"lent": False}, {"lent": None}),
        ({"pages": 0}, {"pages": None}),
    ],
)
def test_what_looks_alike_is_told_apart(one: Row, other: Row) -> None:
    assert hash_of(BOOK, table_of(BOOK, [{"id": "b", **one}])) != hash_of(BOOK, table_of(BOOK, [{"id": "b", **other}]))


def test_two_rows_that_swap_a_value_are_told_apart() -> None:
    one = [{"id": "a", "title": "x"}, {"id": "b", "title": "y"}]
    other = [{"id": "a", "title": "y"}, {"id": "b", "title": "x"}]
    assert hash_of(BOOK, table_of(BOOK, one)) != hash_of(BOOK, table_of(BOOK, other))


def test_the_table_is_part_of_a_row() -> None:
    names = ["event_id", "source_id", "target_id", "at"]
    rows = table_of(LIKED, [like("e")]).select(names)
    assert hash_of(LIKED, rows) != hash_of(LIKED_FILM, rows)


def test_a_float_is_its_value_however_it_is_written() -> None:
    kinds = (pa.float64(), pa.float32(), pa.int64())
    hashes = {hash_of(BOOK, pa.table({"id": ["b"], "weight": pa.array([5], kind)})) for kind in kinds}
    assert len(hashes) == 1
    zero = [hash_of(BOOK, pa.table({"id": ["b"], "weight": [value]})) for value in (0.0, -0.0)]
    assert zero[0] == zero[1]


def test_vectors_are_no_content() -> None:
    plain = [{"id": "b", "title": "T"}]
    assert hash_of(BOOK, table_of(BOOK, plain)) == hash_of(
        BOOK, table_of(BOOK, [{**plain[0], "title_embedding": [1, 2, 3]}])
    )


class WiderBook(Book):
    """Book with properties that nobody has yet."""

    colour: String | None = None
    age: Integer | None = None


class Empty(Node):
    """A label without rows."""

    label = "Empty"


def test_declaring_more_changes_nothing_until_something_is_said() -> None:
    wider = derive_schema([WiderBook]).node("Book")
    rows = table_of(BOOK, [{"id": "b", "title": "T"}])
    nulls = table_of(wider, [{"id": "b", "title": "T"}], [field.name for field in arrow_schema(wider)])
    assert hash_of(BOOK, rows) == hash_of(wider, nulls)
    assert hash_of(BOOK, rows) != hash_of(wider, table_of(wider, [{"id": "b", "title": "T", "colour": "red"}]))


def test_the_hash_of_known_rows_never_changes() -> None:
    """Hashes are compared across machines and versions, so another algorithm would need another name."""
    rows = table_of(LIKED, [like("e1", text="Straße", tags=["a"], rating=4.5), like("e2", loud=True)])
    assert hash_of(LIKED, rows) == "36955babb3617bbc18235578718a6fd3"
    assert hash_of(LIKED, rows.slice(0, 0)) == "0" * 32
