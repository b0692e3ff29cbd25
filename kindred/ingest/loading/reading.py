"""From files to staged records: every row is read and checked, and what is bad is quarantined."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from kindred.domain.errors import RecordError, SettingsError, StoreError
from kindred.domain.parts import PartMap, in_turn
from kindred.domain.progress import Progress, silent
from kindred.domain.schema import EdgeType, NodeType, graph_schema
from kindred.ingest.bytes.opening import is_stream, open_file
from kindred.ingest.bytes.remote import Location, RemoteFile
from kindred.ingest.cells.bad_records import BadRecord, bad_record
from kindred.ingest.formats.columns import listed_columns, missing_columns
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.rows import Row, flattened
from kindred.ingest.formats.source import Source
from kindred.ingest.loading.quarantine import Quarantine
from kindred.ingest.loading.staging import Stage, not_writable

_GIVE_UP_AFTER = 2_000  # rows; a file that is mostly bad by then is another file than was thought
_MOSTLY = 0.5
_ALL = 1 << 62


@dataclass(frozen=True)
class SourceFile:
    """A file and the source that knows its rows.

    Attributes:
        path: the file, here or at an address; `-` is standard input.
        part: which part of the file the source reads, such as a table of a dump; empty where it reads the whole.
        given_as: what it is called where that is not its path.
    """

    path: Location
    source: Source
    part: str = ""
    given_as: str = ""

    @property
    def name(self) -> str:
        """What it is called in summaries and messages."""
        name = self.given_as or str(self.path)
        return f"{name} ({self.part})" if self.part else name


@dataclass(frozen=True)
class IngestOptions:
    """How to ingest.

    Attributes:
        max_bad: share of a file's lines, 0 to 1, that may be bad; above it nothing at all is loaded.
        dry_run: check everything, load nothing.
        staging: folder that accepted records wait in; empty but during an ingest.
        quarantine: folder that files of bad records are written to.
        parts: who reads files, where there are several.
    """

    staging: Path
    quarantine: Path
    max_bad: float = 0.05
    dry_run: bool = False
    parts: PartMap = in_turn

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_bad <= 1.0:
            raise SettingsError(f"max_bad is a share from 0 to 1, got {self.max_bad}", "for example 0.05")


@dataclass
class FileCount:
    """What has been read of one file so far."""

    lines: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)  # of the bad rows, in order
    first_bad: str = ""
    given_up: str = ""  # why the rest was not read

    @property
    def num_quarantined(self) -> int:
        return self.quarantined.total()


@dataclass(frozen=True)
class StagedFile:
    """A file that was read, and what was found in it."""

    name: str
    source: Source
    count: FileCount

    def refusal(self, max_bad: float, at_least: float = 0.0) -> str:
        """Why the file can't be loaded; empty where it can."""
        count = self.count
        share = count.num_quarantined / max(count.lines, 1)
        if share <= max(max_bad, at_least):
            return ""
        top = ", ".join(f"{reason} {number:,}" for reason, number in count.quarantined.most_common(3))
        message = (
            f"{count.num_quarantined:,} of {count.lines:,} lines of {self.name} are bad "
            f"({share:.1%}, at most {max_bad:.1%} may be): {top}"
        )
        message += f"; first {count.first_bad}"
        if missing := missing_columns(self.source, count.columns):
            message += (
                f"; {missing}; the columns there are {listed_columns(count.columns)}, which --column NAME=THEIRS names"
            )
        return message


def stage_files(
    files: Sequence[SourceFile], stage: Stage, options: IngestOptions, progress: Progress
) -> tuple[list[StagedFile], Path | None]:
    """Every record of every file, staged or quarantined; and the file of those that are quarantined.

    Raises:
        RecordError: a file can't be read, too many of its records are bad, or there is no record at all.
        StoreError: the disk failed.
    """
    try:
        with ExitStack() as stack:
            files = _prepared(_rereadable(files, stack), progress)
            quarantine = stack.enter_context(Quarantine(options.quarantine))
            counts = _counts(files, stage, quarantine, options, progress)
            staged = [StagedFile(file.name, file.source, count) for file, count in zip(files, counts, strict=True)]
            return _checked(staged, options.max_bad, quarantine), quarantine.commit()
    except OSError as error:  # sources that can't be read are RecordErrors by now
        raise not_writable(options.staging.parent, error) from error


def _checked(staged: list[StagedFile], max_bad: float, quarantine: Quarantine) -> list[StagedFile]:
    for file in staged:
        if refusal := file.refusal(max_bad):
            raise _refused(refusal, quarantine)
    if not any(file.count.lines for file in staged):
        names = ", ".join(file.name for file in staged[:3]) + (", …" if len(staged) > 3 else "")
        raise RecordError(f"there is no record in {names}; nothing was loaded", "check that the right file was given")
    for file in staged:
        if not file.count.lines:
            file.count.remarks.append("no record in it")
    return staged


def _refused(refusal: str, quarantine: Quarantine) -> RecordError:
    return RecordError(f"{refusal}; nothing was loaded", f"look into {quarantine.commit()}, or raise --max-bad")


def _rereadable(files: Sequence[SourceFile], stack: ExitStack) -> list[SourceFile]:
    """The files, streams that must be read several times copied to a file first."""
    copies: dict[Location, Path] = {}
    times = Counter(file.path for file in files)
    for file in files:
        if (times[file.path] > 1 or file.source.prepare) and file.path not in copies and is_stream(file.path):
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "stream"
            with open_file(file.path) as opened, copy.open("wb") as target:
                shutil.copyfileobj(opened.content, target)
            copies[file.path] = copy
    return [
        replace(file, path=copies[file.path], part=file.part or str(file.path)) if file.path in copies else file
        for file in files
    ]


def _prepared(files: Sequence[SourceFile], progress: Progress) -> list[SourceFile]:
    """The files, their sources told what stands in other rows where they ask for it."""
    prepared: dict[int, Source] = {}
    for file in files:
        key = id(file.source)
        if file.source.prepare and key not in prepared:
            paths = [other.path for other in files if other.source is file.source]
            rows: Iterator[Row] = chain.from_iterable(read_rows(path, file.source, progress) for path in paths)
            prepared[key] = file.source.prepare(rows)
    return [replace(file, source=prepared.get(id(file.source), file.source)) for file in files]


def _counts(
    files: Sequence[SourceFile], stage: Stage, quarantine: Quarantine, options: IngestOptions, progress: Progress
) -> Iterator[FileCount]:
    """What was found in each file, whose records are staged."""
    if options.parts is in_turn or len(files) < 2 or any(is_stream(file.path) for file in files):
        read: Iterator[FileCount] = (
            read_file((number, file), stage, quarantine, options.max_bad, progress) for number, file in enumerate(files)
        )
    else:
        read = _read_elsewhere(files, stage, quarantine, options, progress)
    for count in read:
        if count.given_up:
            raise _refused(count.given_up, quarantine)
        yield count


def _read_elsewhere(
    files: Sequence[SourceFile], stage: Stage, quarantine: Quarantine, options: IngestOptions, progress: Progress
) -> Iterator[FileCount]:
    there = [(number, _from_anywhere(file)) for number, file in enumerate(files)]
    for number, found in enumerate(options.parts(read_part, options.max_bad, there), 1):
        for table, rows in found.tables:
            stage.adopt(table, rows)
        quarantine.adopt(*found.quarantined)
        progress("reading files", number, len(files))
        yield found.count


def _from_anywhere(file: SourceFile) -> SourceFile:
    """The file by a name that holds in another process: an address is read there."""
    return file if isinstance(file.path, RemoteFile) else replace(file, path=file.path.absolute())


@dataclass(frozen=True)
class FilePart:
    """A file as another process read it.

    Attributes:
        count: what was found.
        tables: its records, as a `TableStage` holds them.
        quarantined: how many records were bad, and the lines of those that are kept.
    """

    count: FileCount
    tables: Sequence[tuple[NodeType | EdgeType, pa.Table]]
    quarantined: tuple[int, bytes]


def read_part(max_bad: float, numbered: tuple[int, SourceFile]) -> FilePart:
    """A file of that number, read in this process for another.

    Raises:
        StoreError: the file is not there.
    """
    path = numbered[1].path
    if isinstance(path, Path) and not path.exists():
        raise StoreError(
            f"{path} is not there on a worker of the cluster", "put it on a disk that every machine mounts alike"
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        Stage(Path(folder) / "staging", graph_schema()) as stage,
        Quarantine(Path(folder) / "quarantine") as quarantine,
    ):
        count = read_file(numbered, stage, quarantine, max_bad, silent)
        stages = stage.finish()
        tables = [(own.table, pa.concat_tables(own.read(_ALL, _ALL))) for own in stages if own.num_rows]
        return FilePart(count, tables, quarantine.kept())


def read_file(
    numbered: tuple[int, SourceFile], stage: Stage, quarantine: Quarantine, max_bad: float, progress: Progress
) -> FileCount:
    """What was found in the file of that number, whose records are staged and whose bad ones are quarantined."""
    count = FileCount()
    number, file = numbered
    staged = StagedFile(file.name, file.source, count)
    parse = file.source.parse
    for row in read_rows(file.path, file.source, progress, count.remarks.append):
        count.lines += 1
        if count.lines == _GIVE_UP_AFTER and (refusal := staged.refusal(max_bad, _MOSTLY)):
            count.given_up = f"given up after {count.lines:,} lines: {refusal}"
            return count
        try:
            if isinstance(row.value, BadRecord):
                raise row.value
            parsed = parse(row.value)
        except (BadRecord, ValidationError) as error:
            bad = bad_record(error) if isinstance(error, ValidationError) else error
            count.quarantined[bad.reason.value] += 1
            count.first_bad = count.first_bad or f"line {row.number}, {bad.field or 'the whole'}: {bad.message}"
            if isinstance(row.value, dict):
                count.columns.update(dict.fromkeys(flattened(row.value)))
            quarantine.add(file.path.name, row, bad, file.source.columns)
            continue
        if not parsed.records:
            count.skipped[parsed.skipped or "nothing in it for the graph"] += 1
            continue
        if parsed.notes:
            count.notes.update(parsed.notes)
        stage.add(parsed.records, number, row.length)
    return count
