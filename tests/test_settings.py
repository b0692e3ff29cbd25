from __future__ import annotations

import os
from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError
from kindred.settings import load_settings, setting_sources, unknown_settings


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


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEVICE", "tpu", "must be 'auto', 'cpu' or 'cuda', got 'tpu' (environment)"),
        ("SEED", "seven", "must be a whole number, got 'seven' (environment)"),
        ("SEED", "-1", "must be at least 0, got '-1' (environment)"),
        (
            "OTEL_URL",
            "collector:4318",
            "must be an http:// or https:// address, or be left empty, got 'collector:4318' (environment)",
        ),
        *(
            (
                "MLFLOW_URI",
                uri,
                "must be a folder or an address of http, https, sqlite, postgresql, mysql, mssql, file, databricks, "
                f"or be left empty, got {uri!r} (environment)",
            )
            for uri in ("nonsense://host", "http://")
        ),
        ("EXPERIMENTS", "[", "must be JSON: Expecting value: line 1 column 2 (char 1)"),
    ],
)
def test_a_refusal_is_in_our_own_words(name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"KINDRED_{name}", value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert raised.value.message == f"setting {name.lower()} {words}"


def test_a_refused_secret_is_not_printed(empty_folder: Path) -> None:
    (empty_folder / "kindred.toml").write_text("graph_password = 4242\n")
    with pytest.raises(SettingsError, match=r"graph_password must be a text \(kindred.toml\)"):
        load_settings()


def test_the_salt_of_an_experiment_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = '[{"name": "a", "share": 50}, {"name": "b", "share": 50}]'
    experiment = f'{{"name": "x", "system": "products", "salt": "sh!", "arms": {arms}}}'
    monkeypatch.setenv("KINDRED_EXPERIMENTS", f"[{experiment}]")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert raised.value.message.startswith("setting experiments.0 ") and "sh!" not in str(raised.value)


def test_what_is_no_setting_is_named_with_the_nearest_that_is(empty_folder: Path) -> None:
    (empty_folder / "kindred.toml").write_text("sed = 1\nseed = 2\n[shop]\nname = 'x'\n")
    (empty_folder / ".env").write_text("KINDRED_GRAPH_PASSWRD=hunter2\nOTHER=1\nkindred_encoder=x\n")
    environment = {"KINDRED_DEVIC": "cpu", "KINDRED_SEED": "3", "PATH": "/bin", "KINDRED_TEST_BROWSER": "x"}
    assert unknown_settings(environment) == [
        "sed (kindred.toml) is no setting and has no effect; did you mean seed?",
        "shop (kindred.toml) is no setting and has no effect",
        "KINDRED_GRAPH_PASSWRD (.env) is no setting and has no effect; did you mean KINDRED_GRAPH_PASSWORD?",
        "KINDRED_DEVIC (environment) is no setting and has no effect; did you mean KINDRED_DEVICE?",
    ]


@pytest.mark.parametrize("name", [".env", "kindred.toml"])
def test_a_file_that_is_no_text_is_a_settings_error(empty_folder: Path, name: str) -> None:
    (empty_folder / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings()


def test_broken_toml_is_a_settings_error(empty_folder: Path) -> None:
    (empty_folder / "kindred.toml").write_text("seed = = 1\n")
    with pytest.raises(SettingsError, match=r"kindred\.toml"):
        load_settings()


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINDRED_GRAPH_PASSWORD", "hunter2")
    assert "hunter2" not in repr(load_settings()) + str(load_settings().graph_password)
