"""A/B tests from the declaration to the report, on a log and a graph with a planted lift."""

from __future__ import annotations

import asyncio
import json
import resource
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import ArtifactError, GateError, SettingsError, StoreError
from kindred.domain.experiments import Arm, Experiment
from kindred.domain.recommendation import Answer, Recommendation, Request
from kindred.domain.records import Interacted, Item, User
from kindred.domain.schema import edge_type_of, graph_schema, to_table
from kindred.evaluation.experiments import Pairs
from kindred.graph.open import open_graph
from kindred.recommenders.interactions import INTERACTIONS
from kindred.serving.ab_tests import experiments as logging_module
from kindred.serving.ab_tests.experiment_report import ExperimentReport, _Events, off_policy, report_of
from kindred.serving.ab_tests.experiments import Experiments, Exposure, ExposureLog, read_exposures
from kindred.serving.service import Service
from kindred.settings import Settings
from kindred.stores import graph_to_read
from tests.serving.conftest import Published, opened, settings_in

app = whole_tree()

Tested = tuple[Path, list[Exposure]]

NOW = 1_700_000_000
RATES = {"control": 0.11, "test": 0.19}
NUM_USERS = 3_000
ARMS = (Arm(name="control", share=50), Arm(name="test", share=50, diversity=0.5))
WIDER = Experiment(name="wider", system="interactions", arms=ARMS, salt="pepper")


def answer_of(user: str, items: int = 3) -> Answer:
    found = tuple(Recommendation(f"i{number}", 1.0 - number / 10) for number in range(items))
    return Answer(user, found, "model", "v1", system="interactions")


def logged(folder: Path, experiment: Experiment, users: list[str]) -> list[Exposure]:
    """Exposures of the users, one a user, as a service logs them."""
    experiments = Experiments([experiment], folder)
    for user in users:
        choice = experiments.choose("interactions", Request(user_id=user))
        assert choice is not None
        experiments.exposed(choice, answer_of(user), NOW - 500)
    experiments.close()
    assert experiments.num_lost == 0
    return list(read_exposures(folder, experiment.name))


def bought(exposures: list[Exposure], rates: dict[str, float]) -> list[Interacted]:
    """An event with the second item shown, of as many users as the rate of their arm says."""
    rng = np.random.default_rng(0)
    buyers = [one for one in exposures if rng.random() < rates[one["arm"]]]
    return [
        Interacted(event_id=one["user"], source_id=one["user"], target_id=one["items"][1], at=NOW - 400)
        for one in buyers
    ]


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Tested:
    """A data folder with a graph and the log of an experiment, and the exposures in it."""
    folder = tmp_path_factory.mktemp("tested")
    exposures = logged(folder / "exposures", WIDER, [f"u{number}" for number in range(NUM_USERS)])
    store = open_graph(f"ladybug:{folder / 'graph'}")
    store.create_schema(graph_schema())
    events = bought(exposures, RATES)
    for label, ids in ((User, {event.source_id for event in events}), (Item, {"i0", "i1", "i2"})):
        store.upsert_nodes(
            graph_schema().node(label.label),
            to_table(graph_schema().node(label.label), [label(id=name) for name in sorted(ids)]),
        )
    store.upsert_edges(edge_type_of(Interacted), to_table(edge_type_of(Interacted), events))
    store.close()
    return folder, exposures


def reported(tested: Tested, window: int) -> ExperimentReport:
    folder, exposures = tested
    with graph_to_read(Settings(data_dir=folder)) as store:
        return report_of(WIDER, INTERACTIONS, store, exposures, window, NOW)


def test_a_planted_lift_is_reported_with_its_interval(tested: Tested) -> None:
    report = reported(tested, window=300)
    assert report.ratio.holds
    control, test = report.arms
    assert control.num_users + test.num_users == NUM_USERS
    assert test.against_control is not None and test.against_control.is_significant
    assert test.against_control.interval.low < RATES["test"] - RATES["control"] < test.against_control.interval.high


def test_events_beyond_the_window_or_before_it_is_over_do_not_count(tested: Tested) -> None:
    short = reported(tested, window=99)
    assert [arm.rate for arm in short.arms] == [0, 0]
    assert short.arms[1].against_control is not None and not short.arms[1].against_control.is_significant
    with pytest.raises(ArtifactError, match="no exposures whose window is over"):
        reported(tested, window=1_000)


def test_an_event_of_the_second_of_the_exposure_counts() -> None:
    """Events have whole seconds, and who clicks at once clicks within one."""
    exposure: Exposure = {"at": 1000.7, "user": "u", "arm": "test", "items": ["i", "j"]}
    found = []
    for at in (999, 1000, 1001, 1005, 1006):
        events = _Events({"u": 0}, {"i": 0}, Pairs(np.array([0]), np.array([0]), np.array([at])))
        found.append(events.hits([exposure], 5).tolist())
    assert found == [[[at, False]] for at in (False, True, True, True, False)]


def test_the_command_says_so_and_refuses_groups_of_wrong_sizes(tested: Tested, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = tested
    shares = {"fair": (50, 50), "skewed": (40, 60)}
    for name, (first, second) in shares.items():
        arms = [{"name": "control", "share": first}, {"name": "test", "share": second}]
        declared = [{"name": "wider", "system": "interactions", "salt": "pepper", "arms": arms}]
        monkeypatch.setenv("KINDRED_EXPERIMENTS", json.dumps(declared))
        command = ("--data-dir", str(folder), "experiments", "report", "wider", "--window", "5m", "--json")
        found = CliRunner().invoke(app, command)
        report = json.loads(found.stdout)
        assert report["sample_ratio"]["holds"] is (name == "fair")
        assert isinstance(found.exception, GateError) is (name == "skewed")
    assert "pepper" not in CliRunner().invoke(app, ("config", "--json")).output
    assert "pepper" not in CliRunner().invoke(app, ("experiments", "list", "--json")).output
    for of, hint in (("[]", "declare it in kindred.toml"), (json.dumps(declared), "declared are wider")):
        monkeypatch.setenv("KINDRED_EXPERIMENTS", of)
        unknown = CliRunner().invoke(app, ("experiments", "report", "narrower"))
        assert isinstance(unknown.exception, SettingsError) and hint in unknown.exception.next_step


def test_requests_are_answered_as_the_arm_says(tmp_path: Path) -> None:
    experiments = Experiments([WIDER], tmp_path)
    choices = [experiments.choose("interactions", Request(user_id=f"u{number}")) for number in range(50)]
    assert {(choice.arm.name, choice.request.diversity) for choice in choices if choice} == {
        ("control", 0.0),
        ("test", 0.5),
    }
    assert experiments.choose("products", Request(user_id="u1")) is None
    assert experiments.choose("interactions", Request()) is None
    experiments.close()


def test_what_an_exploring_arm_logs_gives_off_policy_estimates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first place earns by item: showing the best always earns .4, any of three (.4 + .1 + .1) / 3."""
    monkeypatch.setattr(logging_module, "SystemRandom", lambda: Random(0))  # an interval misses one time in twenty
    arms = (Arm(name="control", share=1), Arm(name="explores", share=99, explore=0.5))
    experiment = replace_arms(arms)
    users = [f"u{number}" for number in range(6_000)]
    exposures = [one for one in logged(tmp_path, experiment, users) if one["arm"] == "explores"]
    firsts = [one["items"][0] for one in exposures]
    assert firsts.count("i0") / len(firsts) == pytest.approx(0.5 + 0.5 / 3, abs=0.03)
    assert {round(one["propensity"], 6) for one in exposures} == {round(0.5 + 0.5 / 3, 6), round(0.5 / 3, 6)}
    rng = np.random.default_rng(1)
    earned = [rng.random() < (0.4 if first == "i0" else 0.1) for first in firsts]
    hits = np.zeros((len(exposures), 3), dtype=bool)
    hits[:, 0] = earned
    found = off_policy(exposures, hits)
    assert found is not None
    for estimate in ("IPS", "SNIPS"):
        assert found[f"best first, {estimate}"].low < 0.4 < found[f"best first, {estimate}"].high
        assert found[f"uniform first, {estimate}"].low < 0.2 < found[f"uniform first, {estimate}"].high


def replace_arms(arms: tuple[Arm, ...]) -> Experiment:
    return WIDER.model_copy(update={"arms": arms, "name": "explored"})


def test_the_log_is_rotated_and_survives_a_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging_module, "FILE_BYTES", 1_000)
    for part in range(3):
        logged(tmp_path, WIDER, [f"u{part}-{number}" for number in range(30)])
    files = sorted((tmp_path / "wider").glob("*.jsonl"))
    assert len(files) == 3
    files[1].write_bytes(files[1].read_bytes()[:-5])
    assert len(list(read_exposures(tmp_path, "wider"))) == 89
    files[0].write_bytes(b"not JSON\n")
    with pytest.raises(StoreError, match="can't be read"):
        list(read_exposures(tmp_path, "wider"))


def test_a_disk_that_is_full_in_the_midst_leaves_whole_lines(tmp_path: Path) -> None:
    log, line = ExposureLog(tmp_path), b'{"user": "u1", "arm": "control"}\n'
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    log._append("wider", line)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            log._append("wider", line * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    log._append("wider", line)
    log.close()
    assert len(list(read_exposures(tmp_path, "wider"))) == 2


def test_an_exposure_that_can_not_be_written_is_counted_and_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "wider").write_text("a file where the folder should be")
    experiments = Experiments([WIDER], tmp_path)
    choice = experiments.choose("interactions", Request(user_id="u1"))
    assert choice is not None
    assert experiments.exposed(choice, replace(answer_of("u1"), note="kept")).note == "kept"
    experiments.close()
    assert experiments.num_lost == 1


def test_the_service_answers_by_arm_and_logs_what_it_showed(published: Published, tmp_path: Path) -> None:
    declared = WIDER.model_copy(update={"system": "products"})
    settings = settings_in(published, tmp_path / "data").model_copy(update={"experiments": (declared,)})
    users = sorted({str(review["reviewerID"]) for review in published.reviews})[:12]

    async def ask(service: Service) -> list[Answer]:
        past = await service.answer("products", Request(user_id=users[0], at=1))
        assert past.variant == ""
        given = Request(user_id=users[0], among=[str(published.reviews[0]["asin"])], exclude_seen=False)
        assert (await service.answer("products", given)).variant == "", "what is put in order is not shown for that"
        return [await service.answer("products", Request(user_id=user, k=3)) for user in users]

    with opened(settings) as service:
        answers = asyncio.run(ask(service))
    assert {answer.variant for answer in answers} == {"control", "test"}
    exposures = {one["user"]: one for one in read_exposures(settings.data_dir / "exposures", "wider")}
    assert sorted(exposures) == users
    for answer in answers:
        assert answer.user_id is not None
        assert exposures[answer.user_id]["items"] == [item.item_id for item in answer.recommendations]
        assert exposures[answer.user_id]["arm"] == answer.variant


def test_an_arm_whose_version_is_gone_gets_the_one_in_force(published: Published, tmp_path: Path) -> None:
    arms = (Arm(name="control", share=50), Arm(name="test", share=50, version="20200101-000000-aaaaaa"))
    declared = WIDER.model_copy(update={"system": "products", "arms": arms})
    settings = settings_in(published, tmp_path / "data").model_copy(update={"experiments": (declared,)})
    users = sorted({str(review["reviewerID"]) for review in published.reviews})[:12]
    with opened(settings) as service:

        async def ask() -> list[Answer]:
            return [await service.answer("products", Request(user_id=user, k=3)) for user in users]

        assert service.problems() == []
        answers = asyncio.run(ask())
        [problem] = service.problems()
        assert service.experiments is not None
        service.experiments.close()
        service.experiments = None
        usual = asyncio.run(ask())
    assert "experiment wider: version 20200101-000000-aaaaaa can't be read" in problem
    assert {answer.variant for answer in answers} == {"control", ""} and len({a.version for a in answers}) == 1
    assert [answer.recommendations for answer in answers] == [answer.recommendations for answer in usual]
    exposures = read_exposures(settings.data_dir / "exposures", "wider")
    assert sorted(one["user"] for one in exposures) == [a.user_id for a in answers if a.variant]
