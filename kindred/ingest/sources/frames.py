"""Frame embeddings of audio: a sequence of vectors a track, `[num_frames, frame_dim]`, all of one dimension.

* An .npz archive with arrays X (frames, `[num_frames, frame_dim]`), IDS (the track of each frame) and perhaps Y (the
  genre of each frame): one row a track, its frames in the order of X, saved as a float32 .npy file. Genres may be names
  or numbers. A number below zero means that the genre is unknown; another goes by the name of the folder that its
  tracks are in, where numbers and folders match one to one (`blues/blues.00012.au`), or else by itself.
* An .npz archive without X and IDS: an array a track, `[num_frames, frame_dim]`, which is named for it (`numpy.savez`);
  the only one without a name of its own is that of the archive. The dimension of the first sound one counts.
* A folder of .npy files, each named for its track: referred to where they are, in folders of it too where it has none
  itself. The dimension that most of them have is the one that all must have.
* A Parquet file, a row a track (`frame_tables.py`): saved in the same way. The dimension of the first sound one counts.

A sequence has 1 to 10,000 frames. Nothing is unpickled.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from kindred.domain.errors import RecordError
from kindred.domain.records import Edge, Genre, Node, Track
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, Reason, checked
from kindred.ingest.cells.texts import name_of, texts_of
from kindred.ingest.formats.arrow_rows import PARQUET_MAGIC
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Parsed, Source, Values
from kindred.ingest.sources.frame_tables import read_frame_table
from kindred.ingest.sources.listening import has_genre

SaveFrames = Callable[[str, NDArray[np.float32]], Path]

MOST_FRAMES = 10_000
_UNNAMED = "arr_0"  # what `numpy.savez` calls an array that it is given without a name
_ONE_ARRAY = np.lib.format.MAGIC_PREFIX
_UNREADABLE = (ValueError, EOFError, OSError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)
_LAYOUT = (
    "an .npz archive holds X [num_frames, frame_dim], IDS [num_frames] and perhaps Y [num_frames], or an array for each"
    " track, unpickled"
)
_RENAME = "rename one of them, since tracks go by the names of files"
GREATEST = 1e15
"""Far beyond what encoders give; the squares of greater numbers can't be added up in float32."""


def frames_source(path: Location, save: SaveFrames) -> Source:
    """The source that reads this archive or folder; `save` keeps the frames of an archive's track and says where."""
    return Source((), parse_frames, read=partial(_read, path, save), read_folder=_read_folder, is_archive=True)


def parse_frames(row: Values) -> Parsed:
    """The track, the file of its frames, and its genres."""
    track = checked(Track, {"id": row.get("track"), "frames": row.get("frames")}, {"id": "track"})
    records: list[Node | Edge] = [track]
    for genre in texts_of(row.get("genres"), "genres"):
        records += [Genre(id=genre), has_genre(track.id, genre)]
    return Parsed(records)


def _read(path: Location, save: SaveFrames, content: BufferedReader, _: Source) -> Iterator[Row]:
    if content.peek(len(PARQUET_MAGIC)).startswith(PARQUET_MAGIC):
        return _read_table(path, save, content)
    return _read_archive(path, save, content)


def _read_table(path: Location, save: SaveFrames, content: BufferedReader) -> Iterator[Row]:
    yield from _of_tracks(read_frame_table(path, content), save)


def _of_tracks(tracks: Iterable[tuple[str, NDArray[Any] | BadRecord]], save: SaveFrames) -> Iterator[Row]:
    """A row a track; the dimension of the first sound one counts."""
    dimension = 0
    for number, (track, frames) in enumerate(tracks, 1):
        raw = track.encode("utf-8", "surrogatepass")
        if isinstance(frames, BadRecord):
            yield Row(number, raw, len(raw), frames)
            continue
        width = frames.shape[1] if frames.ndim == 2 else 0
        value = _saved(track, frames, dimension or width, save)
        if isinstance(value, dict):
            dimension = width
        yield Row(number, raw, len(raw), value)


def _saved(track: str, frames: NDArray[Any], dimension: int, save: SaveFrames) -> dict[str, object] | BadRecord:
    """What is known of a track whose frames are kept as float32 now, or why they can't be."""
    if not track.strip():
        return BadRecord(Reason.MISSING_ID, "an empty id", "track")
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused below
        own = frames.astype(np.float32) if frames.dtype.kind in "fiu" else frames
    return _refusal(own, dimension) or {"track": track, "frames": str(save(track, own))}


def _read_archive(path: Location, save: SaveFrames, content: BufferedReader) -> Iterator[Row]:
    archive = _opened(path, content)
    if archive.files and not {"X", "IDS"} & set(archive.files):
        own = Path(path.name).stem if archive.files == [_UNNAMED] else ""
        yield from _of_tracks(((own or name, _array(archive, name)) for name in archive.files), save)
        return
    frames, ids, genres = _arrays(path, archive)
    names = _genre_names(genres, ids) if genres is not None else {}
    tracks, first, track_of = np.unique(ids, return_index=True, return_inverse=True)
    positions_of = np.split(np.argsort(track_of, kind="stable"), np.cumsum(np.bincount(track_of))[:-1])
    for number in np.argsort(first):
        track, positions = str(tracks[number]), positions_of[number]
        value = _saved(track, frames[positions], frames.shape[1], save)
        if isinstance(value, dict):
            labels = [] if genres is None else np.unique(genres[positions]).tolist()
            value["genres"] = [names[label] for label in labels]
        raw = track.encode("utf-8", "surrogatepass")
        yield Row(int(first[number]) + 1, raw, len(raw), value)


def _opened(path: Location, content: BufferedReader) -> NpzFile:
    if content.peek(len(_ONE_ARRAY)).startswith(_ONE_ARRAY):
        raise RecordError(f"{path} is one array, not an archive of them", "give the folder that it is in")
    try:
        archive = NpzFile(content, allow_pickle=False)
    except _UNREADABLE as error:
        raise RecordError(f"{path} can't be read as an .npz archive: {error}", _LAYOUT) from error
    members = archive.zip.namelist() if archive.zip else []
    if members and not any(name.endswith(".npy") for name in members):
        raise RecordError(f"{path} is an archive without arrays", _LAYOUT)
    return archive


def _array(archive: NpzFile, name: str) -> NDArray[Any] | BadRecord:
    try:
        found = archive[name]
    except _UNREADABLE as error:
        return BadRecord(Reason.BROKEN_ARRAY, str(error).split("\n")[0][:200])
    return found if isinstance(found, np.ndarray) else BadRecord(Reason.BROKEN_ARRAY, "no .npy file")


def _needed(path: Location, archive: NpzFile, name: str) -> NDArray[Any]:
    found = _array(archive, name)
    if isinstance(found, BadRecord):
        raise RecordError(f"{path} can't be read as an .npz archive: {name}: {found.message}", _LAYOUT)
    return found


def _arrays(path: Location, archive: NpzFile) -> tuple[NDArray[Any], NDArray[np.str_], NDArray[Any] | None]:
    """X, IDS as texts, and Y where there is one."""
    frames, ids = _needed(path, archive, "X"), _needed(path, archive, "IDS")
    genres = _needed(path, archive, "Y") if "Y" in archive.files else None
    if frames.ndim != 2 or frames.dtype.kind not in "fiu" or not frames.shape[1]:
        raise RecordError(f"X of {path} is {frames.dtype} {list(frames.shape)}", _LAYOUT)
    for name, array in (("IDS", ids), ("Y", genres)):
        if array is not None and (array.shape != frames.shape[:1] or array.dtype.kind not in "USiu"):
            raise RecordError(f"{name} of {path} is {array.dtype} {list(array.shape)}, X has {len(frames):,}", _LAYOUT)
    return frames, _texts(path, ids), genres if genres is None or genres.dtype.kind in "iu" else _texts(path, genres)


def _texts(path: Location, array: NDArray[Any]) -> NDArray[np.str_]:
    try:
        return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array.astype(np.str_)
    except UnicodeDecodeError as error:
        raise RecordError(f"a name in {path} is no UTF-8: {error.reason}", _LAYOUT) from error


def _genre_names(genres: NDArray[Any], ids: NDArray[np.str_]) -> dict[int | str, str]:
    """What each value of Y is called; empty where that is unknown."""
    if genres.dtype.kind == "U":
        return {name: name_of(name) for name in np.unique(genres).tolist()}
    frames = set(zip(genres.tolist(), ids.tolist(), strict=True))
    pairs = {(number, PurePosixPath(track).parent.name) for number, track in frames if number >= 0}
    folders = dict(pairs)
    one_to_one = len(pairs) == len(folders) == len(set(folders.values())) and all(folders.values())
    names = folders if one_to_one else {number: str(number) for number in folders}
    return dict.fromkeys(np.unique(genres).tolist(), "") | names


def _read_folder(folder: Path) -> Iterator[Row]:
    paths = _arrays_in(folder)
    arrays = (_open(path) for path in paths)  # one at a time: each keeps its file open
    shapes = [array.shape for array in arrays if not isinstance(array, BadRecord) and array.ndim == 2]
    widths, heights = (Counter(shape[axis] for shape in shapes) for axis in (1, 0))
    if len(heights) == 1 and widths.most_common(1)[0][1] * 2 < len(shapes):  # no width is that of most of them
        raise RecordError(
            f"the arrays in {folder} have {next(iter(heights)):,} rows each and as many columns as they like: "
            "[num_frames, frame_dim] is wanted",
            "save them the other way round: `numpy.save(path, array.T)`",
        )
    dimension = widths.most_common(1)[0][0] if widths else 0
    for number, path in enumerate(paths, 1):
        frames = _open(path)
        bad = frames if isinstance(frames, BadRecord) else _refusal(frames, dimension)
        raw = os.fsencode(path.name)
        yield Row(number, raw, len(raw), bad or {"track": path.stem, "frames": str(path)})


def _arrays_in(folder: Path) -> list[Path]:
    """The .npy files of a folder, in order, or where it holds none those of the folders in it.

    Raises:
        RecordError: there are none, or two are named for one track.
    """
    root = folder.resolve()
    if paths := sorted(root.glob("*.npy")) or sorted(root.glob("*/**/*.npy")):
        by_track = dict[str, Path]()
        if twice := next((path for path in paths if by_track.setdefault(path.stem, path) != path), None):
            raise RecordError(f"{by_track[twice.stem]} and {twice} are both named for track {twice.stem}", _RENAME)
        return paths
    others = Counter(path.suffix for path in root.glob("*") if path.is_file())
    there = f" but {others.most_common(1)[0][0] or 'other'} files" if others else ""
    raise RecordError(
        f"{folder} holds no .npy file{there}",
        "give a folder with one .npy file for each track, or an .npz archive itself",
    )


def _open(path: Path) -> NDArray[Any] | BadRecord:
    """The array of this file, which is read when it is looked into."""
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except _UNREADABLE as error:
        return BadRecord(Reason.BROKEN_ARRAY, str(error).split("\n")[0][:200])


def _refusal(frames: NDArray[Any], dimension: int) -> BadRecord | None:
    """Why these frames can't be used; None where they can."""
    if frames.dtype.kind not in "fiu":
        return BadRecord(Reason.WRONG_TYPE, f"numbers are wanted, got {frames.dtype}", "frames")
    if not frames.size:
        return BadRecord(Reason.MISSING_VALUE, "a sequence without frames", "frames")
    if frames.ndim != 2 or frames.shape[1] != dimension:
        shape = list(frames.shape)
        wanted = f"[num_frames, {dimension or 'frame_dim'}]"
        one_frame = "; one vector is a sequence of one frame, `array[None]`" if frames.ndim == 1 else ""
        return BadRecord(Reason.WRONG_SHAPE, f"{wanted} is wanted, got {shape}{one_frame}", "frames")
    if len(frames) > MOST_FRAMES:
        return BadRecord(Reason.OUT_OF_RANGE, f"1 to {MOST_FRAMES:,} frames are wanted, got {len(frames):,}", "frames")
    if num_bad := int((~np.isfinite(frames)).sum()):
        return BadRecord(Reason.OUT_OF_RANGE, f"{num_bad:,} of {frames.size:,} numbers are not finite", "frames")
    if max(abs(float(frames.min())), abs(float(frames.max()))) > GREATEST:
        return BadRecord(Reason.OUT_OF_RANGE, f"numbers from -{GREATEST:g} to {GREATEST:g} are wanted", "frames")
    return None
