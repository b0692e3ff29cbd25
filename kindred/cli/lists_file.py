"""Lists of recommendations as a file: Parquet, or JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from kindred.domain.errors import SettingsError
from kindred.files import written_whole

Lists = Iterable[tuple[str, list[str], list[float]]]
_ROWS = 10_000


def write_lists(path: Path, lists: Lists) -> int:
    """Writes user, products and scores of each list, best first, whole or not at all; how many users.

    Raises:
        SettingsError: the file can't be written there.
    """
    rows = iter(lists)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _write_parquet(path, rows) if path.suffix == ".parquet" else _write_json_lines(path, rows)
    except OSError as error:
        raise SettingsError(f"can't write {path}: {error.strerror}", "name another file") from error


def _write_parquet(path: Path, rows: Iterator[tuple[str, list[str], list[float]]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    strings, floats = pa.list_(pa.string()), pa.list_(pa.float32())
    schema = pa.schema([("user", pa.string()), ("products", strings), ("scores", floats)])
    count = 0
    with written_whole(path) as file, pq.ParquetWriter(file, schema) as writer:
        while chunk := list(islice(rows, _ROWS)):
            parts = zip(zip(*chunk, strict=True), schema.types, strict=True)
            columns = [pa.array(column, kind) for column, kind in parts]
            writer.write_table(pa.table(columns, schema=schema))
            count += len(chunk)
    return count


def _write_json_lines(path: Path, rows: Iterator[tuple[str, list[str], list[float]]]) -> int:
    import orjson

    count = 0
    with written_whole(path) as file:
        for user, products, scores in rows:
            line = {"user": user, "products": products, "scores": [round(score, 5) for score in scores]}
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count
