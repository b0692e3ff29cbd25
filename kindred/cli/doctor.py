"""`kindred doctor`: is everything here that Kindred needs, and what to do about what is not."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kindred.cli import console
from kindred.cli.options import AsJson, settings_of
from kindred.domain.errors import ArtifactError, KindredError, SettingsError
from kindred.stores import graph_to_read, vectors_of

if TYPE_CHECKING:
    from kindred.settings import Settings

# Exact where another version is known to give wrong answers or to break.
_EXACT = {"ladybug": "0.20.4", "qdrant-edge-py": "0.9.0"}
_NEEDED = ("torch", "torch-geometric", "pyarrow", "pydantic", "safetensors", *_EXACT)
_SETUP = "run `make setup`"
_MIN_FREE_BYTES = 2 << 30
_MIN_MEMORY_BYTES = 3 << 30


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def doctor(
    context: typer.Context,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Also compare the graph, every published version and every run with what was written."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check Python, packages, encoder, stores, disk and memory; say what to do about each red line."""
    settings = settings_of(context)
    checks = list(_checks(settings))
    if verify:
        checks.extend(_verified(settings))
    if as_json:
        console.json_result([asdict(check) for check in checks])
    else:
        rows = [("ok" if c.ok else "RED", c.name, c.found, "" if c.ok else c.remedy) for c in checks]
        console.result(console.table(["", "check", "found", "what to do"], rows))
    if not all(check.ok for check in checks):
        raise SettingsError("some checks are red", "do what the last column says, then run `kindred doctor` again")


def _checks(settings: Settings) -> Iterator[Check]:
    python_ok = sys.version_info >= (3, 11)
    yield Check("python", python_ok, platform.python_version(), "install Python 3.11 or newer, then `make setup`")
    yield from (_package(name) for name in _NEEDED)
    yield _device(settings)
    yield _attempt("text encoder", lambda: _encoder(settings), "run `make setup` again")
    yield _attempt(f"graph {settings.effective_graph_url}", lambda: _graph(settings), "see the message")
    yield _attempt(f"vectors {settings.effective_vector_url}", lambda: _vectors(settings), "see the message")
    yield _disk(settings)
    yield _memory()


def _verified(settings: Settings) -> Iterator[Check]:
    """Whether what was written once and for all is still what it was: the graph, versions and runs of every system."""
    yield _attempt(f"graph {settings.effective_graph_url}", lambda: _whole_graph(settings), "see the message")
    name = f"versions in {settings.effective_vector_url}"
    yield _attempt(name, lambda: _versions(settings), "see the message")
    artifacts = settings.data_dir / "artifacts"
    for folder in sorted(path for path in artifacts.glob("*") if path.is_dir()):
        yield _attempt(f"runs of {folder.name}", partial(_runs, folder), "see the message")


def _whole_graph(settings: Settings) -> str:
    from kindred.graph.verify import verify_graph

    if bad := verify_graph(settings.effective_graph_url):
        raise ArtifactError("; ".join(bad), "build the graph anew: move its folder away and run `kindred ingest` again")
    return "whole"


def _versions(settings: Settings) -> str:
    from kindred.recommenders.releases import check_version

    with vectors_of(settings) as store:
        systems = [store.of(system) for system in store.systems()]
        there = [(vectors, version) for vectors in systems for version in vectors.versions()]
        versions = [(vectors, version) for vectors, version in there if vectors.is_sealed(version)]
        begun = [f"{vectors.system} {version}" for vectors, version in there if not vectors.is_sealed(version)]
        answering = [(vectors.system, version) for vectors in systems if (version := vectors.published())]
        bad = [f"{vectors.system} {damage}" for vectors, version in versions if (damage := vectors.damage(version))]
    if bad:
        raise ArtifactError("; ".join(bad), "publish the run again: `kindred publish RUN`")
    for system, version in answering:
        check_version(settings.data_dir / "artifacts" / system, version)
    interrupted = f"; interrupted, and replaced when that run is published: {', '.join(begun)}" if begun else ""
    return f"{len(versions)} whole{interrupted}"


def _runs(folder: Path) -> str:
    from kindred.gnn.onnx_encoder import has_encoder, read_exported
    from kindred.recommenders.runs import damage_of_run, figures_of, read_runs

    found, damaged = read_runs(folder)
    bad = [error.message for error in damaged.values()]
    if bad := bad + [damage for run in found if (damage := damage_of_run(run))]:
        raise ArtifactError("; ".join(bad), "delete the run's folder and train again")
    for run in found:  # what came after it was finished is in no list of its files
        figures_of(run)
        if has_encoder(run.folder):
            read_exported(run.folder)
    return f"{len(found)} whole"


def _package(name: str) -> Check:
    from importlib import metadata

    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, False, "not installed", _SETUP)
    wanted = _EXACT.get(name)
    return Check(
        name, wanted in (None, version), version, _SETUP if wanted is None else f"needs exactly {wanted}: {_SETUP}"
    )


def _attempt(name: str, look: Callable[[], str], remedy: str) -> Check:
    try:
        return Check(name, True, look())
    except KindredError as error:
        return Check(name, False, error.message, error.next_step or remedy)
    except OSError as error:
        said = f"can't use {error.filename}: {error.strerror}"
        return Check(name, False, said, "mend its permissions, or free space")


def _device(settings: Settings) -> Check:
    import torch

    from kindred.devices import has_bfloat16

    has_cuda = torch.cuda.is_available()
    ok = settings.device != "cuda" or has_cuda
    bf16 = "with bf16" if has_bfloat16(torch.device("cpu")) else "no bf16"
    found = torch.cuda.get_device_name(0) if has_cuda else f"CPU, {torch.get_num_threads()} threads, {bf16}"
    return Check("device", ok, found, "no GPU is visible: set KINDRED_DEVICE=auto")


def _encoder(settings: Settings) -> str:
    from kindred.stores import encoder_of

    encoder = encoder_of(settings)
    return f"{encoder.name}, {encoder.dimension} dimensions"


def _graph(settings: Settings) -> str:
    from kindred.domain.schema import graph_schema

    with graph_to_read(settings) as store:
        return f"{sum(store.count(edge) for edge in graph_schema().edges):,} edges"


def _vectors(settings: Settings) -> str:
    with vectors_of(settings) as store:
        published = {system: store.of(system).published() for system in store.systems()}
    return ", ".join(f"{system}: {version or 'nothing'} published" for system, version in published.items()) or "empty"


def _disk(settings: Settings) -> Check:
    folder = next(p for p in (settings.data_dir.absolute(), *settings.data_dir.absolute().parents) if p.exists())
    free = shutil.disk_usage(folder).free
    return Check("disk", free >= _MIN_FREE_BYTES, f"{free / 2**30:.1f} GiB free at {folder}", "free 2 GiB or more")


def _memory() -> Check:
    import psutil

    memory = psutil.virtual_memory().available
    ok = memory >= _MIN_MEMORY_BYTES
    return Check("memory", ok, f"{memory / 2**30:.1f} GiB available", "3 GiB are needed to train on 250,000 reviews")
