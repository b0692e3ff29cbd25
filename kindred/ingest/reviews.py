"""A few reviews read from a file, to answer someone who need not be in the graph."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from kindred.domain.errors import RecordError
from kindred.domain.progress import silent
from kindred.domain.records import Reviewed
from kindred.ingest.bad_records import BadRecord, bad_record
from kindred.ingest.files import read_rows
from kindred.ingest.sources import amazon


def read_reviews(path: Path) -> dict[str, list[Reviewed]]:
    """The reviews of each reviewer in the file, in order of appearance; any format and layout that ingest reads.

    Raises:
        RecordError: the file can't be read, a review in it is bad, or there is none.
    """
    by_user: dict[str, list[Reviewed]] = {}
    for row in read_rows(path, amazon.REVIEWS, silent):
        try:
            if isinstance(row.value, BadRecord):
                raise row.value
            records = amazon.REVIEWS.parse(row.value).records
        except (BadRecord, ValidationError) as error:
            bad = bad_record(error) if isinstance(error, ValidationError) else error
            raise RecordError(
                f"{path} line {row.number}: {bad.reason.value}, {bad.message}", "mend that line"
            ) from error
        for review in (record for record in records if isinstance(record, Reviewed)):
            by_user.setdefault(review.source_id, []).append(review)
    if not by_user:
        raise RecordError(f"{path} holds no review", "give at least one, in any format that `kindred ingest` reads")
    return by_user
