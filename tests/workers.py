"""Which tests go to the same worker, where several run: those of a file, so that what they share is made once."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SERVER = re.compile(r"(?<!tests\.)\b(resting_neo4j|neo4j_server|neo4j_store|empty_neo4j|graph_store)\b")


class FilesTogether(LoadScopeScheduling):
    """A file to a worker, and all files that need the Neo4j server, of which there is one a run, to one of them.

    They begin in the order of the collection (`in_order`), not with those of most tests: whoever gets a long one last
    leaves the others without work.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(str(self.config.rootpath), nodeid.partition("::")[0])


def in_order(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Brings what takes longest to the front: the files of the Neo4j server, then those with the mark `long`.

    Of the server's, one with the mark `starts_server` comes first, so that there is one start less; those with the mark
    `restarts_server` come last: it has compiled and planned nothing after them.
    """

    def rank(item: pytest.Item) -> int:
        if group_of(str(config.rootpath), item.nodeid.partition("::")[0]) != "neo4j":
            return 3 if item.get_closest_marker("long") else 4
        if item.get_closest_marker("starts_server"):
            return 0
        return 2 if item.get_closest_marker("restarts_server") else 1

    items.sort(key=rank)


@cache
def group_of(root: str, file: str) -> str:
    """The name of what goes to one worker together with this file of tests."""
    return "neo4j" if SERVER.search(Path(root, file).read_text(encoding="utf-8")) else file
