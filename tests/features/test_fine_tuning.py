"""Fine-tuning: partners come nearer, the folder is one that encodes like any other, and what can't be is said first."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from kindred.domain.errors import SettingsError, StoreError
from kindred.features import fine_tuning
from kindred.features.fine_tuning import FineTuning, check_fine_tuning, fine_tune
from kindred.features.text import open_text_encoder
from kindred.features.weights import bert_shape

PAIRS = [
    ("quiet gift", "Steel Kettle"),
    ("something blue", "Acoustic Guitar"),
    ("for the trip", "Chess Board"),
    ("as last year", "Wool Socks"),
]


def own_and_other(folder: str) -> tuple[float, float]:
    """Mean cosine of partners, and of texts that are none."""
    encoder = open_text_encoder(folder, "cpu")
    left, right = (encoder.encode([pair[side] for pair in PAIRS]).astype(np.float32) for side in (0, 1))
    cosines = left @ right.T
    return float(cosines.diagonal().mean()), float(cosines[~np.eye(len(PAIRS), dtype=bool)].mean())


def test_partners_come_nearer_and_the_folder_is_an_encoder(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    folder = tmp_path / "own"
    fine_tune("", PAIRS, folder, FineTuning(epochs=12, batch_size=4), lambda *step: told.append(step))
    assert told[-1] == ("fine-tune", 12, 12)
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
    assert bert_shape(folder) is not None  # read by our own code, as the bundled one is
    (own, other), (own_before, other_before) = own_and_other(str(folder)), own_and_other("")
    assert own - other > own_before - other_before + 0.1
    with pytest.raises(SettingsError, match="is there already"):
        fine_tune("", PAIRS, folder, FineTuning())
    with pytest.raises(StoreError, match="can't write"):
        fine_tune("", PAIRS, folder / "model.safetensors" / "in-a-file", FineTuning())


def test_what_is_missing_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="OpenVINO"):
        check_fine_tuning("openvino:", tmp_path / "own")
    with pytest.raises(SettingsError, match="no folder that is there"):
        check_fine_tuning("./nowhere", tmp_path / "own")
    monkeypatch.setattr(fine_tuning, "find_spec", lambda name: None if name == "datasets" else find_spec(name))
    with pytest.raises(SettingsError, match="accelerate and datasets") as missing:
        check_fine_tuning("", tmp_path / "own")
    assert "finetune" in missing.value.next_step
