"""Content that is plainly no table: what it is, told by its first bytes, and what to do about it."""

from __future__ import annotations

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.encodings import wide_encoding
from kindred.ingest.bytes.remote import Location

_SAMPLE = 256  # bytes that are looked at for control characters
_NO_TABLES = {
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it: 7z x FILE"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"%PDF": ("a PDF document", "give the table that it was made from"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV: sqlite3 -csv -header FILE 'SELECT …'"),
    b"\x89HDF": ("an HDF5 file", "write the table as CSV or Parquet"),
    b"\x93NUMPY": ("a NumPy array", "write the table as CSV or Parquet"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet as CSV"),
    b"MATLAB ": ("a MATLAB file", "write the table as CSV: scipy.io.loadmat reads it"),
    b"RDX": ("a workspace of R", "write the table as CSV: write.csv"),
    b"$FL2": ("an SPSS file", "write the table as CSV or Parquet"),
    b"Obj\x01": ("an Avro file", "write the table as CSV or Parquet"),
    b"PGDMP": ("a dump in PostgreSQL's own format", "make it plain SQL: pg_restore -f plain.sql DUMP"),
    **{
        b"\x80" + version: ("a Python pickle", "write the table as CSV or Parquet")
        for version in (b"\2", b"\3", b"\4", b"\5")
    },
    b"version https://git-lfs.github.com": ("a Git LFS pointer, not the data", "fetch the data: git lfs pull"),
    b"<?xml": ("an XML document", "write the table as CSV or JSON lines"),
}
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<table", b"<div")
_CONTROL = bytes({*range(32)} - {*b"\t\n\r\f\x1b"})
_MOST_CONTROL, _FEW_CONTROL = 0.1, 4  # share and number of them in a text with a few broken bytes
_DUCKDB_MAGIC_AT = 8
_BINARY_TABLES = (b"PAR1", b"ARROW1", b"FEA1", b"ORC", b"\xff\xff\xff\xff")


def refuse_no_table(path: Location, head: bytes) -> None:
    """Makes sure that content which begins so may be a table.

    Raises:
        RecordError: it is none; what it is, and how a table is made of it.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, (what, next_step) in _NO_TABLES.items():
        if start.startswith(magic):
            raise RecordError(f"{path} is {what}", next_step)
    if start[:20].lower().startswith(_HTML):
        raise RecordError(f"{path} is an HTML page, not a table", "look at it: perhaps an address asked you to log in")
    if head[_DUCKDB_MAGIC_AT:].startswith(b"DUCK"):
        raise RecordError(f"{path} is a DuckDB database", "export the table: COPY … TO 'table.parquet'")
    if not start.startswith(_BINARY_TABLES) and wide_encoding(head) is None:
        sample = head[:_SAMPLE]
        if len(sample) - len(sample.translate(None, _CONTROL)) > max(_MOST_CONTROL * len(sample), _FEW_CONTROL):
            raise RecordError(f"{path} is no text and no table that is known", "write the table as CSV or Parquet")
