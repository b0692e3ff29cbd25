from __future__ import annotations

import pytest

from kindred.domain.errors import SchemaError, SettingsError
from kindred.domain.rating_scale import STARS
from kindred.domain.records import FriendOf, InCategory, ListenedToArtist, MadeBy, Reviewed
from kindred.recommenders.products import PRODUCTS
from kindred.recommenders.system import System, Words
from kindred.recommenders.systems import SYSTEMS, find_system

WORDS = Words("thing", "things", "act", "acts", "did")


def test_what_follows_from_a_declaration() -> None:
    assert PRODUCTS.triple == ("User", "REVIEWED", "Product")
    assert (PRODUCTS.user_label, PRODUCTS.item_label) == ("User", "Product")
    assert PRODUCTS.triples[1:] == (("Product", "MADE_BY", "Brand"), ("Product", "IN_CATEGORY", "Category"))
    assert PRODUCTS.event_vector == "text_embedding"
    assert set(PRODUCTS.item_vectors) == {"title_embedding", "description_embedding"}
    assert (PRODUCTS.rating, PRODUCTS.scale) == ("rating", STARS)


def test_a_second_system_takes_a_few_lines() -> None:
    taste = System("taste", ListenedToArtist, WORDS, title="name", weight=("plays",))
    assert taste.rating is None and taste.event_vector is None and taste.item_vectors == ("name_embedding",)


def test_what_a_user_is_known_by_can_only_be_the_user_s_own_events() -> None:
    with pytest.raises(SchemaError, match="FRIEND_OF does not start at Product"):
        System("s", Reviewed, WORDS, context=(InCategory, FriendOf))


@pytest.mark.parametrize("wrong", [{"title": "headline"}, {"weight": ("plays",)}])
def test_properties_that_the_records_do_not_have_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(SchemaError, match="property"):
        System("s", Reviewed, WORDS, (MadeBy,), **wrong)  # type: ignore[arg-type]


def test_events_without_ratings_can_not_be_rated() -> None:
    with pytest.raises(SchemaError, match="'rating'"):
        System("s", ListenedToArtist, WORDS, title="name", rated=True)


def test_every_system_is_found_by_its_own_name() -> None:
    assert all(find_system(name).system.name == name for name in SYSTEMS)
    with pytest.raises(SettingsError, match="no system 'books'") as raised:
        find_system("books")
    assert "products" in raised.value.next_step


def test_no_events_up_to_a_time_names_it_as_people_do() -> None:
    assert PRODUCTS.no_events(915148800).message == "the graph holds no review up to 1999-01-01 00:00:00"
    assert PRODUCTS.no_events().message == "the graph holds no review"
