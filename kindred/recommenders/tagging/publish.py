"""Publishes a tagger: predicted tags become edges of the graph, tracks are found by what they sound like."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kindred.domain.embeddings import Embeddings, unit_rows
from kindred.domain.ids import IdMap
from kindred.domain.interactions import FloatArray
from kindred.domain.records import Tag, Tagged, Track, content_id
from kindred.domain.schema import arrow_schema, edge_type_of, graph_schema
from kindred.domain.shown import counted
from kindred.graph.store import GraphStore
from kindred.graph.tables import texts_of_nodes
from kindred.recommenders.publishing import Published, read_titles
from kindred.recommenders.releases import ITEMS, USERS, holds_same, next_version
from kindred.recommenders.runs import Run
from kindred.recommenders.system import System
from kindred.recommenders.tagging.answers import load_tagger
from kindred.recommenders.tagging.predicting import TrackAnswers
from kindred.recommenders.tagging.release import GIVEN, HEARD, PRIOR, TagRelease, load_tag_release
from kindred.recommenders.tagging.tables import TagTables, read_tag_tables
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.store import VectorStore

LIKELY, MOST_TAGS = 0.1, 20
"""From which probability on a predicted tag becomes an edge, and how many of a track at most."""
_TRACKS_AT_ONCE, _EDGES_AT_ONCE = 2048, 50_000


def publish(
    system: System, run: Run, store: GraphStore, vectors: VectorStore, in_use: Collection[str] = ()
) -> Published:
    """Makes the run the published version: of every track of the graph, from its frames and tags as they are now.

    Where it is published already and nothing has changed, nothing is done. The edges of the version before are
    replaced, given tags are never touched.

    Args:
        system: of tags.
        run: what answers from now on.
        store: the graph, open for writing.
        vectors: where versions are published.
        in_use: further versions that stay.

    Raises:
        RecordError: no track of the graph has a tag, or its frames are not those that the run reads.
    """
    tables = read_tag_tables(store)
    answers = TrackAnswers(load_tagger(run.folder), tables)
    release, sound = _answered(system, store, tables, answers)
    here = vectors.of(system.name)
    before = here.published()
    counts = {USERS: len(release.tracks), ITEMS: len(sound.ids)}
    summary = _summary(release)
    if before is not None and holds_same(run, before, release, load_tag_release):
        return Published(before, counts, None, 0, 0, summary)
    version = next_version(run.name, here.versions())
    release.save(run.folder, version)
    num_edges = replace_predicted(store, run.name, version, release)
    publish_collections(here, version, {ITEMS: sound}, None, PublishOptions(in_use=in_use, searched=(ITEMS,)))
    return Published(version, counts, before, 0, 0, f"{summary}; {num_edges:,} predicted tags are edges now")


def _summary(release: TagRelease) -> str:
    """What the answers for the tracks rest on."""
    rests_on = [(int((release.rests_on == kind).sum()), kind) for kind in (HEARD, GIVEN, PRIOR)]
    told = ", ".join(f"{count:,} from {kind}" for count, kind in rests_on if count)
    return f"{counted(len(release.tracks), 'track', 'tracks')} × {counted(len(release.tags), 'tag', 'tags')}: {told}"


def _answered(
    system: System, store: GraphStore, tables: TagTables, answers: TrackAnswers
) -> tuple[TagRelease, Embeddings]:
    """What is said of every track, and how each sounds."""
    probabilities, rests_on, given, vectors = [], [], [], []
    for begin in range(0, len(tables.tracks), _TRACKS_AT_ONCE):
        positions = np.arange(begin, min(begin + _TRACKS_AT_ONCE, len(tables.tracks)))
        frames, own = answers.frames(positions), answers.given(positions)
        found = answers.tagger.answers(frames, own)
        probabilities.append(found.probabilities)
        rests_on.append(found.rests_on)
        given.append(own)
        vectors.append(answers.tagger.model.embed(frames))
    said, based, had = np.concatenate(probabilities), np.concatenate(rests_on), np.concatenate(given)
    names, titles = read_titles(system, store), texts_of_nodes(store, graph_schema().node(Track.label), "title")
    model = answers.tagger.model
    prior = answers.tagger.completion.lawful(model.prior[None])[0]
    release = TagRelease(tables.tracks, model.tags, said, based, had, prior, names, titles)
    return release, _sound(release, np.concatenate(vectors))


def _sound(release: TagRelease, vectors: FloatArray) -> Embeddings:
    """The tracks that were heard by how they sound; where none was, those with tags by what is said of them."""
    rows = np.flatnonzero(release.rests_on == HEARD)
    if not len(rows):
        rows = np.flatnonzero(release.rests_on == GIVEN)
        unit = unit_rows(np.sqrt(release.probabilities[rows]))
    else:
        unit = vectors[rows]
    return Embeddings(IdMap(release.tracks.external(int(row)) for row in rows), unit.astype(np.float32))


def replace_predicted(store: GraphStore, run: str, version: str, release: TagRelease) -> int:
    """Puts the likely tags of a version into the graph in place of those predicted before; how many there are now."""
    edge = edge_type_of(Tagged)
    fresh: set[str] = set()
    for rows in _predicted(run, version, release, _known_tags(store)):
        store.upsert_edges(edge, rows)
        fresh.update(rows.column("event_id").to_pylist())
    old: list[str] = []
    for batch in store.read_edges(edge, ["event_id", "run"]):
        pairs = zip(batch.column("event_id").to_pylist(), batch.column("run").to_pylist(), strict=True)
        old += [event for event, made_by in pairs if made_by is not None and event not in fresh]
    if old:
        store.delete_edges(edge, old)
    return len(fresh)


def _known_tags(store: GraphStore) -> set[str]:
    """Ids of the tags that the graph holds now."""
    batches = store.read_nodes(graph_schema().node(Tag.label), ["id"])
    return {tag for batch in batches for tag in batch.column("id").to_pylist()}


def _predicted(run: str, version: str, release: TagRelease, known: set[str]) -> Iterator[pa.Table]:
    """Rows of TAGGED edges: the likeliest tags of each track that it was not given, of those that are known."""
    now, schema = int(time.time()), arrow_schema(edge_type_of(Tagged))
    there = np.array([tag in known for tag in release.tags])
    track, tag = np.nonzero(_likely(np.where(release.given | ~there, np.float32(0.0), release.probabilities)))
    chances = release.probabilities[track, tag]
    for begin in range(0, len(track), _EDGES_AT_ONCE):
        part = slice(begin, begin + _EDGES_AT_ONCE)
        sources = [release.tracks.external(row) for row in track[part].tolist()]
        targets = [release.tags[column] for column in tag[part].tolist()]
        columns = {
            "event_id": [content_id("predicted tag", version, *pair) for pair in zip(sources, targets, strict=True)],
            "source_id": sources,
            "target_id": targets,
            "at": [now] * len(sources),
            "probability": chances[part].tolist(),
            "run": [run] * len(sources),
        }
        yield pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


def _likely(chances: FloatArray) -> NDArray[np.bool_]:
    """Which tags of each track are likely enough, at most `MOST_TAGS`, `[num_tracks, num_tags]`."""
    likely: NDArray[np.bool_] = chances >= LIKELY
    if chances.shape[1] > MOST_TAGS:
        least = np.partition(chances, -MOST_TAGS, axis=1)[:, -MOST_TAGS, None]
        likely &= chances >= least
    return likely
