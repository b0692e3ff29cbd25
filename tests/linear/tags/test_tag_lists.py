"""What lists of tags tell, checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kindred.linear.tags.tag_lists import TagLists
from kindred.linear.tags.tag_parents import parents_of, with_parents

# three tracks with {0, 1}, one with {0, 1, 2}, one with {3}
LABELS = np.array([[1, 1, 0, 0]] * 3 + [[1, 1, 1, 0], [0, 0, 0, 1]], dtype=bool)


def test_each_list_counts_as_often_as_it_occurs_times_what_hiding_its_rest_takes() -> None:
    known = TagLists.of(csr_matrix(LABELS))
    assert known.lists.shape == (3, 4)
    found = known.completed(np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], dtype=bool), miss=1e-9)
    # {0, 1}: 3 · ½², {0, 1, 2}: ½³, {3}: ½
    np.testing.assert_allclose(found[0], [1, 1, 0.125 / 0.875, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], [1, 1, 1, 0], atol=1e-6)
    total = 0.75 + 0.125 + 0.5
    np.testing.assert_allclose(found[2], [0.875 / total, 0.875 / total, 0.125 / total, 0.5 / total], rtol=1e-6)


def test_a_part_that_no_list_holds_is_answered_from_the_nearest() -> None:
    known = TagLists.of(csr_matrix(LABELS))
    found = known.completed(np.array([[1, 0, 0, 1]], dtype=bool), miss=0.1)[0]
    # every list lacks one of the two: all count by their weight
    np.testing.assert_allclose(found, [0.875 / 1.375, 0.875 / 1.375, 0.125 / 1.375, 0.5 / 1.375], rtol=1e-6)
    split = known.completed(np.array([[1, 1, 1, 0]], dtype=bool), miss=0.1)[0]
    np.testing.assert_allclose(split[2], 0.125 / (0.125 + 0.1 * 0.75 + 0.001 * 0.5), rtol=1e-6)


def test_answers_are_the_same_alone_and_in_company(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    known, given = TagLists.of(csr_matrix(rng.random((60, 9)) < 0.4)), rng.random((11, 9)) < 0.3
    together = known.completed(given, 0.01)
    monkeypatch.setattr("kindred.linear.tags.tag_lists._VALUES_AT_ONCE", 1)
    np.testing.assert_allclose(known.completed(given, 0.01), together, rtol=1e-5)
    assert ((together >= 0) & (together <= 1 + 1e-6)).all()


def test_a_parent_is_a_tag_that_comes_with_another_in_95_of_100_lists() -> None:
    child, parent, rare = np.zeros(100, bool), np.ones(100, bool), np.zeros(100, bool)
    child[:40] = rare[:5] = True
    parent[:2] = False
    found = parents_of(csr_matrix(np.stack([child, parent, rare], axis=1)))
    assert found.tolist() == [[False, True, False], [False, False, False], [False, False, False]]
    parent[:3] = False
    assert not parents_of(csr_matrix(np.stack([child, parent, rare], axis=1))).any()


def test_no_child_is_likelier_than_its_parent_and_nothing_is_lowered() -> None:
    parents = np.zeros((4, 4), bool)
    parents[0, 1] = parents[1, 2] = True  # a grandparent too
    said = np.array([[0.9, 0.5, 0.1, 0.3], [0.2, 0.5, 0.7, 0.3]], dtype=np.float32)
    found = with_parents(said, parents)
    np.testing.assert_array_equal(found, np.array([[0.9, 0.9, 0.9, 0.3], [0.2, 0.5, 0.7, 0.3]], dtype=np.float32))
    parents[2, 0] = True  # each comes with the others always
    np.testing.assert_array_equal(with_parents(said, parents)[0], np.array([0.9, 0.9, 0.9, 0.3], dtype=np.float32))
