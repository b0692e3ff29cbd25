"""Who asks a graph server: user, password, database."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
"""What the URL of a graph server begins with."""


@dataclass(frozen=True)
class GraphServer:
    """Who asks a graph server, for which of its databases, and how patiently; the embedded engine needs none of it.

    Attributes:
        retry_seconds: how long a transaction is tried again after a transient error or a lost connection.
    """

    user: str = "neo4j"
    password: str = ""
    database: str = "neo4j"
    retry_seconds: float = 20.0

    def __repr__(self) -> str:
        return f"GraphServer(user={self.user!r}, database={self.database!r})"
