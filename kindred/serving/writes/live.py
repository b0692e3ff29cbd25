"""Writes as they come: into the journal, then into memory, so that the next answer knows them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kindred.domain.errors import KindredError
from kindred.domain.records import Node
from kindred.serving.writes.journal import Entry, Journal
from kindred.serving.writes.written import APPLIED, DELETE, EVENT, NODE, event_in, nodes_in

if TYPE_CHECKING:
    from kindred.serving.answering.opened_system import OpenedSystem

FOLDER = "journal"


class Live:
    """What was written and may not be in the graph yet. Used in the event loop; other threads only read.

    Attributes:
        journal: where writes are kept.
        pending: writes that the graph does not hold yet, by number.
        deletions: those that the journal still names, by (label, id).
        applied: the number up to which the graph holds them.
        num_applied: how many of each system the graph took since the service began.

    Args:
        data_dir: the data folder; the journal is in it.
        systems: those that answer; ones that are published later come into it.
    """

    def __init__(self, data_dir: Path, systems: Mapping[str, OpenedSystem]) -> None:
        self.folder = data_dir / FOLDER
        self.journal = Journal(self.folder)
        self.pending: dict[int, Entry] = {}
        self.deletions: dict[tuple[str, str], Entry] = {}
        self.applied = 0
        self.num_applied: Counter[str] = Counter()
        self._systems = systems
        self._told: dict[str, int] = {}
        self._latest: dict[tuple[str, str], int] = {}
        self._waiting: list[tuple[Sequence[Mapping[str, Any]], asyncio.Future[list[Entry]]]] = []
        self._writer = ThreadPoolExecutor(1, "journal")
        self._is_writing = False
        self.follow()

    async def write(self, values: Sequence[Mapping[str, Any]]) -> list[Entry]:
        """Writes that are on the disk and known to the next answer when this returns.

        What is written at the same time shares one visit to the disk.

        Raises:
            StoreError: the disk does not take them; nothing was accepted.
        """
        done: asyncio.Future[list[Entry]] = asyncio.get_running_loop().create_future()
        self._waiting.append((values, done))
        if not self._is_writing:
            self._is_writing = True
            try:
                await self._write_all()
            finally:
                self._is_writing = False
        return await done

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            values = [value for some, _ in batch for value in some]
            try:
                entries = await asyncio.get_running_loop().run_in_executor(self._writer, self.journal.append, values)
            except (KindredError, TypeError, ValueError) as error:  # each of those who wait is told
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            self.follow()
            for some, done in batch:
                own, entries = entries[: len(some)], entries[len(some) :]
                if not done.done():
                    done.set_result(own)

    def follow(self) -> None:
        """Takes in what this and other processes wrote; a system that was published since is told what it missed.

        Raises:
            StoreError: the journal can't be read.
        """
        for entry in self.journal.follow():
            if entry.value["kind"] == APPLIED:
                self._tell_all()
                self._note_applied(entry)
                continue
            self.pending[entry.seq] = entry
            if entry.value["kind"] == DELETE:
                self.deletions[(entry.value["label"], entry.value["id"])] = entry
        self._tell_all()

    def _tell_all(self) -> None:
        """Tells every system what it has not heard yet."""
        for name, opened in list(self._systems.items()):
            told = self._told.get(name, 0)
            for seq in sorted(seq for seq in self.pending if seq > told):
                self._tell(name, opened, self.pending[seq])
                self._told[name] = seq

    def _note_applied(self, entry: Entry) -> None:
        through = entry.value["through"]
        self.applied = max(self.applied, through)
        wrote = {
            (said.value["system"], said.value["record"]["source_id"])
            for seq, said in self.pending.items()
            if seq <= through and said.value["kind"] == EVENT
        }
        for name, user_id in wrote:
            version = entry.value["versions"].get(name)
            if version and name in self._systems and self._latest.get((name, user_id), 0) <= through:
                self._systems[name].memory.row_written(user_id, version)
                self._latest.pop((name, user_id), None)
        done = [said.value for seq, said in self.pending.items() if seq <= through]
        for name, opened in list(self._systems.items()):  # a deletion is of all systems
            for value in done:
                if value["kind"] == DELETE and value["label"] == opened.module.system.user_label:
                    opened.user_left_graph(value["id"])
            self.num_applied[name] += sum(value["kind"] == DELETE or value["system"] == name for value in done)
        self.pending = {seq: said for seq, said in self.pending.items() if seq > through}

    def _tell(self, name: str, opened: OpenedSystem, entry: Entry) -> None:
        """What the memory of a system is to know of a write."""
        system, value = opened.module.system, entry.value
        if value["kind"] == DELETE:
            if value["label"] == system.user_label:
                opened.forget_user(value["id"])
            elif value["label"] == system.item_label:
                opened.memory.forget_item(value["id"])
        elif value["system"] != name:
            return
        elif value["kind"] == EVENT:
            event = event_in(system, value)
            self._latest[(name, event.source_id)] = entry.seq
            opened.memory.add_events([event])
        elif value["kind"] == NODE and value["label"] == system.item_label:
            item = next(node for node in nodes_in(system, value) if isinstance(node, Node))
            title = None if system.title is None else system.titled(getattr(item, system.title))
            opened.memory.put_items([(item.id, title)], int(entry.time))
            told = {number: getattr(item, number) for number in system.numbers}
            opened.memory.put_numbers(item.id, {number: float(v) for number, v in told.items() if v is not None})

    def lag(self) -> tuple[int, float]:
        """How many writes the graph does not hold yet, and for how many seconds the oldest has waited."""
        if not self.pending:
            return 0, 0.0
        return len(self.pending), max(0.0, time.time() - min(entry.time for entry in self.pending.values()))

    def close(self) -> None:
        """Ends the thread that writes; what was acknowledged is on the disk."""
        self._writer.shutdown(wait=True)
