"""Tables that say more of items, in forms that are not a row an item."""

from __future__ import annotations

from pathlib import Path

import pytest

from kindred.ingest.tables.mapping import ItemColumns, TableMapping
from tests.ingest.tables.test_interactions import understood, write


@pytest.mark.parametrize("names", [("name", "value"), ("Property", "property_value")])
def test_a_row_for_each_property_of_an_item_gives_it_no_title_and_is_told(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    name, value = names
    events = write(tmp_path / "t.csv", "user,item\nu1,i1\nu2,i2\n")
    items = write(tmp_path / "p.csv", f"item,{name},{value}\ni1,Material,Steel\ni1,Colour,Red\ni2,Material,Wood\n")
    tables = understood(events, items=items)
    assert tables.mapping.items == ItemColumns(id="item")
    (told,) = (remark for remark in tables.remarks if "a row for each property" in remark)
    assert f"columns='{name}', values='{value}'" in told
    given = understood(events, TableMapping(items=ItemColumns(title=value)), items)
    assert given.mapping.items.title == value and not any("property" in remark for remark in given.remarks)


def test_a_name_and_a_value_of_items_of_a_row_each_are_a_title_and_something_else(tmp_path: Path) -> None:
    events = write(tmp_path / "t.csv", "user,item\nu1,i1\nu2,i2\n")
    items = write(tmp_path / "p.csv", "item,name,value\ni1,Mug,7\ni2,Lamp,9\n")
    assert understood(events, items=items).mapping.items.title == "name"
