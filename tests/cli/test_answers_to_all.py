from __future__ import annotations

import pytest

from kindred.cli.answers import _at_most
from kindred.domain.errors import SettingsError


def test_at_most_takes_a_label_and_a_count() -> None:
    assert _at_most(["Artist=2", "genre=10"]) == {"artist": 2, "genre": 10}
    for wrong in ("artist", "artist=", "artist=0", "artist=two", "=2"):
        with pytest.raises(SettingsError, match="LABEL=N"):
            _at_most([wrong])
