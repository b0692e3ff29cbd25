from __future__ import annotations

import os
from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError
from kindred.settings import load_settings, setting_sources


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("KINDRED_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_flag_beats_environment_beats_dotenv_beats_toml_beats_default(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().seed == 7
    (empty_folder / "kindred.toml").write_text("seed = 1\n")
    assert load_settings().seed == 1
    (empty_folder / ".env").write_text("KINDRED_SEED=2\n")
    assert load_settings().seed == 2
    monkeypatch.setenv("KINDRED_SEED", "3")
    assert load_settings().seed == 3
    assert load_settings(seed=4).seed == 4
    assert load_settings(seed=None).seed == 3


def test_sources_say_where_each_value_came_from(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / "kindred.toml").write_text('seed = 1\nencoder = "x"\n')
    (empty_folder / ".env").write_text("KINDRED_ENCODER=y\n")
    monkeypatch.setenv("KINDRED_DEVICE", "cpu")
    assert setting_sources(os.environ) == {"seed": "kindred.toml", "encoder": ".env", "device": "environment"}


def test_bad_values_name_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_DEVICE", "tpu")
    with pytest.raises(SettingsError, match=r"setting device.*'tpu'"):
        load_settings()


def test_broken_toml_is_a_settings_error(empty_folder: Path) -> None:
    (empty_folder / "kindred.toml").write_text("seed = = 1\n")
    with pytest.raises(SettingsError, match=r"kindred\.toml"):
        load_settings()


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_GRAPH_PASSWORD", "hunter2")
    assert "hunter2" not in repr(load_settings()) + str(load_settings().graph_password)
