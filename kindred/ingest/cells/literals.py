"""Values as Python prints them, read as data."""

from __future__ import annotations

import ast
import warnings

from kindred.ingest.cells.bad_records import BadRecord, Reason


def decode_literal(text: str) -> object:
    """The value of a Python literal; nothing in it is run.

    Raises:
        BadRecord: it is no literal.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unknown escapes such as '\d', which stay as they are
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise BadRecord(Reason.BROKEN_JSON, f"neither JSON nor a Python literal: {type(error).__name__}") from error
