"""Columns of types that a library adds to those of Arrow, such as periods and intervals of pandas, in plain types."""

from __future__ import annotations

import json
import re

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_PERIOD = "pandas.period"
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
    if isinstance(column.type, pa.ExtensionType):
        name, told = column.type.extension_name, column.type.__arrow_ext_serialize__()
        column = column.storage
    else:
        metadata = (None if field is None else field.metadata) or {}
        name = metadata.get(b"ARROW:extension:name", b"").decode()
        told = metadata.get(b"ARROW:extension:metadata", b"")
    return _starts(column, str(json.loads(told)["freq"])) if name == _PERIOD else column


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
