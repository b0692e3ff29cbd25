"""BM25 by hand, and the words it reads."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kindred.linear.words.bm25 import fit_bm25, words_of


def test_scores_by_hand() -> None:
    index = fit_bm25(["red tent", "red red lamp"], k1=1.5, b=0.75)
    idf = math.log1p((2 - 1 + 0.5) / (1 + 0.5))  # of a word in one of two documents
    shorter, longer = (1.5 * (1 - 0.75 + 0.75 * length / 2.5) for length in (2, 3))
    tent = idf * 2.5 / (1 + shorter)
    assert index.scores(["tent"])[0] == pytest.approx([1.0, 0.0])  # the only document with it gets all it can get
    red = [math.log1p(0.5 / 2.5) * n * 2.5 / (n + held) for n, held in ((1, shorter), (2, longer))]
    expected = [(red[0] + tent) / (max(red) + tent), red[1] / (max(red) + tent)]
    assert index.scores(["red TENT"])[0] == pytest.approx(expected, rel=1e-5)


def test_what_is_in_no_document_scores_nothing_and_counts_as_rare() -> None:
    index = fit_bm25(["red tent", "red lamp"])
    assert not index.scores(["", "!!!", "полка"]).any()
    assert index.scores(["tent zzz"])[0, 0] < index.scores(["tent"])[0, 0]
    assert np.isfinite(fit_bm25(["", ""]).scores(["tent"])).all()


def test_words_have_one_form() -> None:
    assert words_of("Boots, BOOT ﬁsh-berries glass") == ["boot", "boot", "fish", "berry", "glass"]
    assert len(words_of("a " * 50_000)) <= 1_000  # what pastes a book does not cost a book
