"""What programs write for a value that is missing."""

from __future__ import annotations

MISSING_CELLS = frozenset({"", "NaN", "nan", "NULL", "null", "\\N", "<NA>"})
"""A cell of text that is no value, whatever its column holds."""
MISSING_NUMBERS = MISSING_CELLS | {"NA", "N/A", "n/a", "#N/A", "None", "none", "NaT", "-"}
"""The same where a number or a time belongs; an id or a text may be any of these."""
MISSING_IDS = MISSING_CELLS | {"None", "#N/A", "NaT", "undefined", "(not set)", "(null)", "[deleted]"}
"""What programs print where a user or an item is not known; no one is called so."""
