"""Who asks a graph server: user, password, database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GraphServer:
    """Who asks a graph server, and for which of its databases; the embedded engine needs neither."""

    user: str = "neo4j"
    password: str = ""
    database: str = "neo4j"

    def __repr__(self) -> str:
        return f"GraphServer(user={self.user!r}, database={self.database!r})"
