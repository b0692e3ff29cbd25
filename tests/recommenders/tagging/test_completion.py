"""Tags from other tags: a graph of lists alone, trained, saved and asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import ArtifactError
from kindred.ingest.generate.sampler import Sampler
from kindred.ingest.generate.tag_tree import tag_lists, tag_tree
from kindred.recommenders.tagging.completion import (
    COMPLETION,
    Mixture,
    TagCompletion,
    fit_tag_completion,
    load_tag_completion,
    partly_seen,
)
from kindred.training.fit import RunOptions

LISTS = tag_lists(tag_tree(40, 3), 3000, Sampler(3, 9))


@pytest.fixture(scope="module")
def completion(tmp_path_factory: pytest.TempPathFactory) -> TagCompletion:
    folder = tmp_path_factory.mktemp("lists")
    found = fit_tag_completion(csr_matrix(LISTS[:2700]), RunOptions(folder, 7))
    assert not list(folder.iterdir())  # what training leaves on its way is gone
    return found


def test_the_mixture_finds_what_is_hidden_better_than_known_lists_alone(completion: TagCompletion) -> None:
    held = LISTS[2700:][LISTS[2700:].sum(axis=1) > 1]
    seen = partly_seen(held, np.random.default_rng(1))
    losses = []
    for mixture in (completion.mixture, Mixture(completion.mixture.miss, 0.0), Mixture(network=1.0)):
        chance = np.clip(replace(completion, mixture=mixture).chances(seen)[~seen], 1e-6, 1 - 1e-6)
        losses.append(-np.log(np.where(held[~seen], chance, 1 - chance)).mean())
    assert completion.mixture.network > 0 and losses[0] < losses[1] - 0.005 and losses[0] < losses[2] + 1e-4


def test_answers_are_chances_that_keep_parents_above_children_and_given_tags_certain(completion: TagCompletion) -> None:
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


def test_it_comes_back_as_it_was_saved_and_damage_is_told(completion: TagCompletion, tmp_path: Path) -> None:
    few = fit_tag_completion(csr_matrix(LISTS[:150]), RunOptions(tmp_path, 7))  # too few to hold lists out
    assert few.mixture == Mixture() and few.network is None
    seen = LISTS[:20]
    for name, one in (("few", few), ("many", completion)):
        one.save(tmp_path / name)
        np.testing.assert_array_equal(load_tag_completion(tmp_path / name).chances(seen), one.chances(seen))
    np.testing.assert_allclose(completion.chances(seen[:1]), completion.chances(seen)[:1], atol=1e-5)
    (tmp_path / f"few/{COMPLETION}.json").unlink()
    with pytest.raises(ArtifactError):
        load_tag_completion(tmp_path / "few")


def test_tracks_of_which_none_was_heard_are_alike_in_their_tags_and_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("track,tag\na,rock\na,live\nb,rock\nb,live\nc,pop\n")
    app, told = whole_tree(), ""
    for command in (
        f"ingest tags --tags {tmp_path / 'tags.csv'}",
        "train tags",
        "publish --system tags",
        "similar --item a --system tags -k 1",
    ):
        result = CliRunner().invoke(app, ["--data-dir", str(tmp_path), *command.split()], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        told = result.stdout
    assert "from the tags that the track has" in told and told.split()[-1] == "b"
