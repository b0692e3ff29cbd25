from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from kindred.domain.records import Reviewed
from kindred.domain.schema import edge_type_of
from kindred.gnn import columns


@pytest.mark.parametrize("few", [0, 2_000])
def test_events_stand_in_the_same_order_however_many_there_are(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "FEW_ROWS", few)
    rng = np.random.default_rng(0)
    ids = [*dict.fromkeys("".join(rng.choice(list("aBé漢🎸"), 4)) for _ in range(200))]
    at = [None if rng.random() < 0.2 else int(rng.integers(-3, 3)) for _ in ids]
    rows = pa.table({"event_id": ids, "at": pa.array(at, pa.int64()), "rating": pa.array(rng.random(len(ids)))})
    order, found = columns.edge_columns(edge_type_of(Reviewed), rows.to_batches(max_chunksize=64))
    assert order.tolist() == sorted(range(len(ids)), key=lambda row: (at[row] or 0, ids[row].encode()))
    assert found["at"].tolist() == [at[row] or 0 for row in order]
    assert found["has_at"].tolist() == [at[row] is not None for row in order]
