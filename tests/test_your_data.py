"""The page on one's own data holds: every block on it is run, in its order, and what it makes is right."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import kindred
from kindred import library
from kindred.cli import training
from kindred.cli.app import whole_tree
from kindred.recommenders.config import ModelConfig
from kindred.recommenders.runs import Run
from kindred.settings import Settings
from kindred.steps import train_system
from tests.recommenders.conftest import QUICK

app = whole_tree()

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("quick_lightgcn", "no_pictures")]

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "your-data.md").read_text(encoding="utf-8")
BLOCKS = [(found[1], found[2]) for found in re.finditer(r"^```(bash|python)\n(.*?)^```", PAGE, re.M | re.S)]
READERS, SHELVES = 36, 3
NOT_FOR_AN_ANSWER = {
    "torch",
    "scipy",
    "pandas",
    "pyarrow.compute",
    "psutil",
    "pydantic_settings",
    "matplotlib",
    "tokenizers",
    "onnxruntime",
}


def shelf_of(number: int) -> int:
    return number % SHELVES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the files that the page speaks of: each reader mostly reads of one shelf, and likes it."""
    rng = random.Random(5)
    made = tmp_path_factory.mktemp("your-data")
    loans, books = ["reader;book;stars;day"], ["nr,titel,shelf"]
    for reader in range(READERS):
        own = [book for book in range(30) if shelf_of(book) == shelf_of(reader)]
        for n, book in enumerate([rng.randrange(30), *rng.sample(own, 7)]):
            stars = rng.choice([4, 4.5, 5] if shelf_of(book) == shelf_of(reader) else [0.5, 1, 2])
            loans.append(f"r{reader:02};b{book:02};{stars};{1 + reader % 28:02}.{1 + n:02}.2020")
    books += [f"b{book:02},Book number {book},{('Travel', 'Cooking', 'Poetry')[shelf_of(book)]}" for book in range(30)]
    (made / "loans.csv").write_text("\n".join(loans) + "\n")
    (made / "books.csv").write_text("\n".join(books) + "\n")
    with contextlib.chdir(made):
        yield made


@pytest.fixture(scope="module")
def quick_training() -> Iterator[None]:
    """The same models, of fewer passes: what is run here is the page, not how well a model of that size learns."""

    def train(settings: Settings, system: str, config: ModelConfig, *rest: Any) -> Run:
        gnn = config.gnn.model_copy(update={"epochs": 3})
        return train_system(settings, system, config.model_copy(update={"gnn": gnn, "ranking": QUICK}), *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(library, "train_system", train)
        patched.setattr(training, "run_training", train)
        yield


@pytest.fixture(scope="module")
def outputs(folder: Path, quick_training: None) -> list[tuple[str, dict[str, object]]]:
    """What each block printed, and the names it left."""
    found = []
    for language, text in BLOCKS:
        names: dict[str, object] = {}
        printed = io.StringIO()
        if language == "bash":
            for line in text.splitlines():
                program, *arguments = shlex.split(line)
                assert program == "kindred"
                result = CliRunner().invoke(app, arguments, catch_exceptions=False)
                assert result.exit_code == 0, result.output
                printed.write(result.output)
        else:
            with contextlib.redirect_stdout(printed):
                exec(compile(text, "docs/your-data.md", "exec"), names)
        found.append((printed.getvalue(), names))
    return found


def test_the_command_line_loads_trains_evaluates_and_recommends(outputs: list[tuple[str, dict[str, object]]]) -> None:
    looked, done = outputs[0][0], outputs[1][0]
    for words in ("reader  given", "book    given", "nr      given", "the same command without --dry-run"):
        assert words in looked, looked
    assert "next: kindred train interactions" in done and "interactions, 36 users, 30 items" in done
    assert re.search(r"^rating\s+mae", done, re.M) and re.search(r"^model +0\.\d", done, re.M)
    assert re.search(r"you picked “Book number \d+”; \d+ others liked both", done)


def test_a_pandas_frame_is_trained_evaluated_and_recommended_with_titles(
    outputs: list[tuple[str, dict[str, object]]],
) -> None:
    figures, *found = outputs[2][0].splitlines()
    recall, mae = map(float, figures.split())
    assert recall > 0.35 and 0 <= mae < 2  # a third of the books are of the reader's shelf
    assert len(found) == 3 and all(re.match(r"Book number \d+ you picked “Book number \d+”", line) for line in found)
    assert sum(shelf_of(int(line.split()[2])) == 0 for line in found) >= 2


def test_a_polars_frame_without_ratings_is_ranked_by_what_others_had(
    outputs: list[tuple[str, dict[str, object]]],
) -> None:
    answers = outputs[3][1]["answers"]
    assert isinstance(answers, list)
    assert [answer.level for answer in answers] == ["model", "model", "popular"]
    trained = outputs[3][1]["trained"]
    assert isinstance(trained, kindred.Trained) and trained.data.mapping.events.weight == "minutes"
    with pytest.raises(kindred.KindredError, match="no times") as raised:
        kindred.evaluate(trained)
    assert raised.value.next_step == "use the random protocol: `protocol='random'`"


def test_arrow_and_a_path_in_a_folder_that_stays(folder: Path, outputs: list[tuple[str, dict[str, object]]]) -> None:
    assert outputs[4][0].count("Book number") == 3
    assert (folder / "library" / "graph").exists()
    arguments = "--data-dir library recommend --system interactions --user r00 -k 3"
    code = f"import atexit, sys; atexit.register(lambda: print(*{NOT_FOR_AN_ANSWER} & set(sys.modules)))\n"
    code += f"from kindred.cli import main; sys.argv[1:] = {arguments.split()}; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "from the published embeddings" in done.stdout
    assert done.stdout.splitlines()[-1] == "", "an answer to a known user loads what it does not need"
    (folder / "stranger.csv").write_text("reader;book;stars\nnobody;b00;5\nnobody;b03;5\nnobody;b06;4\n")
    arguments = "--data-dir library recommend --system interactions --events stranger.csv -k 3 --json"
    answer = json.loads(CliRunner().invoke(app, arguments.split(), catch_exceptions=False).stdout)
    assert (answer["user_id"], answer["level"]) == ("nobody", "inductive")
    assert sum(shelf_of(int(found["item_id"][1:])) == 0 for found in answer["recommendations"]) >= 2


def test_a_temporary_folder_goes_with_its_data(folder: Path) -> None:
    data = kindred.read_interactions("loans.csv", user="reader", item="book")
    kept = data.folder
    assert kept.is_dir() and data.summary.accepted == READERS * 8 - data.summary.duplicates
    del data
    assert not kept.exists()


def test_what_is_refused_says_what_to_do(folder: Path) -> None:
    with pytest.raises(kindred.KindredError, match="no column 'raeder'") as raised:
        kindred.read_interactions("loans.csv", user="raeder", item="book")
    assert "reader" in raised.value.next_step
    with pytest.raises(kindred.KindredError, match="a list is no table"):
        kindred.read_interactions([1, 2])  # type: ignore[arg-type]
    with pytest.raises(kindred.KindredError, match="a NoneType is no table"):
        kindred.read_interactions(None)  # type: ignore[arg-type]
    pandas = pytest.importorskip("pandas")
    counts = pandas.read_csv("loans.csv", sep=";").groupby(["reader", "book"]).size()
    with pytest.raises(kindred.KindredError, match="a Series is one column") as raised:
        kindred.read_interactions(counts)
    assert "reset_index" in raised.value.next_step
    with pytest.raises(kindred.KindredError, match="no recommender is trained on ADDED_TO_CART events"):
        kindred.read_interactions("loans.csv", user="reader", item="book", event="ADDED_TO_CART")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda trained: kindred.train(trained.data, model="nosuch"), "model is one of gnn, ease"),
        (lambda trained: kindred.train(trained.data, epochs=0), "epochs is a whole number"),
        (lambda trained: kindred.evaluate(trained, protocol="nosuch"), "protocol is one of temporal, random"),
        (lambda trained: kindred.recommend(trained, "r00", k=2.5), "k is a whole number"),
        (lambda trained: kindred.similar(trained, "b00", k=0), "k is a whole number"),
        (lambda trained: kindred.recommend(trained, None), "user is an id"),
        (lambda trained: kindred.recommend(trained, ["r00", "r01"]), "user is an id"),
        (lambda trained: kindred.read_interactions("loans.csv", mapping={"user": "reader"}), "mapping is a path"),
    ],
)
def test_arguments_that_are_none_are_refused_in_words(
    outputs: list[tuple[str, dict[str, object]]], call: Callable[[object], object], told: str
) -> None:
    with pytest.raises(kindred.KindredError, match=told):
        call(outputs[3][1]["trained"])


def test_every_public_name_is_there_and_named_on_the_page() -> None:  # that they are typed: `typed_use.py`
    for name in kindred.__all__:
        assert getattr(kindred, name) is not None and f"`{name}`" in PAGE, name


def test_importing_kindred_loads_nothing_heavy() -> None:
    heavy = ["torch", "pyarrow", "numpy", "pandas", "typer", "pydantic"]
    code = f"import sys, kindred; dir(kindred); print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
