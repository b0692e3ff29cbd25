"""Ids as texts, whatever a format makes of them: 1, 1.0 and ' 1.0' are one; what was rounded is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

from kindred.domain.id_text import id_in
from kindred.domain.properties import MAX_STRING_LENGTH
from kindred.ingest.cells.bad_records import BadRecord, Reason, shown
from kindred.ingest.cells.missing import MISSING_IDS
from kindred.ingest.cells.texts import bounded, decoded

_POWERS_OF_TEN = re.compile(r"-?\d(?:[.,]\d+)?[eE]\+\d{2,3}")
_EXACT_FLOATS = 2**53  # from here on neighbouring whole numbers are the same float


def id_of(value: object, field: str = "") -> str | None:
    """The id as a text, None where it is missing; 1, 1.0 and " 1.0" are "1".

    Raises:
        BadRecord: it is neither a text nor a whole number, or it was rounded, so that several ids have become one.
    """
    if type(value) is str:
        if "+" in value and _POWERS_OF_TEN.fullmatch(value):
            raise _rounded(value, field)
        return id_in(value)
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        return id_of(decoded(value, field), field)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float) and _EXACT_FLOATS <= abs(value) < math.inf:
        raise _rounded(value, field)
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and math.isfinite(value):
        whole = int(value)
        if whole == value:
            return str(whole)
    raise BadRecord(Reason.WRONG_TYPE, f"a text or a whole number is wanted, got {shown(value)}", field)


def known_id_of(value: object, field: str = "", missing: Collection[str] = MISSING_IDS) -> str | None:
    """The id; None also where a program printed that there is none.

    Raises:
        BadRecord: as `id_of`.
    """
    return None if type(value) is str and value.strip() in missing else id_of(value, field)


def id_text_of(value: object, field: str) -> str | None:
    """An id that is kept as a text and names no node; None where it is missing.

    Raises:
        BadRecord: it is no id.
    """
    return bounded(id_of(value, field) or "", MAX_STRING_LENGTH, field) or None


def _rounded(value: object, field: str) -> BadRecord:
    return BadRecord(
        Reason.WRONG_TYPE, f"an id that was rounded to {shown(value)}; write ids as texts or whole numbers", field
    )
