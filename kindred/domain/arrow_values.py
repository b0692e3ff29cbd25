"""Arrow columns and NumPy arrays, one from the other, over the same memory.

`to_numpy` and `pa.array` look whether they were given something of pandas, which loads it where it is installed, and
methods of arrays load the whole of `pyarrow.compute`: a fifth of a second before the first answer of a command.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Values = NDArray[np.generic]
Known = NDArray[np.bool_]


def values_of(column: pa.Array | pa.ChunkedArray) -> tuple[Values, Known]:
    """The numbers or flags of a column, zero where they are null, and which are known, `[num_rows]` each."""
    arrays = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    if len(arrays) == 1:
        return _values_of(arrays[0])
    if not arrays:
        return np.zeros(0, column.type.to_pandas_dtype()), np.zeros(0, np.bool_)
    values, known = zip(*map(_values_of, arrays), strict=True)
    return np.concatenate(values), np.concatenate(known)


def known_of(array: pa.Array) -> Known:
    """Which values are not null, `[num_rows]`."""
    if array.type == pa.null():
        return np.zeros(len(array), np.bool_)
    validity = array.buffers()[0]
    return np.ones(len(array), np.bool_) if validity is None else _bits(validity, array)


def texts_array(texts: Sequence[str | None]) -> pa.Array:
    """The texts, 2 GB at the most, as an Arrow array."""
    encoded = [(text or "").encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    known = np.packbits(np.array([text is not None for text in texts], np.bool_), bitorder="little")
    buffers = [pa.py_buffer(known), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def flags_array(flags: Known) -> pa.Array:
    """The flags as an Arrow array."""
    return pa.Array.from_buffers(pa.bool_(), len(flags), [None, pa.py_buffer(np.packbits(flags, bitorder="little"))])


def _values_of(array: pa.Array) -> tuple[Values, Known]:
    known, dtype, data = known_of(array), np.dtype(array.type.to_pandas_dtype()), array.buffers()[-1]
    if data is None or not len(array):
        return np.zeros(len(array), dtype), known
    if dtype == np.bool_:
        values: Values = _bits(data, array)
    else:
        values = np.frombuffer(data, dtype, array.offset + len(array))[array.offset :]
    return (values if known.all() else np.where(known, values, np.zeros(1, dtype))), known


def _bits(buffer: pa.Buffer, array: pa.Array) -> Known:
    first, skipped = divmod(array.offset, 8)
    packed = np.frombuffer(buffer, np.uint8)[first:]
    return np.unpackbits(packed, count=skipped + len(array), bitorder="little")[skipped:].view(np.bool_)
