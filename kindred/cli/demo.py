"""`kindred demo`: the whole flow, from files to recommendations; what is done already is not done again."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from kindred.cli import console
from kindred.cli.answers import answer_text
from kindred.cli.ingest import summary_text
from kindred.cli.options import settings_of
from kindred.steps import evaluate_run, publish_run, recommender_of, train_system
from kindred.stores import encoder_of, graph_of, runs_folder_of

if TYPE_CHECKING:
    from kindred.domain.progress import Progress
    from kindred.recommenders.runs import Run
    from kindred.settings import Settings


def demo(
    context: typer.Context,
    reviews: Annotated[Path | None, typer.Option(help="Your own reviews instead of the generated sample.")] = None,
    metadata: Annotated[Path | None, typer.Option(help="Metadata of your products.")] = None,
) -> None:
    """Generate (or take your files), ingest, train, evaluate, publish, recommend. A second run skips what is done."""
    settings = settings_of(context)
    if reviews is not None:
        settings = _settings_for(settings, reviews)
    prepare(settings, reviews, metadata)
    _recommend(settings)
    _say_what_next(settings)


def prepare(settings: Settings, reviews: Path | None = None, metadata: Path | None = None) -> None:
    """From files, or the generated sample, to a published version; what is done already is not done again."""
    with console.Bars() as bars:
        files = (reviews, metadata) if reviews is not None else _sample(settings, bars)
        content_hash = _ingest(settings, files, bars)
        run = _train(settings, content_hash, bars)
        _evaluate(settings, run, bars)
    _publish(settings, run)


def _settings_for(settings: Settings, reviews: Path) -> Settings:
    """A data folder of its own for the user's files, so that they and the sample never share a graph."""
    from kindred.domain.records import content_id

    name = f"{reviews.name.split('.')[0]}-{content_id(str(reviews.absolute()))[:6]}"
    return settings.model_copy(update={"data_dir": settings.data_dir / name})


def _heading(text: str) -> None:
    console.result(f"\n── {text}")


def _sample(settings: Settings, progress: Progress) -> tuple[Path, Path]:
    from kindred.ingest.generate.products import ProductSample, generate_products

    _heading("sample data")
    folder = settings.data_dir / "sample"
    files = (folder / "reviews.jsonl", folder / "metadata.jsonl")
    if all(file.exists() for file in files):
        console.result(f"{folder}: there already")
        return files
    made = generate_products(ProductSample(seed=settings.seed), folder, progress)
    console.result(f"{made.reviews}\n{made.metadata}")
    return made.reviews, made.metadata


def _ingest(settings: Settings, files: tuple[Path, Path | None], progress: Progress) -> str:
    """The graph's content hash once the files are in it."""
    from kindred.domain.schema import graph_schema
    from kindred.graph.statistics import graph_statistics
    from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
    from kindred.ingest.products import product_files

    _heading("ingest")
    noted = settings.data_dir / "demo.json"
    signature = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files if file is not None]
    with graph_of(settings) as store:
        before = graph_statistics(store, graph_schema())
        done = _read(noted)
        if done == {"files": signature, "graph": settings.effective_graph_url, "content_hash": before.content_hash}:
            console.result(f"in the graph already, content hash {before.content_hash}")
            return before.content_hash
        if num_nodes := sum(before.nodes.values()):
            console.note(f"{store.url} holds {num_nodes:,} nodes already; the files are added to them")
        options = IngestOptions(settings.data_dir / "staging", settings.data_dir / "quarantine")
        summary = ingest_files(store, product_files(*files), encoder_of(settings, progress), options, progress)
        console.result(summary_text(summary))
        content_hash = graph_statistics(store, graph_schema()).content_hash
    from kindred.recommenders.runs import write_json

    write_json(noted, {"files": signature, "graph": settings.effective_graph_url, "content_hash": content_hash})
    return content_hash


def _read(path: Path) -> dict[str, Any]:
    try:
        noted: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted


def _train(settings: Settings, content_hash: str, progress: Progress) -> Run:
    from kindred.cli.training import run_text
    from kindred.recommenders.config import ModelConfig
    from kindred.recommenders.runs import finished_runs

    _heading("train")
    config = ModelConfig()
    for run in reversed(finished_runs(runs_folder_of(settings, "products"))):
        made = run.manifest
        same_data = made["graph"]["content_hash"] == content_hash and made["graph"]["until"] is None
        if same_data and made["config"] == config.model_dump(mode="json") and made["seed"] == settings.seed:
            console.result(f"run {run.name} is trained on this graph already")
            return run
    started = time.monotonic()
    run = train_system(settings, "products", config, None, progress)
    console.result(f"{run_text(run)}\ntrained in {time.monotonic() - started:.0f} s")
    return run


def _evaluate(settings: Settings, run: Run, progress: Progress) -> None:
    from kindred.evaluation.report_text import render_table
    from kindred.recommenders.judging.evaluating import EvaluationOptions

    _heading("evaluate: each user's last review, predicted from those before it")
    report = _read(run.folder / "evaluation" / "temporal" / "report.json")
    if not report:
        report, _ = evaluate_run(settings, run, EvaluationOptions("temporal", range(1)), progress)
    console.result(render_table(report))
    console.result(f"report and plots: {run.folder / 'evaluation' / 'temporal'}")


def _publish(settings: Settings, run: Run) -> None:
    from kindred.cli.answers import published_text
    from kindred.recommenders.systems import find_system

    _heading("publish")
    done = publish_run(settings, run)
    console.result(f"version {done.version}: {published_text(find_system('products'), done)}")


def _recommend(settings: Settings) -> None:
    from kindred.domain.recommendation import Request

    _heading("what next for three users")
    with recommender_of(settings) as recommender:
        for user in recommender.example_users(3):
            console.result(answer_text(recommender(Request(user_id=user, k=5))) + "\n")


def service_text(settings: Settings, kindred: str, user: str, product: str) -> str:
    """How to start the service, where it is then, and three requests that it answers."""
    address = f"http://{settings.serve_host}:{settings.serve_port}"
    reviews = [{"reviewerID": "you", "asin": product, "score": 5, "comment": "just what I was looking for"}]
    return (
        f"{kindred}serve     # answers on {address}; stop it with Ctrl-C\n"
        f"curl -s '{address}/v1/users/{quote(user)}/recommendations?k=5'\n"
        f"curl -s '{address}/v1/products/items/{quote(product)}/similar?k=5'\n"
        f"curl -s {address}/reviews/ -H 'content-type: application/json' -d {shlex.quote(json.dumps(reviews))}"
    )


def _say_what_next(settings: Settings) -> None:
    from kindred.domain.recommendation import Request

    with recommender_of(settings) as recommender:
        user = recommender.example_users(1)[0]
        product = recommender(Request(user_id=user, k=1, reasons=False)).recommendations[0].item_id
    where = "" if settings.data_dir == Path("data") else f"--data-dir {shlex.quote(str(settings.data_dir))} "
    kindred = f".venv/bin/kindred {where}"
    query = (
        "MATCH (u:User)-[r:REVIEWED]->(p:Product) WHERE r.rating >= 5 RETURN p.title AS title, count(r) AS five_stars"
    )
    _heading("the service")
    console.result(service_text(settings, kindred, user, product))
    _heading("try next")
    console.result(
        f"{kindred}recommend --user {shlex.quote(user)} -k 10 --json\n"
        f"{kindred}similar --product {shlex.quote(product)}\n"
        f"{kindred}graph query '{query} ORDER BY five_stars DESC LIMIT 5'\n"
        f"{kindred}evaluate --protocol random --seeds 5 --no-text\n"
        f"{kindred}--help"
    )
