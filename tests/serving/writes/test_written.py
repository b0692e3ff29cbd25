"""What a write says becomes records, or is refused with its reason."""

from __future__ import annotations

import pytest

from kindred.domain.records import InCategory, MadeBy, Product
from kindred.ingest.cells.bad_records import BadRecord
from kindred.recommenders.products import PRODUCTS
from kindred.serving.writes.written import event_of, nodes_of, reason_of

CONTEXT = (InCategory, MadeBy)


@pytest.mark.parametrize("names", [5, 0, True, False, 1.5, {"Guitars": 1}, ["Guitars", 5], [None], [["Guitars"]]])
def test_context_that_is_no_names_is_refused(names: object) -> None:
    with pytest.raises(BadRecord) as raised:
        nodes_of(Product, CONTEXT, {"id": "p", "category": names})
    assert reason_of(raised.value) == f"category: a name or a list of names is wanted, got '{names}'"


@pytest.mark.parametrize(
    ("names", "count"), [("Guitars", 2), (["Guitars"], 2), (["Guitars", "Capos"], 4), ([], 0), ("", 0)]
)
def test_context_is_a_name_or_several(names: object, count: int) -> None:
    assert len(nodes_of(Product, CONTEXT, {"id": "p", "category": names})) == 1 + count


def test_the_same_said_in_another_form_is_the_same_event() -> None:
    said = {"user_id": "u", "item_id": "p", "rating": 5, "at": 1_700_000_000}
    forms = [said, said | {"rating": 5.0}, said | {"text": ""}, said | {"at": "2023-11-14T22:13:20Z"}]
    assert len({event_of(PRODUCTS, form).event_id for form in forms}) == 1
    others = [said | {"rating": 4.5}, said | {"rating": 4}, said | {"text": "good"}, said | {"verified": True}]
    assert len({event_of(PRODUCTS, form).event_id for form in [said, *others]}) == 5


@pytest.mark.parametrize("name", ["source_id", "target_id"])
def test_an_event_is_of_whom_its_user_id_names(name: str) -> None:
    with pytest.raises(BadRecord) as raised:
        event_of(PRODUCTS, {"user_id": "u", "item_id": "p", name: "another"})
    assert reason_of(raised.value).startswith(f"{name}: there is no such property here")
