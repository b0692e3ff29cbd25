"""A short run of `python -m benchmarks.service_kills`: the service killed while it takes events."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hostile import publish_small_shop
from benchmarks.service_kills import kill_repeatedly
from kindred.settings import Settings
from tests.recommenders.conftest import QUICK

pytestmark = pytest.mark.long


def test_what_was_acknowledged_is_there_once_after_every_kill(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    known = publish_small_shop(settings, num_users=24, ranking=QUICK)
    outcome = kill_repeatedly(settings, known["user_id"], known["item_id"], kills=1)
    assert outcome.acknowledged > 0
    wrong = (outcome.lost, outcome.twice, outcome.unsent, outcome.unknown, outcome.accepted_again)
    assert wrong == (0, 0, 0, 0, 0)
