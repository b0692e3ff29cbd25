"""Frames of audio in a Parquet file: a row a track, `track` and `frames`, a list of vectors of one width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, Reason
from kindred.ingest.cells.ids import id_of
from kindred.ingest.formats.columns import listed_columns

TRACK, FRAMES = "track", "frames"
_BATCH_ROWS = 16  # a sequence of 10,000 frames of width 768 is 31 MB
_LAYOUT = f"columns are {TRACK} and {FRAMES}, a list of lists of numbers a row"


def read_frame_table(path: Location, content: IO[bytes]) -> Iterator[tuple[str, NDArray[Any] | BadRecord]]:
    """The id of each track, empty where it has none, and its frames, `[num_frames, frame_dim]`, or why there are none.

    Raises:
        RecordError: the file is broken, or of another layout.
    """
    try:
        with pq.ParquetFile(content, pre_buffer=False) as parquet:  # as in `arrow_rows`
            schema = parquet.schema_arrow
            if missing := {TRACK, FRAMES} - set(schema.names):
                there = listed_columns(schema.names)
                raise RecordError(f"{path} has no column {' and '.join(sorted(missing))} among {there}", _LAYOUT)
            for batch in parquet.iter_batches(_BATCH_ROWS, columns=[TRACK, FRAMES], use_threads=False):
                tracks = batch.column(TRACK).to_pylist()
                for track, frames in zip(tracks, batch.column(FRAMES), strict=True):
                    try:
                        yield id_of(track, TRACK) or "", _array(frames)
                    except BadRecord as bad:
                        yield "", bad
    except pa.ArrowException as error:
        raise RecordError(f"{path} can't be read as Parquet: {error}", _LAYOUT) from error


def _array(frames: pa.Scalar) -> NDArray[Any] | BadRecord:
    """The vectors of one cell."""
    if not frames.is_valid:
        return BadRecord(Reason.MISSING_VALUE, "a track without frames", FRAMES)
    if not _is_list(frames.type) or not _is_list(frames.type.value_type):
        return BadRecord(Reason.WRONG_TYPE, f"a list of lists of numbers is wanted, got {frames.type}", FRAMES)
    vectors = frames.values
    if vectors.null_count or vectors.flatten().null_count:
        return BadRecord(Reason.MISSING_VALUE, "a frame or a number in it is missing", FRAMES)
    numbers = vectors.flatten().to_numpy(zero_copy_only=False)
    widths = pc.list_value_length(vectors).to_numpy(zero_copy_only=False)
    if len(set(widths.tolist())) > 1:
        return BadRecord(Reason.WRONG_SHAPE, f"frames of {widths.min():,} to {widths.max():,} numbers", FRAMES)
    array: NDArray[Any] = np.asarray(numbers).reshape(len(vectors), -1 if len(numbers) else 0)
    return array


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
