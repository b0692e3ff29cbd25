"""Where networks compute."""

from __future__ import annotations

import pytest
import torch

from kindred.devices import choose_device
from kindred.domain.errors import SettingsError


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(SettingsError, match="no GPU"):
        choose_device("cuda")
    with pytest.raises(SettingsError, match="'tpu' is not known"):
        choose_device("tpu")
