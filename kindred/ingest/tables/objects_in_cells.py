"""Cells that hold an object of JSON as a text, as trackers and warehouses export the properties of an event."""

from __future__ import annotations

from dataclasses import replace

from kindred.ingest.formats.rows import flattened, object_in
from kindred.ingest.tables.table_head import Head

_LOOKED_AT = 100
_MOST_COLUMNS = 1_000


def with_objects_opened(head: Head) -> Head:
    """The head of the same table with what stands within such cells as columns, `outer.inner`; as it is without any."""
    names = [name for name in head.columns if _holds_objects(name, head)]
    if not names:
        return head
    rows = tuple(flattened({**row, **{name: object_in(row.get(name)) for name in names}}) for row in head.rows)
    inner = [name for name in dict.fromkeys(name for row in rows for name in row) if name not in head.columns]
    columns = [name for name in head.columns if name not in names]
    if len(inner) > _MOST_COLUMNS:
        return head
    layout = head.layout.model_copy(update={"objects": tuple(names)})
    return replace(head, columns=(*columns, *inner), rows=rows, layout=layout)


def _holds_objects(name: str, head: Head) -> bool:
    """Whether most of what stands in the column are objects."""
    values = [value for row in head.rows[:_LOOKED_AT] if (value := row.get(name)) not in (None, "")]
    return sum(object_in(value) is not None for value in values) > len(values) / 2
