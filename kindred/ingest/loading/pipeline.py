"""From files to the graph: read, check, stage; and only when few enough records are bad, load."""

from __future__ import annotations

from collections.abc import Sequence

from kindred.domain.embeddings import TextEncoder
from kindred.domain.progress import Progress, silent, told_on_interrupt
from kindred.domain.schema import graph_schema
from kindred.graph.store import GraphStore
from kindred.ingest.formats.source import SourceFile
from kindred.ingest.loading.load import check_encoder, count_records, load_records, note_encoder
from kindred.ingest.loading.merging import Tallies, Tally
from kindred.ingest.loading.one_file import StagedFile
from kindred.ingest.loading.reading import IngestOptions, stage_files
from kindred.ingest.loading.staging import Stage
from kindred.ingest.loading.summary import FileSummary, IngestSummary

__all__ = ["IngestOptions", "ingest_files"]


def ingest_files(
    store: GraphStore | None,
    files: Sequence[SourceFile],
    encoder: TextEncoder | None,
    options: IngestOptions,
    progress: Progress = silent,
) -> IngestSummary:
    """What became of every line and record. Safe to repeat: after a kill at any time, or on the same files once more.

    Args:
        store: the graph to load into; of a dry run the one to check the encoder with, if it can be had.
        files: what to read.
        encoder: of texts; None to encode none.
        options: where to stage, how much may be bad, whether to load.
        progress: told how far it is.

    Raises:
        RecordError: a file can't be read, or too many of its records are bad; nothing was loaded.
        SchemaError: the graph's vectors come from another encoder; nothing was loaded.
        StoreError: the graph or the disk failed, or another ingest is running.
    """
    assert store is not None or options.dry_run
    if store is not None:
        check_encoder(store, encoder)
    schema = graph_schema()
    tallies = Tallies()
    loading = _Loading(progress)
    with told_on_interrupt(lambda: loading.kept), Stage(options.staging, schema) as stage:
        staged, quarantine_file = stage_files(files, stage, options, progress)
        stages = stage.finish()
        if store is None or options.dry_run:
            tables = count_records(stages, tallies, progress)
        else:
            store.create_schema(schema)
            note_encoder(store, encoder)
            tables = load_records(store, stages, encoder, tallies, loading)
    summaries = [_file_summary(number, file, tallies) for number, file in enumerate(staged)]
    return IngestSummary(
        tuple(summaries),
        tuple(tables),
        str(quarantine_file) if quarantine_file else None,
        encoder.name if encoder else None,
        options.dry_run,
    )


class _Loading:
    """Passes progress on, and says on Ctrl-C how far loading had come."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.kept = "nothing was loaded yet; run the same command again"

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        name = stage.removeprefix("loading ")
        self.kept = f"what was loaded, up to {done:,} records of {name}, is kept; the same command again loads the rest"
        self._progress(stage, done, total)


def _file_summary(number: int, staged: StagedFile, tallies: Tallies) -> FileSummary:
    count, tally = staged.count, tallies.of_source.get(number, Tally())
    return FileSummary(
        file=staged.name,
        lines=count.lines,
        accepted=tally.accepted,
        duplicates=tally.duplicates,
        conflicting=tally.conflicting,
        quarantined=count.num_quarantined,
        skipped=count.skipped.total(),
        reasons=dict(sorted(count.quarantined.items())),
        skipped_reasons=dict(count.skipped.most_common()),
        notes=dict(count.notes.most_common()),
        remarks=tuple(count.remarks),
    )
