"""A few events read from a file, to answer someone who need not be in the graph."""

from __future__ import annotations

from pydantic import ValidationError

from kindred.domain.errors import RecordError, SettingsError
from kindred.domain.progress import silent
from kindred.domain.records import Event, Reviewed
from kindred.ingest.bytes.paths import GivenTable, one_file
from kindred.ingest.bytes.remote import Location
from kindred.ingest.cells.bad_records import BadRecord, bad_record
from kindred.ingest.formats.files import read_rows
from kindred.ingest.formats.source import Source
from kindred.ingest.interactions import interaction_files
from kindred.ingest.sources import amazon
from kindred.ingest.tables.mapping import TableMapping, event_types


def read_reviews(given: GivenTable) -> dict[str, list[Event]]:
    """The reviews of each reviewer in the file, in order of appearance; any format and layout that ingest reads.

    Raises:
        RecordError: the file can't be read, a review in it is bad, or there is none.
    """
    return _read(one_file(given), amazon.REVIEWS, Reviewed)


def read_events(given: GivenTable, event: type[Event]) -> dict[str, list[Event]]:
    """The same of another event type, from a table whose columns are guessed as `kindred ingest interactions` does.

    Raises:
        RecordError: the file can't be read, lacks a column, an event in it is bad, or there is none.
        SettingsError: such events are not those of a user.
    """
    if event is Reviewed:
        return read_reviews(given)
    name = next((name for name, known in event_types().items() if known is event), None)
    if name is None:
        raise SettingsError(f"{event.edge_type} events are not read from a file", "ask for an id that the graph has")
    (file,) = interaction_files(TableMapping(event=name), given).files
    return _read(file.path, file.source, event)


def _read(path: Location, source: Source, event: type[Event]) -> dict[str, list[Event]]:
    by_user: dict[str, list[Event]] = {}
    for row in read_rows(path, source, silent):
        try:
            if isinstance(row.value, BadRecord):
                raise row.value
            records = source.parse(row.value).records
        except (BadRecord, ValidationError) as error:
            bad = bad_record(error) if isinstance(error, ValidationError) else error
            raise RecordError(
                f"{path} line {row.number}: {bad.reason.value}, {bad.message}", "mend that line"
            ) from error
        for found in (record for record in records if isinstance(record, event)):
            by_user.setdefault(found.source_id, []).append(found)
    if not by_user:
        word = "review" if event is Reviewed else "event"
        raise RecordError(f"{path} holds no {word}", "give at least one, in any format that `kindred ingest` reads")
    return by_user
