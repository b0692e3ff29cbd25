"""The steps from files to answers on the stores that the settings name: what the command line and the library call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kindred.domain.errors import StoreError
from kindred.domain.progress import Progress, silent, told_on_interrupt
from kindred.files import locked_or
from kindred.stores import (
    encoder_for,
    encoder_of,
    graph_as_it_is,
    graph_of,
    graph_to_read,
    parts_of,
    runs_folder_of,
    together_of,
    vectors_of,
)

if TYPE_CHECKING:
    from kindred.domain.embeddings import TextEncoder
    from kindred.evaluation.report import Report
    from kindred.ingest.formats.source import SourceFile
    from kindred.ingest.loading.summary import IngestSummary
    from kindred.recommenders.answering.opened import Opened
    from kindred.recommenders.config import ModelConfig
    from kindred.recommenders.judging.evaluating import EvaluationOptions
    from kindred.recommenders.publishing import Published
    from kindred.recommenders.recommends import Recommends
    from kindred.recommenders.runs import Run
    from kindred.recommenders.system import System
    from kindred.recommenders.systems import SystemModule
    from kindred.recommenders.tagging.file import Asked
    from kindred.recommenders.tagging.predicting import Predicted
    from kindred.settings import Settings
    from kindred.vectorstore.store import VectorStore


def ingest(
    settings: Settings,
    files: Sequence[SourceFile],
    max_bad: float = 0.05,
    dry_run: bool = False,
    progress: Progress = silent,
) -> IngestSummary:
    """What became of every line and record of the files, which are in the graph in force now (but for a dry run)."""
    from kindred.ingest.loading.pipeline import IngestOptions, ingest_files

    folder = settings.data_dir
    graph = graph_as_it_is if dry_run else graph_of
    with parts_of(settings) as parts, graph(settings) as store:
        options = IngestOptions(folder / "staging", folder / "quarantine", max_bad, dry_run, parts)
        return ingest_files(store, files, encoder_of(settings, progress, parts), options, progress)


def train_system(
    settings: Settings,
    system: str,
    config: ModelConfig,
    until: int | None,
    progress: Progress = silent,
    name: str | None = None,
) -> Run:
    """A new run of a system on the graph in force, of that name where one is given."""
    from kindred.recommenders.runs import OWN_MODEL
    from kindred.recommenders.systems import find_system

    module = find_system(system)
    if config.model != OWN_MODEL:
        module.check_usual("a baseline")
    folder = None if name is None else runs_folder_of(settings, system) / name
    return _train_in(settings, module, config, until, folder, progress)


def resume_training(settings: Settings, system: str, name: str, progress: Progress) -> Run:
    """Goes on with a run that was interrupted, with the settings that it began with."""
    from kindred.recommenders.systems import find_system
    from kindred.recommenders.training import read_begun_run

    module = find_system(system)
    folder = runs_folder_of(settings, system) / name
    begun = read_begun_run(folder)
    resumed = settings.model_copy(update={"seed": begun.seed})
    return _train_in(resumed, module, begun.config, begun.until, folder, progress)


def _train_in(
    settings: Settings,
    module: SystemModule,
    config: ModelConfig,
    until: int | None,
    given: Path | None,
    progress: Progress,
) -> Run:
    """Trains in the folder that is given, or in a new one; all is loaded before that is made, which takes seconds."""
    from kindred.domain.schema import graph_schema
    from kindred.graph.statistics import graph_statistics
    from kindred.recommenders.data_hash import data_hash
    from kindred.recommenders.runs import new_run_folder, resumable_or_gone
    from kindred.recommenders.training import GraphState, begin_training, check_times
    from kindred.training.fit import RunOptions, untracked
    from kindred.training.tracking import mlflow_tracking

    folder = given or new_run_folder(runs_folder_of(settings, module.system.name), settings.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with resumable_or_gone(folder):
        url = settings.effective_graph_url
        options = RunOptions(folder, settings.seed, settings.device, resume=True, progress=progress)
        # noted before the graph is read: who is killed meanwhile can go on
        begin_training(folder, config, options, GraphState(url, "", until))
        noted = config.model_dump(mode="json")
        uri = settings.mlflow_uri
        tracking = mlflow_tracking(uri, "kindred", folder.name, noted) if uri else nullcontext(untracked)
        with graph_to_read(settings) as store, tracking as track:
            module.check_meant(store, "train {}")
            if until is not None:
                check_times(module.system, store, until)
            statistics = graph_statistics(store, graph_schema())
            state = GraphState(url, statistics.content_hash, until, data_hash(module.system, store))
            # who writes the graph, or needs the memory, is not kept waiting until the end of the training
            told = replace(options, track=track, together=together_of(settings), has_read=store.close)
            return module.train(store, config, told, state)


def evaluate_run(
    settings: Settings, run: Run, options: EvaluationOptions, progress: Progress = silent
) -> tuple[Report, Path]:
    """The report, and the folder that it was written to."""
    from kindred.recommenders.runs import leaving_no_models

    folder = run.folder / "evaluation" / options.protocol
    told = told_on_interrupt(lambda: f"{_kept_report(folder)}; run the same command again")
    with told, leaving_no_models(folder):
        return _judge(settings, run, options, folder, progress), folder


def _kept_report(folder: Path) -> str:
    return f"the report in {folder} is as it was" if (folder / "report.json").exists() else "no report was written"


def _judge(settings: Settings, run: Run, options: EvaluationOptions, folder: Path, progress: Progress) -> Report:
    from kindred.recommenders.interaction_graph import read_interaction_graph
    from kindred.recommenders.judging.evaluating import evaluate as judge
    from kindred.recommenders.systems import find_system
    from kindred.recommenders.training import recipe_of
    from kindred.training.fit import RunOptions

    module = find_system(run.manifest["system"])
    judged = RunOptions(folder, device=settings.device, progress=progress)
    if module.evaluate is not None:
        if options.without_text or options.without_network:
            module.check_usual("judging without text or the graph network")
        with graph_to_read(settings) as store:  # who writes the graph is not kept waiting until all is judged
            return module.evaluate(store, run, options, replace(judged, has_read=store.close))
    with graph_to_read(settings) as store:
        graph = read_interaction_graph(module.system, store, run.manifest["graph"]["until"])
    return judge(graph, recipe_of(run), options, judged, module.fit_split, module.baselines(graph))


def publish_run(settings: Settings, run: Run) -> Published:
    """Makes the run the published version of its system; versions that arms of A/B tests name stay beside it.

    Raises:
        StoreError: another process publishes a run of that system, whose new version must not be cleared away.
    """
    from kindred.recommenders.systems import find_system

    module = find_system(run.manifest["system"])
    graph = graph_of if module.publishes_edges else graph_to_read
    folder = runs_folder_of(settings, module.system.name)
    folder.mkdir(parents=True, exist_ok=True)
    taken = StoreError(f"another process publishes a run of {module.system.name}", "let it end, then publish again")
    with locked_or(taken, folder / ".publish.lock"), graph(settings) as store, vectors_of(settings) as vectors:
        name = module.system.name
        tests = [test for test in settings.experiments if test.system == name]
        in_use = {arm.version for test in tests for arm in test.arms}
        with told_on_interrupt(lambda: f"{_answering(vectors, name)}; run the same command again"):
            return module.publish(run, store, vectors, in_use)


def _answering(vectors: VectorStore, system: str) -> str:
    version = vectors.of(system).published()
    return f"version {version} of {system} answers" if version else f"nothing of {system} is published yet"


def predict_tags(
    settings: Settings, name: str | None, asked: Asked, path: Path, progress: Progress = silent
) -> Predicted:
    """Writes the tags of all tracks that are asked for, by the run of that name or the newest; what became of them."""
    from kindred.recommenders.runs import find_run
    from kindred.recommenders.tagging.predicting import predict_to_file

    run = find_run(runs_folder_of(settings, "tags"), name)
    with graph_to_read(settings) as store:
        return predict_to_file(run, store, asked, path, progress)


@contextmanager
def recommender_of(settings: Settings, system: str = "products") -> Iterator[Recommends]:
    """The recommender of a system on the stores in force."""
    with opened_system(settings, system) as (module, opened):
        yield module.open_recommender(opened)


def write_answers_to_all(
    settings: Settings, system: str, path: Path, k: int, at_most: Mapping[str, int], progress: Progress = silent
) -> int:
    """Writes the k best items of every user, as Parquet or JSON lines, whole or not at all; how many users.

    A path without an ending is a folder of parts, which goes on where it was interrupted.
    """
    from kindred.domain.errors import SettingsError
    from kindred.recommenders.answering.batch import recommend_to_all
    from kindred.recommenders.answering.lists_file import write_lists
    from kindred.recommenders.recommends import ListsEveryone

    with opened_system(settings, system) as (module, opened):
        recommender = module.open_recommender(opened)
        words = module.system.words
        is_folder = path.is_dir() or not (path.suffix or path.exists())
        if isinstance(recommender, ListsEveryone):
            if at_most:
                raise SettingsError(f"system {system} does not go by so many of one label", "leave --at-most out")
            if is_folder:
                raise SettingsError(f"lists of {system} are one file, got {path}", "name a .parquet or .jsonl file")
            return write_lists(path, recommender.everyone(k), words.items)
        if is_folder:
            return _write_parts(settings, module.system, opened, path, (k, at_most), progress)
        found = recommend_to_all(module.system, opened, k, at_most)
        return write_lists(path, ((user, items, None) for user, items in found), words.items)


def _write_parts(
    settings: Settings,
    system: System,
    opened: Opened,
    folder: Path,
    asked: tuple[int, Mapping[str, int]],
    progress: Progress,
) -> int:
    from kindred.recommenders.answering.batch import open_everyone
    from kindred.recommenders.answering.held_versions import published_version
    from kindred.recommenders.answering.lists_folder import write_lists_folder

    k, at_most = asked
    everyone = open_everyone(system, opened, k, at_most)
    made_of = {
        "system": system.name,
        "version": published_version(system, opened.vectors.of(system.name)),
        "at_most": dict(at_most),
        "events": len(everyone.best.users.known),
    }
    with parts_of(settings) as parts:
        return write_lists_folder(folder, everyone, made_of, system.words.items, parts, progress)


def export_embeddings(settings: Settings, system: str, folder: Path) -> dict[str, int]:
    """Writes the published embeddings of users and items as safetensors beside their ids; how many of each."""
    from kindred.recommenders.answering.batch import open_published
    from kindred.recommenders.systems import find_system
    from kindred.training.checkpoint import write_arrays

    find_system(system).check_usual("export of embeddings")  # first: to publish would not help
    with opened_system(settings, system) as (module, opened):
        version, published = open_published(module.system, opened)
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("users", published.users), ("items", published.items)):
        write_arrays(folder, name, {"embeddings": part.vectors}, {"version": version.name, "ids": list(part.ids)})
    return {"users": len(published.users.ids), "items": len(published.items.ids)}


def tune_text_encoder(
    settings: Settings, folder: Path, epochs: int, until: int | None, progress: Progress = silent
) -> Report:
    """A text encoder fine-tuned on the searches of the graph in force, in a new folder, and what it is worth."""
    from kindred.features.fine_tuning import FineTuning, check_fine_tuning
    from kindred.recommenders.searching.encoder_tuning import tune_encoder
    from kindred.recommenders.searching.search_log import read_search_log

    check_fine_tuning(settings.encoder, folder)
    with graph_to_read(settings) as store:
        encoder_for(settings, store)
        log = read_search_log(store, until)

    def opened(name: str) -> TextEncoder:
        return encoder_of(settings.model_copy(update={"encoder": name}), progress)

    how = FineTuning(epochs=epochs, seed=settings.seed, device=settings.device)

    def kept() -> str:
        return f"{folder} is whole, but not judged" if folder.exists() else f"{folder} was not written; run it again"

    with told_on_interrupt(kept):
        return tune_encoder(log, settings.encoder, folder, how, opened, progress)


@contextmanager
def opened_system(settings: Settings, system: str) -> Iterator[tuple[SystemModule, Opened]]:
    """A system and the stores in force.

    Raises:
        NotPublishedError: nothing is published of it; systems that are published are named.
    """
    from kindred.recommenders.systems import find_system

    module = find_system(system)
    with vectors_of(settings) as vectors:
        _check_published(module.system, vectors)  # first: to open a graph takes longer
        from kindred.recommenders.answering.opened import Opened

        with graph_to_read(settings) as store:
            yield module, Opened(store, vectors, runs_folder_of(settings, system), lambda: encoder_for(settings, store))


def _check_published(system: System, vectors: VectorStore) -> None:
    """Raises NotPublishedError where nothing is published of a system, which names those that can be asked."""
    from kindred.domain.errors import NotPublishedError
    from kindred.recommenders.answering.held_versions import published_version

    try:
        published_version(system, vectors.of(system.name))
    except NotPublishedError as error:
        others = [f"`--system {name}`" for name in vectors.systems() if vectors.of(name).published()]
        if not others:
            raise
        raise NotPublishedError(error.message, f"ask {' or '.join(others)}, or {error.next_step}") from error
