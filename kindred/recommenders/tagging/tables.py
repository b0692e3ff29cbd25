"""The graph's tracks, tags, lists of tags and frames as the arrays that tagging reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from kindred.domain.errors import RecordError
from kindred.domain.ids import IdMap
from kindred.domain.interactions import IntArray
from kindred.domain.records import PerformedBy, Tagged, Track
from kindred.domain.schema import edge_type_of, graph_schema
from kindred.features.audio_frames import FrameFiles, open_frames
from kindred.graph.store import GraphStore
from kindred.graph.tables import edge_table
from kindred.models.sequence_tagger_fit import TaggedFrames


@dataclass(frozen=True)
class TagTables:
    """Tracks and tags as the graph holds them.

    Attributes:
        tracks, tags: ids by position.
        labels: tags that people or sources say a track has, `[num_tracks, num_tags]`; never those of a model.
        paths: of each track's file of frames, None where it has none.
        artist: number of each track's artist, −1 where unknown, `[num_tracks]`.
    """

    tracks: IdMap
    tags: IdMap
    labels: csr_matrix
    paths: tuple[str | None, ...]
    artist: IntArray

    def open_frames(self, frame_dim: int | None = None) -> FrameFiles:
        """The frames of all tracks; files that can't be used are named and left out."""
        return open_frames(self.paths, frame_dim)


@dataclass(frozen=True)
class TrainingTracks:
    """Tracks to learn from.

    Attributes:
        data: frames and tags of all tracks.
        rows: positions of those that have both.
        artist: number of each track's artist, −1 where unknown, `[num_tracks]`.
    """

    data: TaggedFrames
    rows: IntArray
    artist: IntArray


def training_tracks(tables: TagTables, frames: FrameFiles) -> TrainingTracks:
    """The tracks that have frames and tags."""
    tagged = np.asarray(tables.labels.sum(1)).ravel() > 0
    rows = np.flatnonzero(tagged & (frames.lengths > 0))
    return TrainingTracks(TaggedFrames(frames, tables.labels), rows, tables.artist)


def read_tag_tables(store: GraphStore, until: int | None = None) -> TagTables:
    """The tables as of a time.

    Raises:
        RecordError: no track of the graph has a tag.
    """
    found = [batch for batch in store.read_nodes(graph_schema().node(Track.label), ["id", "frames"]) if len(batch)]
    paths = {
        track: path
        for batch in found
        for track, path in zip(batch.column("id").to_pylist(), batch.column("frames").to_pylist(), strict=True)
    }
    tracks = IdMap.sorted(paths)
    edges = edge_table(store, edge_type_of(Tagged), ["source_id", "target_id", "probability"], until)
    if edges is not None:
        edges = edges.filter(edges["probability"].is_null())
    if edges is None or not len(edges):
        raise RecordError("no track of the graph has a tag", "load some with `kindred ingest tags --tags FILE`")
    tags = IdMap(sorted(_used_tags(store), key=_in_order))
    pairs = tracks.positions_of_column(edges["source_id"]), tags.positions_of_column(edges["target_id"])
    labels = csr_matrix((np.ones(len(edges), dtype=bool), pairs), shape=(len(tracks), len(tags)))
    own = tuple(paths[track] for track in tracks)
    return TagTables(tracks, tags, labels, own, _artists(store, tracks))


def _used_tags(store: GraphStore) -> set[str]:
    """Tags that some track bears; others, such as those of artists, are not asked about."""
    edges = edge_table(store, edge_type_of(Tagged), ["target_id"])
    return set() if edges is None else set(edges["target_id"].to_pylist())


def _in_order(tag: str) -> tuple[int, int, str]:
    """Numbers in the order of their size, before all else."""
    return (0, int(tag), tag) if tag.isdecimal() else (1, 0, tag)


def _artists(store: GraphStore, tracks: IdMap) -> IntArray:
    artist = np.full(len(tracks), -1, dtype=np.int64)
    edges = edge_table(store, edge_type_of(PerformedBy), ["source_id", "target_id"])
    if edges is not None:
        names = IdMap.sorted(edges["target_id"].to_pylist())
        artist[tracks.positions_of_column(edges["source_id"])] = names.positions_of_column(edges["target_id"])
    return artist
