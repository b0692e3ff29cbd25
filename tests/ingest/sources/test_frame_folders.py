"""Folders of frames, a file a track, as large as collections are."""

from __future__ import annotations

import resource
from functools import partial
from pathlib import Path

import numpy as np

from kindred.ingest.loading.frame_files import write_frames
from kindred.ingest.loading.pipeline import IngestOptions, ingest_files
from kindred.ingest.music import tag_files
from tests.ingest.conftest import DictGraph


def test_more_files_than_a_process_may_open(tmp_path: Path, graph: DictGraph, options: IngestOptions) -> None:
    _, most = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = sum(1 for _ in Path("/proc/self/fd").iterdir()) + 40
    for number in range(2 * few):
        np.save(tmp_path / f"{number}.npy", np.ones((2, 3)))
    files = tag_files((), [tmp_path], partial(write_frames, tmp_path / "frames"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    try:
        summary = ingest_files(graph, files, None, options)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (summary.accepted, summary.quarantined) == (2 * few, 0)
