"""Publishes a run: its users and items as the graph holds them now, all in the space that the run learned.

Nothing is trained. Users who did something since, or came since, are encoded from their histories; items that came
since are placed by their texts, beside all others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from kindred.domain.embeddings import Embeddings, Vectors
from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap, gone_since
from kindred.gnn.onnx_encoder import can_run, has_encoder
from kindred.graph.store import GraphStore
from kindred.graph.tables import edge_table, ids_of_nodes, texts_of_nodes
from kindred.recommenders.histories import Histories, histories_of_table, read_histories, telling_properties
from kindred.recommenders.model import ANONYMOUS, Model, load_model
from kindred.recommenders.new_items import NewItems, read_new_items
from kindred.recommenders.releases import ITEMS, USERS, Release, holds_same, load_release, next_version
from kindred.recommenders.runs import Run
from kindred.recommenders.system import System
from kindred.training.checkpoint import read_arrays
from kindred.vectorstore.publish import PublishOptions, holds_collections, publish_collections
from kindred.vectorstore.store import SystemVectors, VectorStore

HISTORIES = "histories"
"""Checkpoint of a run that holds the keys of the histories it was trained on."""
_USERS_PER_READ = 1_000
MOST_EXPORTED = 200_000
"""Items up to which the exported encoder is made with a version: its file holds states of each."""


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes:
        version: its name.
        counts: vectors in each collection.
        replaced: the version that was published before, None where there was none or nothing has changed.
        encoded: users whose histories are not those of the training.
        new_items: items that were not there in training.
        summary: what it holds, for people; empty where the counts say it.
    """

    version: str
    counts: dict[str, int]
    replaced: str | None
    encoded: int
    new_items: int
    summary: str = ""


def publish(
    system: System, run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()
) -> Published:
    """Makes the run the published version of its system; where it is already and the graph is the same, nothing.

    Old versions go, but for those in use.
    """
    model = load_model(system, run.folder)
    until = run.manifest["graph"]["until"]
    users = ids_of_nodes(store, system.user)
    now, as_of = _light_histories(system, store, model, users, until)
    new = read_new_items(system, store, model, now, users, until)
    titles = read_titles(system, store)
    here = vectors.of(system.name)
    before = here.published()
    release = Release("", users.ids, now.keys(system), new.ids, as_of, until, titles)
    rows, encoded = _user_rows(system, store, model, run, release)
    gone_items = gone_since(model.items.ids, ids_of_nodes(store, system.item))
    left = np.array([item not in gone_items for item in model.items], dtype=np.bool_)
    items = IdMap((*(item for item in model.items if item not in gone_items), *new.ids))
    collections = {
        USERS: Embeddings(users, rows),
        ITEMS: Embeddings(items, np.concatenate([model.ranking.items[left], new.rows]).astype(np.float32)),
        ANONYMOUS: Embeddings(IdMap([ANONYMOUS]), model.anonymous),
    }
    counts = {name: len(embeddings.ids) for name, embeddings in collections.items()}
    if before is not None and holds_same(run, before, release, load_release):
        return Published(before, counts, None, encoded, len(new.ids))
    version = _free_version(run, here, release, collections, in_use)
    release = Release(version, release.users, release.keys, new.ids, as_of, until, titles)
    release.save(run.folder)
    _export_encoder(system, run, model)
    payloads = {ITEMS: [{"title": titles.get(item, "")} for item in items]}

    def gone() -> dict[str, list[str]]:
        """What was deleted meanwhile, from a graph that a service writes: it took them out of what was there."""
        there = ids_of_nodes(store, system.user)
        return {
            USERS: [user for user in users.ids if user not in there],
            ITEMS: sorted(gone_since(items.ids, ids_of_nodes(store, system.item))),
        }

    options = PublishOptions(in_use=in_use, searched=(ITEMS,), gone=gone)
    publish_collections(here, version, collections, payloads, options)
    return Published(version, counts, before, encoded, len(new.ids))


def _export_encoder(system: System, run: Run, model: Model) -> None:
    """Has answers encode users without PyTorch, in a third of the time, where what it takes is installed."""
    if model.open_learned is None or has_encoder(run.folder) or len(model.items) > MOST_EXPORTED or not can_run():
        return
    if find_spec("onnx") is not None:
        from kindred.recommenders.exporting import export_onnx

        with suppress(ArtifactError):  # a file that gives other rows is not kept, and PyTorch goes on encoding
            export_onnx(system, run)


def place_new_items(system: System, store: GraphStore, model: Model) -> NewItems:
    """Rows of the items that the graph holds now and the model does not know, as `publish` would make them."""
    users = ids_of_nodes(store, system.user)
    now, _ = _light_histories(system, store, model, users, None)
    return read_new_items(system, store, model, now, users, None)


def read_titles(system: System, store: GraphStore) -> dict[str, str]:
    """Title of every item that has one."""
    if system.title is None:
        return {}
    named = texts_of_nodes(store, system.item, system.title)
    return {item: title for item, value in named.items() if (title := system.titled(value))}


def _free_version(
    run: Run,
    here: SystemVectors,
    release: Release,
    collections: Mapping[str, Embeddings],
    in_use: Collection[str],
) -> str:
    """The version that holds this content already, published once and not now; else a new name."""
    versions, now = here.versions(), here.published()
    needed = {here.previous(), *in_use}  # are published as they are or not at all
    for version in versions:
        if version == now or not holds_same(run, version, release, load_release):
            continue
        if version not in needed or holds_collections(here, version, collections):
            return version
    return next_version(run.name, versions)


def _light_histories(
    system: System, store: GraphStore, model: Model, users: IdMap, until: int | None
) -> tuple[Histories, int | None]:
    """Every user's events without texts and vectors, and the time of the latest one."""
    names = ["source_id", "target_id", "event_id", "at", *telling_properties(system)]
    table = edge_table(store, system.edge, names, until)
    if table is None:
        raise system.no_events(until)
    histories = histories_of_table(system, model.items, users, table)
    times = histories.events.at
    return histories, None if times is None else int(times.max())


def _user_rows(system: System, store: GraphStore, model: Model, run: Run, release: Release) -> tuple[Vectors, int]:
    """The row of every user of the release, and how many of them had to be encoded anew."""
    users = IdMap(release.users)
    positions = model.users.positions(users.ids)
    trained = read_arrays(run.folder, HISTORIES)[0]["keys"]
    same = (positions >= 0) & (trained[positions] == release.keys)
    rows = np.empty((len(users), model.ranking.items.shape[1]), dtype=np.float32)
    rows[same] = model.vectors[positions[same]]
    anew = np.flatnonzero(~same)
    for start in range(0, len(anew), _USERS_PER_READ):
        part: NDArray[np.int64] = anew[start : start + _USERS_PER_READ]
        ids: Sequence[str] = [users.external(int(position)) for position in part]
        rows[part] = model.encode(read_histories(system, store, model.items, ids, release.until))
    return rows, len(anew)
