"""All files of an ingest read, one after the other or each elsewhere, until too much of one is bad."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.parts import PartMap, in_turn
from kindred.domain.progress import Progress
from kindred.ingest.bytes.encodings import AS_UTF_8
from kindred.ingest.bytes.opening import is_stream, open_file
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import Reason
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.rows import Row
from kindred.ingest.formats.source import Source, SourceFile
from kindred.ingest.loading.one_file import MOSTLY, FileCount, StagedFile, read_file, read_part
from kindred.ingest.loading.quarantine import Quarantine
from kindred.ingest.loading.staging import Stage, not_writable


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
            raise _refused(refusal, file.count, quarantine)
    if not any(file.count.lines for file in staged):
        names = ", ".join(file.name for file in staged[:3]) + (", …" if len(staged) > 3 else "")
        raise RecordError(
            f"there is no record in {names}; nothing was loaded", "check that the right file, or table, was given"
        )
    for file in staged:
        if not file.count.lines:
            file.count.remarks.append("no record in it")
    return staged


def _refused(refusal: str, count: FileCount, quarantine: Quarantine) -> RecordError:
    enough = math.ceil(count.share_bad * 1000) / 1000  # as the message shows it, and no less
    is_known = not count.given_up and enough <= MOSTLY
    next_step = f"look into {quarantine.commit()}"
    next_step += (
        f", or load the rest without them: --max-bad {enough:g}" if is_known else " for what they have in common"
    )
    if count.lines == 1 and count.inner_rows:
        inner = json.dumps(count.inner_rows.rpartition(".")[2], ensure_ascii=False)
        next_step = (
            f"if the list in {count.inner_rows} holds the rows: jq -c '.. | objects | .[{inner}] | arrays | .[]' FILE"
        )
    if count.quarantined.most_common(1)[0][0] == Reason.INVALID_UTF8:
        next_step = f"{AS_UTF_8}; or {next_step}"
    return RecordError(f"{refusal}; nothing was loaded", next_step)


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
            raise _refused(count.given_up, count, quarantine)
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
    return replace(file, path=file.path.absolute()) if isinstance(file.path, Path) else file
