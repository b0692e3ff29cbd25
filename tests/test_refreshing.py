"""Refreshing: a better run answers, a worse one does not, an unchanged graph costs nothing, a signal ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kindred.cli.app import whole_tree
from kindred.domain.errors import GateError, StoreError
from kindred.files import read_with_hash, write_with_hash
from kindred.ingest.generate.products import ProductSample, generate_products
from kindred.refreshing import _RUN, _alone
from kindred.settings import Settings
from tests.recommenders.conftest import load

app = whole_tree()

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_pictures")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a graph and a file of settings for a quick training; the tests go on from one another."""
    folder = tmp_path_factory.mktemp("data")
    grow(folder, 160)
    (folder / "quick.json").write_text(json.dumps({"model": "itemknn", "text": False}))
    return folder


@pytest.fixture(scope="module")
def first(data: Path) -> dict[str, object]:
    """What the first refresh of the folder came to."""
    return refreshed(data, "--config", str(data / "quick.json"))


def grow(folder: Path, reviews: int) -> None:
    sample = ProductSample(users=30, products=40, reviews=reviews, seed=2)
    files = generate_products(sample, folder / f"sample-{reviews}")
    load(folder, files.reviews, files.metadata).close()


def refreshed(folder: Path, *options: str) -> dict[str, object]:
    command = ("--data-dir", str(folder), "refresh", "--json", *options)
    result = CliRunner().invoke(app, command)
    if result.exception is not None:
        raise result.exception
    return json.loads(result.stdout)


def runs(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in (folder / "artifacts" / "products").glob("*/manifest.json"))


def test_a_folder_that_cannot_be_written_is_no_other_refresh(tmp_path: Path) -> None:
    (tmp_path / "artifacts" / "products" / ".refresh.lock").mkdir(parents=True)
    with pytest.raises(IsADirectoryError), _alone(Settings(data_dir=tmp_path), "products"):
        pass


def test_two_at_once_are_refused(data: Path) -> None:
    with _alone(Settings(data_dir=data), "products"), pytest.raises(StoreError, match="another refresh"):
        refreshed(data, "--config", str(data / "quick.json"))


def test_a_signal_ends_it_between_two_refreshes(data: Path, first: dict[str, object]) -> None:
    command = [
        sys.executable,
        str(Path(__file__).parents[1] / "cli.py"),
        "--data-dir",
        str(data),
        "refresh",
        "--every",
        "1h",
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        assert "its data are as they were" in child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 130


def test_a_refresh_publishes_what_is_no_worse_and_deletes_what_is_old(data: Path, first: dict[str, object]) -> None:
    assert first["is_published"] and first["before"] is None and first["version"] == first["run"]
    same = refreshed(data)
    assert same["run"] is None and same["version"] == first["version"] and runs(data) == [first["run"]]

    grow(data, 200)
    second = refreshed(data, "--worse-by", "1", "--keep", "0")
    assert second["is_published"] and second["before"] == pytest.approx(first["figure"], abs=1e-4)
    assert second["version"] == second["run"] != first["run"]
    assert second["events"][0] > second["events"][1]  # type: ignore[index]

    # A worse one: what answers is said to be better than anything can be.
    report = next((data / "artifacts" / "products" / str(second["run"])).glob("evaluation/*/report.json"))
    judged = read_with_hash(report)
    assert set(judged["ranking"]["baselines"]) == {"popularity", "itemknn"}, "others take long to fit"
    assert "kindred evaluate" in judged["protocol"]["baselines_left_out"]["ease"]
    judged["ranking"]["model"]["ndcg@10"] = 0.999
    write_with_hash(report, judged)
    judged["ranking"]["model"]["ndcg@10"] = 0.0
    (report.parents[1] / "random").mkdir()
    write_with_hash(report.parents[1] / "random" / report.name, judged)  # of other events: it says nothing
    grow(data, 240)
    missed = CliRunner().invoke(app, ("--data-dir", str(data), "refresh", "--keep", "0"))
    assert isinstance(missed.exception, GateError) and "answers on" in missed.exception.message
    assert "is worse" not in missed.output, "the error says it, once"
    assert refreshed(data, "--keep", "0", "--worse-by", "1", "--config", str(data / "quick.json"))["is_published"]
    assert len(runs(data)) == 2, "what answers, and what a rollback brings back"


KILLED = """
import os, shutil, sys
from importlib import import_module
from pathlib import Path
from kindred import refreshing
from kindred.recommenders import interaction_graph, training
from kindred.recommenders.judging import evaluating
from kindred.settings import Settings

folder = Path(sys.argv[1])
for number, where in enumerate(sys.argv[2:]):
    child = os.fork()
    if child == 0:
        module, _, name = where.rpartition(".")
        setattr(import_module(module), name, lambda *given: os._exit(9))
        refreshing.refresh(Settings(data_dir=folder), "products", refreshing.RefreshOptions(worse_by=1.0, keep=9))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    shutil.copytree(folder / "artifacts" / "products", folder / f"killed-{number}")
"""


def killed(folder: Path, *where: str) -> None:
    """Refreshes in processes of their own, each killed as it comes to a function; its runs are then in `killed-N`.

    The processes are forked from one that has imported what they need, which takes most of their time.
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "-c", KILLED, str(folder), *where], env=environment, check=True)


def folders(folder: Path) -> set[str]:
    return {path.name for path in (folder / "artifacts" / "products").iterdir() if path.is_dir()}


def test_the_refresh_after_a_kill_goes_on_with_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path, 160)
    (tmp_path / "quick.json").write_text(json.dumps({"model": "itemknn", "text": False}))
    first = str(refreshed(tmp_path, "--config", str(tmp_path / "quick.json"))["run"])

    grow(tmp_path, 200)
    killed(tmp_path, "kindred.recommenders.training.finish_run", "kindred.refreshing.publish_run")
    [half] = folders(tmp_path) - {first}
    assert not (tmp_path / "killed-0" / half / "manifest.json").exists()
    assert runs(tmp_path) == [first, half], "trained to its end, where it was begun"
    with monkeypatch.context() as patched:
        patched.setattr("kindred.refreshing.train_system", None)
        patched.setattr("kindred.refreshing.resume_training", None)
        assert refreshed(tmp_path, "--worse-by", "1")["version"] == half, "judged and published as it is"

    runs_of = tmp_path / "artifacts" / "products"
    (tmp_path / "killed-0" / half).rename(runs_of / "20260101-000000-aaaaaa")  # as a kill leaves it, of the data before
    (runs_of / _RUN).write_text("20260101-000000-aaaaaa")
    assert len(folders(tmp_path)) == 3
    grow(tmp_path, 240)
    last = refreshed(tmp_path, "--worse-by", "1")
    assert last["is_published"] and folders(tmp_path) == {first, half, last["run"]}, "of other data: deleted"


def test_a_run_that_was_too_bad_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path, 160)
    (tmp_path / "quick.json").write_text(json.dumps({"model": "itemknn", "text": False}))
    first = refreshed(tmp_path, "--config", str(tmp_path / "quick.json"))
    report = next((tmp_path / "artifacts" / "products" / str(first["run"])).glob("evaluation/*/report.json"))
    judged = read_with_hash(report)
    judged["ranking"]["model"]["ndcg@10"] = 0.999
    write_with_hash(report, judged)
    grow(tmp_path, 200)
    assert isinstance(CliRunner().invoke(app, ("--data-dir", str(tmp_path), "refresh")).exception, GateError)
    [bad] = folders(tmp_path) - {str(first["run"])}
    monkeypatch.setattr("kindred.refreshing.train_system", None)
    again = CliRunner().invoke(app, ("--data-dir", str(tmp_path), "refresh"))
    assert isinstance(again.exception, GateError) and bad in again.exception.message
    allowed = refreshed(tmp_path, "--worse-by", "1")
    assert allowed["is_published"] and allowed["run"] == bad
    same = refreshed(tmp_path, "--config", str(tmp_path / "quick.json"))
    assert same["run"] is None and same["version"] == bad, "the settings that it has"
