"""The tracks that tags are asked for, and the file of answers: `track,prediction`, a track a row, in their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kindred.domain.errors import RecordError, StoreError
from kindred.domain.interactions import FloatArray
from kindred.domain.progress import Progress, silent
from kindred.files import check_ending, written_whole
from kindred.ingest.bytes.paths import Given, one_file
from kindred.ingest.cells.bad_records import BadRecord
from kindred.ingest.cells.ids import id_of
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.source import Parsed, Source

_ASKED = Source(("track",), lambda row: Parsed([]), wanted={"track": ("track",)})
HEADER = b"track,prediction\n"


@dataclass(frozen=True)
class Asked:
    """Tracks in the order of the file that asks for them.

    Attributes:
        tracks: their ids, as often as they stand there.
        bad: lines without an id that can be read, and why; they get no answer.
    """

    tracks: tuple[str, ...]
    bad: dict[int, str]


def read_asked(given: Given, progress: Progress = silent) -> Asked:
    """The tracks that a CSV, JSON lines or Parquet file with a column `track` asks for.

    Raises:
        RecordError: the file can't be read, or asks for none.
    """
    path = one_file(given)
    tracks: list[str] = []
    bad: dict[int, str] = {}
    for row in read_rows(path, _ASKED, progress):
        try:
            if isinstance(row.value, BadRecord):
                raise row.value
            track = id_of(row.value.get("track"), "track")
            if track is None or not track.strip():
                raise RecordError("no track")
            tracks.append(track)
        except (BadRecord, RecordError) as error:
            bad[row.number] = error.message
    if not tracks:
        why = f"; line {min(bad)}: {bad[min(bad)]}" if bad else ""
        raise RecordError(f"{path} asks for no track{why}", "give a file with a column `track`")
    return Asked(tuple(tracks), bad)


def write_predictions(path: Path, tracks: Sequence[str], answers: Iterable[FloatArray]) -> int:
    """Writes a row a track, whole or not at all: its id, and its probabilities with commas between them in quotes.

    Args:
        path: to write to.
        tracks: ids, in order.
        answers: probabilities of the same tracks in stretches, `[num_rows, num_tags]` each.

    Raises:
        SettingsError: the file ends as one of another format does.
        StoreError: it can't be written there.
    """
    check_ending(path, ".csv")
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(HEADER)
            for part in answers:
                for track, row in zip(tracks[written : written + len(part)], part.tolist(), strict=True):
                    file.write(f'{_cell(track)},"{",".join([format(value, ".7f") for value in row])}"\n'.encode())
                written += len(part)
    except OSError as error:
        raise StoreError(f"can't write {path}: {error.strerror}", "name another file") from error
    return written


def _cell(text: str) -> str:
    """The text as a cell of CSV, in quotes where it needs them."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
