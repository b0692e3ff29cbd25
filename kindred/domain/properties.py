"""The kinds of property a record may have, as annotations that validate a value and name its column."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

EARLIEST_TIME = 631_152_000  # 1990-01-01, seconds UTC: older event times are data errors
CLOCK_SLACK = 86_400  # seconds a source's clock may run ahead of ours
MAX_ID_LENGTH = 512
MAX_STRING_LENGTH = 4096

# C0 and C1 controls but tab, newline, carriage return; and lone surrogates: no engine or file format keeps them all.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSTORABLE_IN_ID = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSTORABLE_ASCII = bytes(code for code in range(128) if _UNSTORABLE.match(chr(code)))


class PropertyKind(StrEnum):
    """How a property is stored; each graph engine maps these few kinds to its own types."""

    STRING = "string"  # short, kept on the node or edge
    TEXT = "text"  # long, kept beside the light edge where the engine needs that
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"  # seconds UTC, as an integer
    STRINGS = "strings"  # list of short strings
    VECTOR = "vector"  # float16, its length set by the encoder


@dataclass(frozen=True)
class Encoded:
    """Marks a text whose embedding is stored beside it, as the property `<name>_embedding`.

    Attributes:
        after: another text property that the embedding reads first, such as a headline.
    """

    after: str | None = None


def check_storable(text: str) -> str:
    """The text, if every engine and file format keeps it. Raises: ValueError where it holds what they do not."""
    # Deleting bytes is four times faster than the regular expression, and most texts are ASCII.
    if text.isascii():
        storable = len(text.encode().translate(None, _UNSTORABLE_ASCII)) == len(text)
    else:
        storable = not _UNSTORABLE.search(text)
    if not storable:
        raise ValueError("control character or lone surrogate")
    return text


def check_storable_id(text: str) -> str:
    """The text, if it can be an id. Raises: ValueError where it can't."""
    if not (text.isascii() and text.isprintable()) and _UNSTORABLE_IN_ID.search(text):
        raise ValueError("control character or lone surrogate")
    if text != text.strip():
        raise ValueError("blank at the start or end")
    return text


def _not_in_future(seconds: int) -> int:
    if seconds > time.time() + CLOCK_SLACK:
        raise ValueError("time in the future")
    return seconds


ExternalId = Annotated[
    str, Field(min_length=1, max_length=MAX_ID_LENGTH), AfterValidator(check_storable_id), PropertyKind.STRING
]
String = Annotated[str, Field(max_length=MAX_STRING_LENGTH), AfterValidator(check_storable), PropertyKind.STRING]
Strings = Annotated[tuple[String, ...], PropertyKind.STRINGS]
EncodedString = Annotated[
    str, Field(max_length=MAX_STRING_LENGTH), AfterValidator(check_storable), PropertyKind.STRING, Encoded()
]
Text = Annotated[str, AfterValidator(check_storable), PropertyKind.TEXT]
EncodedText = Annotated[str, AfterValidator(check_storable), PropertyKind.TEXT, Encoded()]
Integer = Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63), PropertyKind.INTEGER]
Float = Annotated[float, Field(allow_inf_nan=False), PropertyKind.FLOAT]
Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False), PropertyKind.FLOAT]
Boolean = Annotated[bool, PropertyKind.BOOLEAN]
Timestamp = Annotated[int, Field(ge=EARLIEST_TIME), AfterValidator(_not_in_future), PropertyKind.TIMESTAMP]
Rating = Annotated[float, Field(allow_inf_nan=False), PropertyKind.FLOAT]  # its scale is a property of the source
