"""Addresses such as s3://bucket/key: what kind they are of, and how they are shown without secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
WEB = ("http", "https")
"""Kinds of address that a web server is asked by."""


@dataclass(frozen=True)
class TableAddress:
    """A table of a database. As a text it is named without secrets.

    Attributes:
        url: of the database, in SQLAlchemy's form.
        name: of the table, with the schema before it where there is one: `shop.orders`.
        shown: the database, as messages name it.
    """

    url: str = field(repr=False)
    name: str
    shown: str

    def __str__(self) -> str:
        return f"{self.name} ({self.shown})"


def scheme_of(given: Path | str) -> str:
    """What kind of address it is: `s3`; empty of what is a path."""
    found = _ADDRESS.match(given) if isinstance(given, str) else None
    return found.group(1).lower() if found else ""


def shown(url: str) -> str:
    """The address without a user, a password or a query."""
    whole = re.sub(r"://[^/]*@", "://", url)
    return re.split(r"[?#]", whole, maxsplit=1)[0] if scheme_of(url) in WEB else whole
