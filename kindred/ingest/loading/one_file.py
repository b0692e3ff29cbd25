"""One file read: every row is checked, then staged or quarantined, and counted; in this process or for another."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from kindred.domain.errors import StoreError
from kindred.domain.progress import Progress, silent
from kindred.domain.schema import Table, graph_schema
from kindred.ingest.cells.bad_records import BadRecord, Reason, bad_record
from kindred.ingest.formats.columns import listed_columns, missing_columns
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.rows import flattened
from kindred.ingest.formats.source import Source, SourceFile
from kindred.ingest.loading.quarantine import Quarantine
from kindred.ingest.loading.staging import Stage

_GIVE_UP_AFTER = 2_000  # rows; a file that is mostly bad by then is another file than was thought
MOSTLY = 0.5
_NO_FAULTS = (Reason.MISSING_ID.value, Reason.NO_RECORD.value)
_ALL = 1 << 62


@dataclass
class FileCount:
    """What has been read of one file so far."""

    lines: int = 0
    parsed: int = 0  # rows with something for the graph
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)  # bad rows without an id, by the column that lacks it
    remarks: list[str] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)  # of the bad rows, in order
    first_bad: str = ""
    inner_rows: str = ""  # the column of a first, bad row that holds a list of objects
    given_up: str = ""  # why the rest was not read

    @property
    def num_quarantined(self) -> int:
        return self.quarantined.total()

    @property
    def share_bad(self) -> float:
        """Share of bad lines, 0 to 1."""
        return self.num_quarantined / max(self.lines, 1)


@dataclass(frozen=True)
class StagedFile:
    """A file that was read, and what was found in it."""

    name: str
    source: Source
    count: FileCount

    def refusal(self, max_bad: float, at_least: float = 0.0) -> str:
        """Why the file can't be loaded; empty where it can.

        Rows that name no user or no item are no faults of a file, as long as they are not most of it: purchases of
        guests stand in many, and lines of sums below. Who lets nothing bad pass lets these not pass either.
        """
        count, most = self.count, max(max_bad, at_least)
        share = count.share_bad
        others = (count.num_quarantined - sum(count.quarantined[reason] for reason in _NO_FAULTS)) / max(count.lines, 1)
        if share <= most or (max_bad and others <= most and share <= MOSTLY):
            return ""
        top = ", ".join(f"{reason} {number:,}" for reason, number in count.quarantined.most_common(3))
        message = (
            f"{count.num_quarantined:,} of {count.lines:,} lines of {self.name} are bad "
            f"({share:.1%}, at most {max_bad:.1%} may be): {top}"
        )
        if len(count.missing) > 1:
            message += f" ({', '.join(f'{name} {number:,}' for name, number in count.missing.most_common())})"
        message += f"; first {count.first_bad}"
        if not count.parsed and (missing := missing_columns(self.source, count.columns)):
            message += (
                f"; {missing}; its columns are {listed_columns(count.columns)}: name them by {self.source.named_by}"
            )
        elif not count.parsed and count.remarks:  # such as that no column is read as the time
            message += f"; {'; '.join(count.remarks)}"
        return message


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
        if count.lines == _GIVE_UP_AFTER and (refusal := staged.refusal(max_bad, MOSTLY)):
            count.given_up = f"given up after {count.lines:,} lines: {refusal}"
            return count
        try:
            if isinstance(row.value, BadRecord):
                raise row.value
            parsed = parse(row.value)
        except (BadRecord, ValidationError) as error:
            bad = bad_record(error) if isinstance(error, ValidationError) else error
            count.quarantined[bad.reason.value] += 1
            if bad.reason is Reason.MISSING_ID:
                count.missing[bad.field or "the whole"] += 1
            count.first_bad = count.first_bad or f"line {row.number}, {bad.field or 'the whole'}: {bad.message}"
            if isinstance(row.value, dict):
                columns = flattened(row.value)
                count.columns.update(dict.fromkeys(columns))
                if count.lines == 1:
                    count.inner_rows = next((name for name, value in columns.items() if _are_rows(value)), "")
            quarantine.add(file.path.name, row, bad, file.source.columns)
            continue
        if not parsed.records:
            count.skipped[parsed.skipped or "nothing in it for the graph"] += 1
            continue
        count.parsed += 1
        if parsed.notes:
            count.notes.update(parsed.notes)
        stage.add(parsed.records, number, row.length)
    return count


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(one, dict) for one in value)


@dataclass(frozen=True)
class FilePart:
    """A file as another process read it.

    Attributes:
        count: what was found.
        tables: its records, as a `TableStage` holds them.
        quarantined: how many records were bad, and the lines of those that are kept.
    """

    count: FileCount
    tables: Sequence[tuple[Table, pa.Table]]
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
