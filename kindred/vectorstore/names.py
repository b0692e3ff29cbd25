"""Names that are safe as a folder, in a URL and in a collection's name."""

from __future__ import annotations

import re

from kindred.domain.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def checked(name: str) -> str:
    """The name itself. Raises SettingsError where it is no name for a version or collection."""
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{name!r} can't name a version or collection", "use letters, digits, '.', '_' and '-'")
    return name
