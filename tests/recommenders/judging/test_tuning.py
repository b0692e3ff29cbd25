"""The search for settings: what it may look at, and that it can be interrupted."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kindred.domain.errors import SettingsError
from kindred.evaluation.splits import split_by, temporal_split
from kindred.gnn.hetero_data import reverse_of
from kindred.gnn.model import GnnConfig
from kindred.recommenders.config import ModelConfig, read_model_config
from kindred.recommenders.interaction_graph import InteractionGraph, read_interaction_graph
from kindred.recommenders.judging.search_space import SPACE, config_of, params_of
from kindred.recommenders.judging.tuning import BEST, STUDY, TuningOptions, open_study, tune, tuning_split
from kindred.recommenders.products import PRODUCTS
from kindred.training.fit import RunOptions
from tests.recommenders.conftest import QUICK, Shop

pytest.importorskip("optuna")

BASE = ModelConfig(gnn=GnnConfig(epochs=20, patience=1), ranking=QUICK)


@pytest.fixture(scope="module")
def graph(shop: Shop) -> InteractionGraph:
    return read_interaction_graph(PRODUCTS, shop.store)


@pytest.fixture(scope="module")
def few(graph: InteractionGraph) -> InteractionGraph:
    """So few reviews that no network learns from them: a trial takes no time."""
    rows = np.flatnonzero(graph.interactions.user_index < 6)[:60]
    assert graph.event_text is not None
    return replace(graph, interactions=graph.interactions.take(rows), event_text=graph.event_text[rows])


def with_other_test_reviews(graph: InteractionGraph) -> InteractionGraph:
    """The graph with other products, stars and words in the reviews that the test is of."""
    test = temporal_split(graph.interactions).test
    rng = np.random.default_rng(0)
    events, data = graph.interactions, graph.data.clone()
    items, rating = events.item_index.copy(), events.rating.copy()  # type: ignore[union-attr]
    items[test], rating[test] = rng.integers(0, events.num_items, len(test)), rng.integers(1, 6, len(test))
    assert graph.event_text is not None
    text = graph.event_text.copy()
    text[test] = rng.standard_normal(text[test].shape)
    changed = replace(events, item_index=items, rating=rating)
    for triple, product_row in ((PRODUCTS.triple, 1), (reverse_of(PRODUCTS.triple), 0)):
        if triple in data.edge_types:
            edges = data[triple]
            for name, new in (("rating", rating), ("text_embedding", text)):
                edges[name] = edges[name].clone()
                edges[name][test] = edges[name].new_tensor(new[test])
            edges.edge_index = edges.edge_index.clone()
            edges.edge_index[product_row, test] = edges.edge_index.new_tensor(items[test])
    return replace(graph, data=data, interactions=changed, event_text=text)


def test_no_trial_looks_at_the_test_reviews(graph: InteractionGraph, tmp_path: Path) -> None:
    other = with_other_test_reviews(graph)
    cut = [temporal_split(g.interactions) for g in (graph, other)]
    assert np.array_equal(cut[0].test, cut[1].test)
    assert not np.array_equal(cut[0].test_events.item_index, cut[1].test_events.item_index)
    small = ModelConfig(gnn=GnnConfig(epochs=5, patience=1), ranking=QUICK)
    options = TuningOptions(2, base=small)
    found = [
        tune(g, options, RunOptions(tmp_path / str(n), seed=16, device="cpu")) for n, g in enumerate((graph, other))
    ]
    assert [t.value for t in found[0].trials] == [t.value for t in found[1].trials] and found[0].defaults > 0
    assert [t.params for t in found[0].trials] == [t.params for t in found[1].trials]
    assert len({t.value for t in found[0].trials}) == 2
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == [".lock", "best.json", "study.journal"]


def test_the_defaults_come_first_and_the_best_is_a_file_that_training_reads(
    few: InteractionGraph, tmp_path: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    run = RunOptions(tmp_path, device="cpu", progress=lambda stage, done, total: told.append((done, total)))
    result = tune(few, TuningOptions(4, base=BASE), run)
    assert told == [(n, 4) for n in range(5)] and [t.number for t in result.trials] == list(range(4))
    assert result.trials[0].params == params_of(BASE) and result.defaults == result.trials[0].value
    assert result.gain == max(t.value for t in result.trials) - result.defaults >= 0
    best = read_model_config(result.config_file)
    assert params_of(best) == result.best.params and config_of(result.best.params, BASE) == best
    assert json.dumps(result.as_json())


def test_ctrl_c_keeps_what_is_done_and_resume_goes_on(few: InteractionGraph, tmp_path: Path) -> None:
    def interrupt(stage: str, done: int, total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    run = RunOptions(tmp_path, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        tune(few, TuningOptions(4, base=BASE), replace(run, progress=interrupt))
    read_model_config(tmp_path / BEST)
    with pytest.raises(SettingsError, match="--resume"):
        tune(few, TuningOptions(4, base=BASE), run)
    result = tune(few, TuningOptions(4, base=BASE), replace(run, resume=True))
    assert [t.number for t in result.trials] == list(range(4))
    assert len({t.params["gnn.dropout"] for t in result.trials}) == 4
    again = tune(few, TuningOptions(4, base=BASE), replace(run, resume=True))
    assert again == result


def test_one_process_at_a_time_goes_on_with_a_study(few: InteractionGraph, tmp_path: Path) -> None:
    def other(stage: str, done: int, total: int | None) -> None:
        with pytest.raises(SettingsError, match="another process"):
            tune(few, TuningOptions(2, base=BASE), RunOptions(tmp_path, device="cpu", resume=True))

    result = tune(few, TuningOptions(1, base=BASE), RunOptions(tmp_path, device="cpu", progress=other))
    assert len(result.trials) == 1


def test_killed_in_the_first_trial_the_defaults_are_still_tried(few: InteractionGraph, tmp_path: Path) -> None:
    study = open_study(PRODUCTS, RunOptions(tmp_path), BASE)
    study.ask()  # began, and never told of its end
    result = tune(few, TuningOptions(2, base=BASE), RunOptions(tmp_path, device="cpu", resume=True))
    assert result.trials[0].params == params_of(BASE) and len(result.trials) == 2
    assert all(json.loads(line) for line in (tmp_path / STUDY).read_text().splitlines())  # JSON, nothing pickled


def test_events_without_times_are_validated_on_a_random_part(few: InteractionGraph, tmp_path: Path) -> None:
    timeless = replace(few, interactions=replace(few.interactions, at=None))
    assert len(tune(timeless, TuningOptions(1, base=BASE), RunOptions(tmp_path)).trials) == 1
    tested = split_by("random", timeless.interactions, seed=0).test
    assert np.array_equal(tuning_split(timeless.interactions).test, tested)


def test_a_study_of_other_settings_is_not_gone_on_with(few: InteractionGraph, tmp_path: Path) -> None:
    run = RunOptions(tmp_path, device="cpu", resume=True)
    tune(few, TuningOptions(1, base=BASE), run)
    with pytest.raises(SettingsError, match="other settings"):
        tune(few, TuningOptions(2, base=BASE.model_copy(update={"text": False})), run)


def test_every_setting_searched_reaches_the_config() -> None:
    default = ModelConfig()
    assert config_of(params_of(default), default) == default
    other: dict[str, Any] = {
        name: choice.values[0] if hasattr(choice, "values") else choice.low for name, choice in SPACE.items()
    }
    assert params_of(config_of(other, default)) == other != params_of(default)
    ModelConfig.model_validate(config_of(other, default).model_dump(mode="json"))


def test_without_optuna_the_extra_is_named(
    graph: InteractionGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SettingsError, match=r"'\.\[tune\]'"):
        tune(graph, TuningOptions(1), RunOptions(tmp_path))
    assert not (tmp_path / STUDY).exists()


@pytest.mark.parametrize("content", ['{"gnn": {"epochs": 0}}', '{"gnn": {"breadth": 3}}', "not JSON"])
def test_a_settings_file_that_can_t_be_used_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(SettingsError, match=r"settings\.json"):
        read_model_config(path)
    with pytest.raises(SettingsError, match="can't be read"):
        read_model_config(tmp_path / "nowhere.json")
