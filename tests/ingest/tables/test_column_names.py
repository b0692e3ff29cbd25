"""What columns of public data sets are called is known, family by family."""

from __future__ import annotations

import pytest

from kindred.ingest.tables.column_names import guess, guesses

EVENTS = ("user", "item", "rating", "at", "text", "weight", "kind")


@pytest.mark.parametrize(
    ("columns", "user_item_rating_at_text_weight_kind"),
    [
        ("userId movieId rating timestamp", "userId movieId rating timestamp - - -"),  # MovieLens
        (
            "rating title text images asin parent_asin user_id timestamp",
            "user_id parent_asin rating timestamp text - -",
        ),
        ("uid timestamp item_id is_organic played_ratio_pct", "uid item_id - timestamp - played_ratio_pct -"),  # Yambda
        ("uid timestamp item_id event_type", "uid item_id - timestamp - - event_type"),
        ("user_id item_id rating timestamp", "user_id item_id rating timestamp - - -"),  # RecBole, from here on
        ("user_id item_id label timestamp", "user_id item_id label timestamp - - -"),
        ("review_id user_id business_id stars useful date", "user_id business_id stars date - - -"),
        ("user_id play_hours products product_id timestamp", "user_id product_id - timestamp - play_hours -"),
        ("user_id seller_id item_id interaction_type timestamp", "user_id item_id - timestamp - - interaction_type"),
        ("session_id item_id timestamp number_of_times", "session_id item_id - timestamp - number_of_times -"),
        ("visitor article at", "visitor article - at - - -"),
        ("user_id artist_id weight tag_value", "user_id artist_id - - - weight -"),
    ],
)
@pytest.mark.parametrize("typed", ["{}", "{}:token"])
def test_every_family_is_known(columns: str, user_item_rating_at_text_weight_kind: str, typed: str) -> None:
    names = [typed.format(name) for name in columns.split()]
    found: dict[str, str | None] = {}
    for role in EVENTS:
        found[role] = guess(role, names, found.values())
    wanted = user_item_rating_at_text_weight_kind.split()
    assert [*found.values()] == [None if name == "-" else typed.format(name) for name in wanted]


@pytest.mark.parametrize(
    ("role", "columns", "found"),
    [
        ("category", "product_category_name product_weight_g", ["product_category_name"]),
        ("category", "product_class class", ["class"]),
        ("item_text", "product_id product_description product_description_length", ["product_description"]),
        ("maker", "item_brand movie_director course_instructor", ["item_brand", "movie_director"]),
        ("user", "product_user item_customer", []),
    ],
)
def test_what_is_of_an_item_may_be_called_so(role: str, columns: str, found: list[str]) -> None:
    assert guesses(role, columns.split(), ()) == found
