"""Which tests go to the same worker, where several run: those of a file, so that what they share is made once."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

SERVER = re.compile(r"(?<!tests\.)\b(neo4j_server|neo4j_store|graph_store)\b")


class FilesTogether(LoadScopeScheduling):
    """A file to a worker, and all files that need the Neo4j server, of which there is one a run, to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(str(self.config.rootpath), nodeid.partition("::")[0])


@cache
def group_of(root: str, file: str) -> str:
    """The name of what goes to one worker together with this file of tests."""
    return "neo4j" if SERVER.search(Path(root, file).read_text(encoding="utf-8")) else file
