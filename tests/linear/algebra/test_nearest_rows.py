import numpy as np
import pytest
import scipy.sparse as sp

from kindred.linear.algebra import nearest_rows as module
from kindred.linear.algebra.nearest_rows import nearest_rows


def by_hand(rows, count, shrinkage):
    """All cosines, and each row's `count` largest that are not zero, of equal ones the first."""
    shared = rows @ rows.T
    lengths = np.sqrt(rows.sum(1))
    cosines = shared / (lengths[:, None] * lengths[None, :] + shrinkage)
    np.fill_diagonal(cosines, 0)
    for row in cosines:
        row[np.argsort(-row, kind="stable")[count:]] = 0
    return cosines


@pytest.mark.parametrize("pairs_a_part", [1, 60, 10_000])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_each_row_has_the_nearest_others(count, pairs_a_part, monkeypatch):
    monkeypatch.setattr(module, "PAIRS_A_PART", pairs_a_part)
    rows = (np.random.default_rng(0).random((40, 12)) < 0.2).astype(np.float32)
    rows[5] = 0
    found = nearest_rows(sp.csr_matrix(rows), count, 10.0)
    assert np.diff(found.indptr).max() <= count
    np.testing.assert_allclose(found.toarray(), by_hand(rows, count, 10.0), atol=1e-6)


def test_no_row_has_no_neighbour():
    assert nearest_rows(sp.csr_matrix((0, 3), dtype=np.float32), 5, 10.0).shape == (0, 0)
