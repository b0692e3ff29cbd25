"""Opening the database of a graph folder, also where a process that was killed left the engine's log behind.

The engine's log is not made use of. A torn record in it ends the database's life ("Checksum verification failed"), and
a whole one that deletes and adds edges is replayed wrongly by the pinned version: rows are lost. Nothing in it was
acknowledged that is not in the database file, in the journal or in `pending/` too, so it is set aside, unless it ends
with the record that says that a checkpoint is being copied into the database file: that the engine must finish.
"""

from __future__ import annotations

import logging
from pathlib import Path

from kindred.files import sync
from kindred.graph.ladybug.engine import OPEN_ONCE, Engine
from kindred.graph.store import UnfinishedError

DATABASE = "graph.lbug"
# What the engine keeps beside its database while it writes: its log, that of a checkpoint under way, new pages.
LOGS = (f"{DATABASE}.wal", f"{DATABASE}.wal.checkpoint")
SHADOW = f"{DATABASE}.shadow"
# Length, kind and checksum of the record that ends the log of a checkpoint; it is always the same.
CHECKPOINT_RECORD = bytes.fromhex("0100000000000000fe773cb3d5173d7b25")


def open_engine(folder: Path, *, read_only: bool) -> Engine:
    """The engine on the database of the folder, as of its last checkpoint.

    Raises:
        UnfinishedError: to be read, but a process that was killed left something to mend.
        StoreError: the database can't be opened.
    """
    left = [folder / name for name in LOGS if (folder / name).exists()]
    if read_only and (left or _has_journal(folder)):
        raise UnfinishedError(f"a process that wrote the graph in {folder} was interrupted", OPEN_ONCE)
    if not read_only:
        _set_aside(folder, left)
    return Engine(folder / DATABASE, read_only=read_only)


def _set_aside(folder: Path, logs: list[Path]) -> None:
    contents = {log: log.read_bytes() for log in logs}
    kept = [log for log, content in contents.items() if content and not content.endswith(CHECKPOINT_RECORD)]
    for log in kept:
        log.replace(log.with_name(f"{log.name}.aside"))
    for log, content in contents.items():
        if not content:
            log.unlink()
    if not any(content.endswith(CHECKPOINT_RECORD) for content in contents.values()):
        (folder / SHADOW).unlink(missing_ok=True)
    if kept:
        sync(folder)
        logging.getLogger(__name__).error(
            "a process that wrote the graph in %s was interrupted; the engine's log is set aside as %s, and everything "
            "that was acknowledged is there",
            folder,
            ", ".join(f"{log.name}.aside" for log in kept),
        )


def _has_journal(folder: Path) -> bool:
    journal = folder / "journal"
    return journal.exists() and journal.stat().st_size > 0
