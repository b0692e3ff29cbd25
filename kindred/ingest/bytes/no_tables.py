"""Content that is plainly no table: what it is, told by its first bytes, and what to do about it."""

from __future__ import annotations

import re

from kindred.domain.errors import RecordError
from kindred.ingest.bytes.encodings import wide_encoding
from kindred.ingest.bytes.remote import Location

_BEGINNING, _SAMPLE = 256, 4096  # bytes that are looked at for control characters, and for how many kinds of them
_STATA = ("a Stata file", "write the table as CSV: export delimited")
_XML = ("an XML document", "write the table as CSV or JSON lines")
_PICTURE = ("a picture", "give the table that it shows")
_PLAYLIST = "write a row each, of playlist, artist and title, with a header"
_NO_TABLES = {
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it: 7z x FILE"),
    b"Rar!": ("a RAR archive", "unpack it"),
    b"PK\x05\x06": ("a zip archive that holds no file", "fetch it again"),
    b"\x04\x22\x4d\x18": ("packed by lz4", "unpack it: lz4 -d FILE"),
    b"\x5d\0\0": ("packed by an old lzma", "unpack it: xz -d --format=lzma FILE"),
    b"\x1f\x9d": ("packed by compress", "unpack it: gzip -d FILE"),
    b"%PDF": ("a PDF document", "give the table that it was made from"),
    b"{\\rtf": ("a text document", "save the table in it as CSV"),
    b"\x89PNG": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"GIF8": _PICTURE,
    b"SQLite format 3": (
        "an SQLite database",
        "export the table as CSV: sqlite3 -csv -header FILE 'SELECT …'; or name file and table: --sql sqlite:///FILE, "
        "where the command takes it",
    ),
    b"\0\1\0\0Standard ": ("an Access database", "export the table as CSV"),
    b"\x89HDF": ("an HDF5 file", "write the table as CSV or Parquet"),
    b"\x93NUMPY": ("a NumPy array", "write the table as CSV or Parquet"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet as CSV"),
    b"MATLAB ": ("a MATLAB file", "write the table as CSV: scipy.io.loadmat reads it"),
    b"%%MatrixMarket": ("a matrix of Matrix Market", "write the table as CSV: scipy.io.mmread reads it"),
    b"@relation": ("an ARFF file", "write the table as CSV: scipy.io.arff.loadarff reads it"),
    b"@RELATION": ("an ARFF file", "write the table as CSV: scipy.io.arff.loadarff reads it"),
    b"RDX": ("a workspace of R", "write the table as CSV: write.csv"),
    b"X\n\0\0\0": ("an object of R", "write the table as CSV: write.csv(readRDS(FILE), …)"),
    b"$FL2": ("an SPSS file", "write the table as CSV or Parquet"),
    b"<stata_dta>": _STATA,
    **{version + order + b"\1\0": _STATA for version in (b"\x71", b"\x72", b"\x73") for order in (b"\1", b"\2")},
    bytes(12) + b"\xc2\xea\x81\x60": ("a SAS file", "write the table as CSV: PROC EXPORT"),
    b"Obj\x01": ("an Avro file", "write the table as CSV or Parquet"),
    b"PGDMP": ("a dump in PostgreSQL's own format", "make it plain SQL: pg_restore -f plain.sql DUMP"),
    **{
        b"\x80" + version: ("a Python pickle", "write the table as CSV or Parquet")
        for version in (b"\2", b"\3", b"\4", b"\5")
    },
    b"version https://git-lfs.github.com": ("a Git LFS pointer, not the data", "fetch the data: git lfs pull"),
    b"/annex/objects/": ("a pointer of git-annex, not the data", "fetch the data: git annex get"),
    b"#EXTM3U": ("a playlist of M3U", _PLAYLIST),
    b"[playlist]": ("a playlist of PLS", _PLAYLIST),
    b"#AUDIOSCROBBLER/": (
        "a log of AudioScrobbler",
        "keep what was heard to its end: awk -F'\\t' '$6 == \"L\"' FILE, "
        "then --columns artist,album,title,number,duration,heard,at,track_mbid",
    ),
    b"reviews[(": ("a program of Python that fills a dictionary", "keep its values: sed 's/^[^=]*] = //' FILE"),
    b"<?xml": _XML,
}
_HTML_TABLE = b"<table"
_HTML = re.compile(rb"<(?:!doctype html|!--|(?:html|head|body|div|meta|title|script|style|link|p|span|h1)\b)", re.I)
_TAG = re.compile(rb"<[a-z][\w:.-]*(?:\s[^<>]*)?/?>", re.I)
_CONTROL = bytes({*range(32)} - {*b"\t\n\r\f\x1b"})
_MOST_CONTROL, _FEW_CONTROL = 0.1, 4  # share and number of them in a text with a few broken bytes
_MANY_KINDS, _SOME_CONTROL = 8, 0.02  # a text parted by control characters has some kinds, packed bytes have all
_DUCKDB_MAGIC_AT = 8
_BINARY_TABLES = (b"PAR1", b"ARROW1", b"FEA1", b"ORC", b"\xff\xff\xff\xff")


def refuse_no_table(path: Location, head: bytes) -> None:
    """Makes sure that content which begins so may be a table.

    Raises:
        RecordError: it is none; what it is, and how a table is made of it.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, (what, next_step) in _NO_TABLES.items():
        if head.startswith(magic) or start.startswith(magic):
            raise RecordError(f"{path} is {what}", next_step)
    if start[:20].lower().startswith(_HTML_TABLE):
        raise RecordError(
            f"{path} is an HTML page with a table", "write it as CSV: pandas.read_html(FILE)[0].to_csv(…)"
        )
    if _HTML.match(start):
        raise RecordError(f"{path} is an HTML page, not a table", "look at it: perhaps an address asked you to log in")
    if _TAG.match(start) and (b"</" in start or b"/>" in start):
        raise RecordError(f"{path} is {_XML[0]}", _XML[1])
    if head[_DUCKDB_MAGIC_AT:].startswith(b"DUCK"):
        raise RecordError(
            f"{path} is a DuckDB database", "export the table: duckdb FILE \"COPY name TO 'table.parquet'\""
        )
    if not start.startswith(_BINARY_TABLES) and wide_encoding(head) is None and _is_binary(head[:_SAMPLE]):
        raise RecordError(f"{path} is no text and no table that is known", "write the table as CSV or Parquet")


def _is_binary(sample: bytes) -> bool:
    """Whether so many control characters, or so many kinds of them, are in these bytes that they can't be a text."""
    beginning = sample[:_BEGINNING]
    control = len(beginning) - len(beginning.translate(None, _CONTROL))
    if control > max(_MOST_CONTROL * len(beginning), _FEW_CONTROL):
        return True
    found = [byte for byte in sample if byte in _CONTROL]
    return len(set(found)) >= _MANY_KINDS and len(found) > _SOME_CONTROL * len(sample)
