from __future__ import annotations

from pathlib import Path

import pytest

from kindred.domain.errors import SettingsError
from kindred.recommenders.config import read_model_config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"gnn": {"epoch": 3}}', "gnn.epoch is not known; did you mean epochs?"),
        ('{"txt": true}', "txt is not known; did you mean text?"),
        ('{"gnn": {"epochs": "many"}}', "gnn.epochs must be a whole number"),
        ('{"model": "magic"}', "model must be 'gnn', "),
        ("{", "the file is no JSON: EOF"),
        ("[]", "the file must be a table of names and values"),
    ],
)
def test_a_refused_file_is_told_in_plain_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(SettingsError) as raised:
        read_model_config(path)
    assert raised.value.message.startswith(f"{path}: {words}")
