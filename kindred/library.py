"""Kindred as a library: from a table to recommendations, by the same steps as the command line.

What is public stands in `kindred.__all__`; docs/your-data.md shows it at work.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from numbers import Integral, Number
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, get_args

from kindred.domain.errors import KindredError, RecordError, SettingsError
from kindred.domain.id_text import id_in
from kindred.domain.recommendation import Answer, Request
from kindred.steps import evaluate_run, ingest, publish_run, recommender_of, train_system

if TYPE_CHECKING:
    from kindred.evaluation.report import Report
    from kindred.ingest.loading.summary import IngestSummary
    from kindred.ingest.tables.mapping import TableMapping
    from kindred.ingest.tables.memory_tables import Table
    from kindred.ingest.tables.table_options import TableOptions
    from kindred.recommenders.model import ModelName
    from kindred.recommenders.recommends import Recommends
    from kindred.recommenders.runs import Run
    from kindred.settings import Settings


@dataclass(frozen=True)
class Data:
    """Tables that were read into a graph.

    Attributes:
        system: the recommender that such events train.
        folder: where the graph is, and what is made of it.
        mapping: which column was taken for what.
        summary: what became of every row.
    """

    system: str
    folder: Path
    mapping: TableMapping
    summary: IngestSummary


@dataclass(frozen=True)
class Trained:
    """A model that was trained on data and answers from now on."""

    data: Data
    run: Run


@contextmanager
def _in_words_of_python() -> Iterator[None]:
    """Errors of the command line in the terms of this module: arguments for options."""
    try:
        yield
    except KindredError as error:
        error.next_step = _in_words(error.next_step)
        raise


def read_interactions(
    table: Table,
    *,
    item_table: Table | None = None,
    order_table: Table | None = None,
    mapping: str | Path | TableMapping | None = None,
    folder: str | Path | None = None,
    max_bad: float = 0.05,
    **options: Unpack[TableOptions],
) -> Data:
    """Tables of one's own, read into a graph; columns that are not named are guessed from their names.

    Args:
        table: a user and an item a row, or a matrix of both.
        item_table: says more of the items.
        order_table: says who made the orders whose lines `table` holds, and when.
        mapping: columns as `kindred ingest interactions --save-mapping` wrote them; what is named here goes first.
        folder: where the graph is kept; a temporary folder that goes with the data if not given.
        max_bad: share of rows, 0 to 1, that may be bad.
        options: what columns are called (`user="reader"`, `item`, `rating`, `at` …), what rows become (`event`) and how
            the table is written (`matrix=True`, `separator` …); `TableOptions` says what there is.

    Warns:
        UserWarning: what was decided about the table that its reader may not expect.

    Raises:
        RecordError: a table can't be read, lacks a column, or too many of its rows are bad.
        SettingsError: there is no such option, such events have no such column, or train no recommender.
    """
    from kindred.ingest.tables.table_options import with_options

    known = with_options(_known(mapping), options)
    tables = {"table": table, "item_table": item_table, "order_table": order_table}
    if folder is not None:
        return _read(tables, known, Path(folder), max_bad)
    kept = tempfile.mkdtemp(prefix="kindred-")
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, kept, ignore_errors=True)
        try:
            data = _read(tables, known, Path(kept), max_bad)
        except RecordError as error:
            if kept in error.next_step:  # the quarantine, which goes with the folder
                error.next_step = "name a folder= to look at the bad rows, or raise max_bad"
            raise
        undo.pop_all()
    weakref.finalize(data, shutil.rmtree, kept, ignore_errors=True)
    return data


def _read(given: Mapping[str, Table | None], known: TableMapping, folder: Path, max_bad: float) -> Data:
    """The tables by the names of their parameters, read into a graph in the folder."""
    from kindred.ingest.interactions import interaction_files
    from kindred.ingest.tables.memory_tables import file_of

    with ExitStack() as stack:
        stack.enter_context(_in_words_of_python())
        files: dict[str, Path | str] = {}
        for name, table in given.items():
            if table is not None or name == "table":
                as_text = name == "table" and bool(known.file.matrix)
                files[name] = stack.enter_context(file_of(table, name, as_text))
        tables = interaction_files(known, files["table"], files.get("item_table"), files.get("order_table"))
        for remark in tables.remarks:
            for name, file in files.items():
                remark = remark.replace(str(file), name) if file is not given[name] else remark
            warnings.warn(_in_words(remark), stacklevel=3)
        system = _system_of(tables.mapping.event)
        names: dict[object, str] = {file: name for name, file in files.items() if file is not given[name]}
        sources = [replace(file, given_as=names.get(file.path, file.given_as)) for file in tables.files]
        return Data(system, folder, tables.mapping, ingest(_settings(folder), sources, max_bad))


@_in_words_of_python()
def train(data: Data, *, model: ModelName = "gnn", epochs: int | None = None, seed: int = 7) -> Trained:
    """A model trained on all the data and ready to answer.

    Args:
        data: what to learn from.
        model: `gnn` (the graph network beside linear scorers) or a baseline such as `ease` or `popularity`.
        epochs: most epochs of the network.
        seed: of every random choice.

    Raises:
        RecordError: the data holds no event.
        SettingsError: there is no such model, or no such number of epochs.
    """
    from kindred.recommenders.config import ModelConfig
    from kindred.recommenders.model import ModelName

    _check_one_of("model", model, get_args(ModelName))
    if epochs is not None:
        _check_count("epochs", epochs)
    config = ModelConfig(model=model, text=model == "gnn")
    if epochs is not None:
        config = config.model_copy(update={"gnn": config.gnn.model_copy(update={"epochs": epochs})})
    settings = _settings(data.folder, seed)
    run = train_system(settings, data.system, config, None)
    publish_run(settings, run)
    return Trained(data, run)


@_in_words_of_python()
def evaluate(trained: Trained, *, protocol: Literal["temporal", "random"] = "temporal", seeds: int = 1) -> Report:
    """How good models of these settings are on events held out of the data, beside every baseline.

    Args:
        trained: whose settings to judge.
        protocol: each user's last event is held out, or 20 % at random.
        seeds: so many splits and fits.

    Raises:
        SettingsError: there is no such protocol, or no such number of seeds.
    """
    from kindred.recommenders.judging.evaluating import EvaluationOptions

    _check_one_of("protocol", protocol, ("temporal", "random"))
    _check_count("seeds", seeds)
    options = EvaluationOptions(protocol, range(seeds))
    return evaluate_run(_settings(trained.data.folder), trained.run, options)[0]


def recommend(trained: Trained, user: str, *, k: int = 10) -> Answer:
    """The best k items that a user has not had yet, and why; for an unknown user what is popular.

    Raises:
        SettingsError: `user` is no id, or k no number of items.
    """
    _check_count("k", k)
    with open_recommender(trained) as recommender:
        return recommender(Request(user_id=_id("user", user), k=k))


def similar(trained: Trained, item: str, *, k: int = 10) -> Answer:
    """The k items that suit best someone who picked this one.

    Raises:
        RecordError: the item was not there in training.
        SettingsError: `item` is no id, or k no number of items.
    """
    _check_count("k", k)
    with open_recommender(trained) as recommender:
        return recommender.similar(_id("item", item), k)


@contextmanager
def open_recommender(trained: Trained) -> Iterator[Recommends]:
    """What answers many requests (`Request`) without opening the stores for each."""
    with recommender_of(_settings(trained.data.folder), trained.data.system) as recommender:
        yield recommender


def _settings(folder: Path, seed: int | None = None) -> Settings:
    """The settings in force, with everything in this folder."""
    from kindred.settings import load_settings

    settings = load_settings(seed=seed)
    return settings.model_copy(update={"data_dir": folder, "graph_url": "", "vector_url": ""})


def _known(mapping: str | Path | TableMapping | None) -> TableMapping:
    from kindred.ingest.tables.mapping import TableMapping, read_mapping

    if mapping is None:
        return TableMapping()
    if isinstance(mapping, TableMapping):
        return mapping
    if not isinstance(mapping, str | Path):
        raise SettingsError(f"mapping is a path or a TableMapping, got {mapping!r}", "name columns by user=, item= …")
    return read_mapping(Path(mapping))


def _check_one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise SettingsError(f"{name} is one of {', '.join(known)}, got {value!r}", f"e.g. {name}={known[0]!r}")


def _check_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise SettingsError(f"{name} is a whole number of at least 1, got {value!r}", f"e.g. {name}=10")


def _id(name: str, value: object) -> str:
    """The id that a text or a number is."""
    found = id_in(str(value)) if isinstance(value, str | Number) and not isinstance(value, bool) else ""
    if not found:
        raise SettingsError(f"{name} is an id, a text or a number, got {value!r}", "ask for one at a time")
    return found


def _system_of(event: str) -> str:
    from kindred.ingest.tables.mapping import find_event_type
    from kindred.recommenders.systems import system_of_events

    system = system_of_events(find_event_type(event))
    if system is None:
        raise SettingsError(f"no recommender is trained on {event} events", "e.g. INTERACTED, REVIEWED")
    return system


def _in_words(text: str) -> str:
    text = re.sub(r"`--([a-z-]+) ([a-z]+)`", lambda option: f"`{option[1].replace('-', '_')}='{option[2]}'`", text)
    return re.sub(r"--([a-z-]+)( [A-Z%]| none\b)?", _argument, text)


def _argument(option: re.Match[str]) -> str:
    return option[1].replace("-", "_") + (f"={option[2].strip()}" if option[2] else "")
