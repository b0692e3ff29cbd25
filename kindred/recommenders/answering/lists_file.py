"""Lists of recommendations as a file: Parquet, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from kindred.domain.errors import StoreError
from kindred.files import check_ending, written_whole
from kindred.ingest.generate.write import write_json_lines

List = tuple[str, Sequence[str], Sequence[float] | None]
"""A user, items best first, and their scores where the lists tell them."""
_ROWS = 10_000


def write_lists(path: Path, lists: Iterable[List], items: str = "products") -> int:
    """Writes each user's list, whole or not at all; how many users.

    Args:
        path: Parquet where it ends in `.parquet`, else JSON lines.
        lists: of the users; all with scores, or none.
        items: what the items are called in the file.

    Raises:
        SettingsError: the file ends as one of another format does.
        StoreError: it can't be written there.
    """
    check_ending(path, ".parquet", ".jsonl", ".ndjson", ".json")
    if path.suffix.lower() == ".parquet":
        return _write_parquet(path, iter(lists), items)
    return write_json_lines(path, (_json_row(row, items) for row in lists))


def _json_row(row: List, items: str) -> dict[str, object]:
    user, chosen, scores = row
    told: dict[str, object] = {"user": user, items: chosen}
    return told if scores is None else {**told, "scores": [round(score, 5) for score in scores]}


def _write_parquet(path: Path, lists: Iterator[List], items: str) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    chunk = list(islice(lists, _ROWS))
    has_scores = not chunk or chunk[0][2] is not None
    fields = [("user", pa.string()), (items, pa.list_(pa.string())), ("scores", pa.list_(pa.float32()))]
    schema = pa.schema(fields if has_scores else fields[:2])
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file, pq.ParquetWriter(file, schema) as writer:
            while chunk:
                parts = zip(zip(*chunk, strict=True), schema.types, strict=False)
                writer.write_table(pa.table([pa.array(column, kind) for column, kind in parts], schema=schema))
                count += len(chunk)
                chunk = list(islice(lists, _ROWS))
    except OSError as error:
        raise StoreError(f"can't write {path}: {error.strerror}", "name another file") from error
    return count
