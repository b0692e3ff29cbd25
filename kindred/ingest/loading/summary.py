"""IngestSummary: what became of every line, and of every record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class FileSummary:
    """What became of the rows of one file: `accepted + duplicates + quarantined + skipped == lines`, always.

    Blank lines are not counted; a CSV row that spans lines counts once, a CSV header not at all.

    Attributes:
        duplicates: rows about something that another row of the file is about.
        conflicting: those of the duplicates that also say something else; what was kept does not depend on their order.
        skipped: well-formed rows that hold nothing for the graph, such as events of other kinds.
        reasons: quarantined rows by reason code.
        skipped_reasons: skipped rows by reason, in words.
        notes: rows of which a part was left out or is not known, by what.
        remarks: what was decided about the file as a whole, or is odd about it.
    """

    file: str
    lines: int
    accepted: int
    duplicates: int
    conflicting: int
    quarantined: int
    skipped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    skipped_reasons: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableSummary:
    """Distinct records of one label or edge type, and what the store did with them (nothing in a dry run)."""

    name: str
    records: int
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0


@dataclass(frozen=True)
class IngestSummary:
    """What one ingest did.

    Attributes:
        quarantine_file: where the bad rows are; None where there were none.
        encoder: name of the text encoder; None where no texts were encoded.
        dry_run: the files were checked, and nothing was loaded.
    """

    files: tuple[FileSummary, ...]
    tables: tuple[TableSummary, ...]
    quarantine_file: str | None
    encoder: str | None
    dry_run: bool

    @property
    def lines(self) -> int:
        return sum(file.lines for file in self.files)

    @property
    def accepted(self) -> int:
        return sum(file.accepted for file in self.files)

    @property
    def duplicates(self) -> int:
        return sum(file.duplicates for file in self.files)

    @property
    def quarantined(self) -> int:
        return sum(file.quarantined for file in self.files)

    @property
    def skipped(self) -> int:
        return sum(file.skipped for file in self.files)

    def to_json(self) -> dict[str, object]:
        """Plain values, with the totals over all files."""
        totals = {name: getattr(self, name) for name in ("lines", "accepted", "duplicates", "quarantined", "skipped")}
        return totals | asdict(self)
