"""Tags from other tags: a graph of lists alone, trained, saved and asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from kindred.domain.errors import ArtifactError
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.tag_tree import tag_lists, tag_tree
from kindred.recommenders.tag_completion import (
    COMPLETION,
    Mixture,
    fit_tag_completion,
    fitted,
    load_tag_completion,
    partly_seen,
)

LISTS = tag_lists(tag_tree(40, 3), 3000, Sampler(3, 9))


def test_what_is_hidden_of_lists_is_found_better_than_by_ease_alone() -> None:
    learned = csr_matrix(LISTS[:2700])
    held = LISTS[2700:][LISTS[2700:].sum(axis=1) > 1]
    seen = partly_seen(held, np.random.default_rng(1))
    completion = fit_tag_completion(learned, 7)
    ease = fitted(learned, Mixture(ease=1.0))
    losses = []
    for one in (completion, ease):
        chance = np.clip(one.chances(seen)[~seen], 1e-4, 1 - 1e-4)
        losses.append(-np.log(np.where(held[~seen], chance, 1 - chance)).mean())
    assert losses[0] < losses[1] - 0.005


def test_answers_are_chances_that_keep_parents_above_children_and_given_tags_certain() -> None:
    completion = fit_tag_completion(csr_matrix(LISTS), 7)
    seen = partly_seen(LISTS[LISTS.sum(axis=1) > 1][:200], np.random.default_rng(2))
    chances = completion.chances(seen)
    assert ((chances >= 0) & (chances <= 1)).all() and (chances[seen] == 1).all()
    children, parents = np.nonzero(completion.parents)
    assert len(children) > 20 and (chances[:, children] <= chances[:, parents]).all()
    nothing = completion.chances(np.zeros((1, 40), dtype=bool))
    assert np.corrcoef(nothing[0], LISTS.mean(axis=0))[0, 1] > 0.95


def test_at_least_one_tag_is_seen_and_one_hidden() -> None:
    held = LISTS[LISTS.sum(axis=1) > 1]
    seen = partly_seen(held, np.random.default_rng(3))
    assert not (seen & ~held).any() and seen.any(axis=1).all() and (held & ~seen).any(axis=1).all()
    assert 0.4 < seen.sum() / held.sum() < 0.6


def test_it_comes_back_as_it_was_saved_and_damage_is_told(tmp_path: Path) -> None:
    completion = fit_tag_completion(csr_matrix(LISTS[:150]), 7)  # too few to hold lists out
    assert completion.mixture == Mixture()
    completion.save(tmp_path)
    seen = LISTS[:20]
    np.testing.assert_array_equal(load_tag_completion(tmp_path).chances(seen), completion.chances(seen))
    (tmp_path / f"{COMPLETION}.json").unlink()
    with pytest.raises(ArtifactError):
        load_tag_completion(tmp_path)
