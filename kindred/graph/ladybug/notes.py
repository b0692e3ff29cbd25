"""Notes about an embedded graph, in a small file that is replaced as a whole."""

from __future__ import annotations

from pathlib import Path

from kindred.domain.errors import StoreError
from kindred.files import read_with_hash, remedy, write_with_hash

NOTES = "metadata.json"
FORMAT = 1  # of the graph's folder; another number is refused


def read_notes(folder: Path) -> dict[str, str]:
    """The notes of the graph in that folder, none where it is new.

    Raises:
        StoreError: they can't be read, or the folder has the format of another version.
    """
    path = folder / NOTES
    try:
        content = read_with_hash(path)
        found, notes = content["format"], dict(content["notes"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        anew = remedy(error, "delete the graph's folder and ingest again")
        raise StoreError(f"can't read {path}: {error}", anew) from error
    if found != FORMAT:
        raise StoreError(
            f"the graph in {folder} has format {found}, this program reads {FORMAT}",
            "delete the folder and ingest again",
        )
    return notes


def write_notes(folder: Path, notes: dict[str, str]) -> None:
    """Replaces the notes: a crash leaves the old or the new ones."""
    write_with_hash(folder / NOTES, {"format": FORMAT, "notes": notes})
