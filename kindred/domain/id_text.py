"""An id as people and programs write it."""

from __future__ import annotations

import re

_WHOLE = re.compile(r"(-?\d+)\.0+")


def id_in(text: str) -> str:
    """The id that a text holds, without blanks around it; "7.0" is "7", as pandas writes a column with missing ids."""
    bare = text.strip()
    return found[1] if ".0" in bare and (found := _WHOLE.fullmatch(bare)) else bare
