"""Publishes a tagger: the tracks that have frames, by what they sound like."""

from __future__ import annotations

import numpy as np

from kindred.domain.embeddings import Embeddings
from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.graph.store import GraphStore
from kindred.recommenders.publishing import ITEMS, USERS, Published
from kindred.recommenders.releases import next_version, run_of
from kindred.recommenders.runs import Run
from kindred.recommenders.system import System
from kindred.recommenders.tag_model import load_tag_model
from kindred.recommenders.tag_tables import read_tag_tables
from kindred.vectorstore.publish import PublishOptions, publish_collections
from kindred.vectorstore.store import VectorStore


def publish(system: System, run: Run, store: GraphStore, vectors: VectorStore) -> Published:
    """Makes the run the published version: every track that has frames now, as the tagger hears it.

    Raises:
        RecordError: no track has frames that it can read.
    """
    tables, model = read_tag_tables(store), load_tag_model(run.folder)
    frames = tables.open_frames(model.frame_dim or None)
    rows = np.flatnonzero(frames.lengths > 0)
    if not len(rows) or not model.frame_dim:
        raise RecordError("no track has frames that the run can read", "see `kindred ingest tags --frames PATH`")
    here = vectors.of(system.name)
    before, counts = here.published(), {USERS: 0, ITEMS: len(rows)}
    if before is not None and run_of(before) == run.name:
        return Published(before, counts, None, 0, 0)
    version = next_version(run.name, here.versions())
    embeddings = Embeddings(IdMap(tables.tracks.external(int(row)) for row in rows), model.embed(frames)[rows])
    publish_collections(here, version, {ITEMS: embeddings}, None, PublishOptions(searched=(ITEMS,)))
    return Published(version, counts, before, 0, 0)
