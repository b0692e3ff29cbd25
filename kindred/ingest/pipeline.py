"""From files to the graph: read, check, stage; and only when few enough records are bad, load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.progress import Progress, silent, told_on_interrupt
from kindred.domain.schema import graph_schema
from kindred.graph.store import GraphStore
from kindred.ingest.bad_records import BadRecord, bad_record
from kindred.ingest.files import read_rows
from kindred.ingest.load import check_encoder, count_records, load_records, note_encoder
from kindred.ingest.merging import Tallies, Tally
from kindred.ingest.quarantine import Quarantine
from kindred.ingest.source import Source
from kindred.ingest.staging import Stage, not_writable
from kindred.ingest.summary import FileSummary, IngestSummary


@dataclass(frozen=True)
class SourceFile:
    """A file and the source that knows its rows.

    Attributes:
        part: which part of the file the source reads, such as a table of a dump; empty where it reads the whole.
    """

    path: Path
    source: Source
    part: str = ""

    @property
    def name(self) -> str:
        """What it is called in summaries and messages."""
        return f"{self.path} ({self.part})" if self.part else str(self.path)


@dataclass(frozen=True)
class IngestOptions:
    """How to ingest.

    Attributes:
        max_bad: share of a file's lines, 0 to 1, that may be bad; above it nothing at all is loaded.
        dry_run: check everything, load nothing.
        staging: folder that accepted records wait in; empty but during an ingest.
        quarantine: folder that files of bad records are written to.
    """

    staging: Path
    quarantine: Path
    max_bad: float = 0.05
    dry_run: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_bad <= 1.0:
            raise SettingsError(f"max_bad is a share from 0 to 1, got {self.max_bad}", "for example 0.05")


@dataclass
class _FileCount:
    """What has been read of one file so far."""

    lines: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def num_quarantined(self) -> int:
        return self.quarantined.total()


def ingest_files(
    store: GraphStore,
    files: Sequence[SourceFile],
    encoder: TextEncoder | None,
    options: IngestOptions,
    progress: Progress = silent,
) -> IngestSummary:
    """What became of every line and record. Safe to repeat: after a kill at any moment, or on the same files once more.

    Raises:
        RecordError: a file can't be read, or too many of its records are bad; nothing was loaded.
        SchemaError: the graph's vectors come from another encoder; nothing was loaded.
        StoreError: the graph or the disk failed, or another ingest is running.
    """
    check_encoder(store, encoder)
    schema = graph_schema()
    tallies = Tallies()
    with Stage(options.staging, schema) as stage:
        with told_on_interrupt(lambda: "nothing was loaded yet; run the same command again"):
            counts, quarantine_file = _stage_files(files, stage, options, progress)
        _refuse_if_bad(files, counts, options.max_bad, quarantine_file)
        stages = stage.finish()
        if options.dry_run:
            tables = count_records(stages, tallies, progress)
        else:
            store.create_schema(schema)
            note_encoder(store, encoder)
            with told_on_interrupt(lambda: "what was loaded is kept; the same command again loads the rest"):
                tables = load_records(store, stages, encoder, tallies, progress)
    summaries = [
        _file_summary(file, count, tallies.of_source.get(number, Tally()))
        for number, (file, count) in enumerate(zip(files, counts, strict=True))
    ]
    return IngestSummary(
        tuple(summaries),
        tuple(tables),
        str(quarantine_file) if quarantine_file else None,
        encoder.name if encoder else None,
        options.dry_run,
    )


def _stage_files(
    files: Sequence[SourceFile], stage: Stage, options: IngestOptions, progress: Progress
) -> tuple[list[_FileCount], Path | None]:
    """Every record of every file, staged or quarantined."""
    try:
        with Quarantine(options.quarantine) as quarantine:
            counts = [_stage_file(number, file, stage, quarantine, progress) for number, file in enumerate(files)]
            return counts, quarantine.commit()
    except OSError as error:  # sources that can't be read are RecordErrors by now
        raise not_writable(options.staging.parent, error) from error


def _stage_file(number: int, file: SourceFile, stage: Stage, quarantine: Quarantine, progress: Progress) -> _FileCount:
    count = _FileCount()
    parse = file.source.parse
    for row in read_rows(file.path, file.source, progress):
        count.lines += 1
        try:
            if isinstance(row.value, BadRecord):
                raise row.value
            parsed = parse(row.value)
        except (BadRecord, ValidationError) as error:
            bad = bad_record(error) if isinstance(error, ValidationError) else error
            count.quarantined[bad.reason.value] += 1
            quarantine.add(file.path.name, row, bad)
            continue
        if not parsed.records:
            count.skipped[parsed.skipped] += 1
            continue
        if parsed.notes:
            count.notes.update(parsed.notes)
        stage.add(parsed.records, number, row.length)
    return count


def _refuse_if_bad(
    files: Sequence[SourceFile], counts: Sequence[_FileCount], max_bad: float, quarantine_file: Path | None
) -> None:
    for file, count in zip(files, counts, strict=True):
        if count.num_quarantined > max_bad * count.lines:
            top = ", ".join(f"{reason} {number:,}" for reason, number in count.quarantined.most_common(3))
            raise RecordError(
                f"{count.num_quarantined:,} of {count.lines:,} lines of {file.name} are bad "
                f"({count.num_quarantined / count.lines:.1%}, at most {max_bad:.1%} may be): {top}; nothing was loaded",
                f"look into {quarantine_file}, or raise --max-bad",
            )


def _file_summary(file: SourceFile, count: _FileCount, tally: Tally) -> FileSummary:
    return FileSummary(
        file=file.name,
        lines=count.lines,
        accepted=tally.accepted,
        duplicates=tally.duplicates,
        conflicting=tally.conflicting,
        quarantined=count.num_quarantined,
        skipped=count.skipped.total(),
        reasons=dict(sorted(count.quarantined.items())),
        skipped_reasons=dict(count.skipped.most_common()),
        notes=dict(count.notes.most_common()),
    )
