"""Columns of types that others add to those of Arrow, such as periods of pandas or DuckDB's BIGNUM, in plain types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_PERIOD = "pandas.period"
_LONGEST = 1_000  # bytes of an integer that Python makes a text of
_FREQUENCY = re.compile(r"\d*([A-Za-z]+?)[ES]?(?:-([A-Z]{3}))?")
_UNITS = {"D": "D", "h": "h", "H": "h", "min": "m", "T": "m", "s": "s", "S": "s", "ms": "ms", "L": "ms", "us": "us"}
_UNITS |= {"U": "us", "ns": "ns", "N": "ns", "M": "M"}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def in_plain_types(column: pa.Array, field: pa.Field | None = None) -> pa.Array:
    """The column as Arrow's own types hold it, of periods when each begins.

    Args:
        column: an array of any type.
        field: what the file says of it, where its type may be one that no library here has added.
    """
    if isinstance(column.type, pa.OpaqueType):  # what Arrow calls the types of databases that it has none for
        own = column.type.type_name if column.type.vendor_name == "DuckDB" else ""
        return _texts(column.storage, _OF_DUCKDB[own]) if own in _OF_DUCKDB else column.storage
    if isinstance(column.type, pa.ExtensionType):
        name, told = column.type.extension_name, column.type.__arrow_ext_serialize__()
        column = column.storage
    else:
        metadata = (None if field is None else field.metadata) or {}
        name = metadata.get(b"ARROW:extension:name", b"").decode()
        told = metadata.get(b"ARROW:extension:metadata", b"")
    return _starts(column, str(json.loads(told)["freq"])) if name == _PERIOD else column


def _texts(column: pa.Array, as_text: Callable[[bytes], str]) -> pa.Array:
    return pa.array([as_text(value) if value else None for value in column.to_pylist()], pa.string())


def _bignum(value: bytes) -> str:
    """An integer: a bit for its sign, 23 for the number of its bytes, then these, of negative ones inverted."""
    digits = value[3:] if value[0] & 0x80 else bytes(byte ^ 0xFF for byte in value[3:])
    if len(digits) > _LONGEST:
        return digits.hex()  # as long as what is refused
    number = int.from_bytes(digits, "big")
    return str(number if value[0] & 0x80 else -number)


def _hugeint(value: bytes) -> str:
    return str(int.from_bytes(value, "little", signed=True))


def _uhugeint(value: bytes) -> str:
    return str(int.from_bytes(value, "little"))


def _bits(value: bytes) -> str:
    """A string of bits: how many of the first byte of bits are not part of it, then the bytes."""
    return "".join(f"{byte:08b}" for byte in value[1:])[value[0] :]


_OF_DUCKDB = {"bignum": _bignum, "varint": _bignum, "hugeint": _hugeint, "uhugeint": _uhugeint, "bit": _bits}


def _starts(ordinals: pa.Array, frequency: str) -> pa.Array:
    """When the periods of these numbers begin, as pandas counts them; the numbers where it is not known how."""
    found = _FREQUENCY.fullmatch(frequency)
    numbers = ordinals.fill_null(0).to_numpy()
    times = None if found is None else _times(numbers, found[1], found[2] or "")
    return ordinals if times is None else pa.array(times, mask=ordinals.is_null().to_numpy(zero_copy_only=False))


def _times(numbers: NDArray[np.int64], unit: str, ends_in: str) -> NDArray[np.datetime64] | None:
    if unit in _UNITS:
        times = numbers.astype(f"datetime64[{_UNITS[unit]}]")
    elif unit == "W":
        times = (7 * (numbers - 1) - 3 + _WEEKDAYS.index(ends_in or "SUN")).astype("datetime64[D]")
    elif unit == "B":
        times = ((numbers + 3) // 5 * 7 + (numbers + 3) % 5 - 3).astype("datetime64[D]")
    elif unit in ("Q", "Y", "A"):
        months = (3 if unit == "Q" else 12) * numbers + _MONTHS.index(ends_in or "DEC") - 11
        times = months.astype("datetime64[M]")
    else:
        return None
    return times if np.datetime_data(times.dtype)[0] in ("ms", "us", "ns") else times.astype("datetime64[s]")
