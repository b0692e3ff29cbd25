"""What a write says becomes records, or is refused with its reason."""

from __future__ import annotations

import pytest

from kindred.domain.records import InCategory, MadeBy, Product
from kindred.ingest.cells.bad_records import BadRecord
from kindred.serving.writes.written import nodes_of, reason_of

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
