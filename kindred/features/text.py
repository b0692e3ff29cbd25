"""Texts to vectors: the bundled MiniLM or another sentence encoder, each distinct text encoded once.

Nothing heavy is imported until the first text comes; no network is loaded until one comes that the cache lacks.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray

from kindred.devices import choose_device, has_bfloat16
from kindred.domain.embeddings import TextEncoder
from kindred.domain.errors import SettingsError, install_hint
from kindred.domain.parts import PartMap, in_turn
from kindred.domain.progress import Progress, silent, told_on_interrupt
from kindred.features.cache import KEY_BYTES, VectorCache
from kindred.features.weights import (
    BUNDLED_NAME,
    OPENVINO,
    bert_shape,
    bundled_folder,
    check_named,
    file_sha256,
    verify_bundled,
)

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

# A kill loses at most this many encoded texts.
_TEXTS_PER_CHUNK = 2_048

Vectors16 = NDArray[np.float16]


class _Network(Protocol):
    def encode(self, texts: Sequence[str]) -> Vectors16:
        """Vectors of length 1, one a text."""


@dataclass(frozen=True)
class _Placed:
    """An encoder on its device, not loaded yet. `fingerprint` covers all that a vector depends on but the text."""

    fingerprint: str
    load: Callable[[], _Network]


@dataclass(frozen=True)
class _Model:
    """An encoder before its device is looked for, which takes PyTorch."""

    name: str
    dimension: int
    place: Callable[[], _Placed]


def open_text_encoder(
    name_or_folder: str = "",
    device: str = "auto",
    cache_folder: Path | None = None,
    progress: Progress = silent,
    parts: PartMap = in_turn,
) -> TextEncoder:
    """The text encoder, ready to use: PyTorch is loaded with the first text, the network with the first new one.

    Args:
        name_or_folder: a sentence-transformers model by name or folder; empty for the bundled all-MiniLM-L6-v2.
            `openvino:` before it has the network compiled by OpenVINO (CPU, plain BERT models).
        device: `auto`, `cpu` or `cuda`.
        cache_folder: where vectors are kept by content; None keeps none.
        progress: told of the texts that had to be encoded, as stage "encode texts".
        parts: who encodes; whoever it is, the vectors are kept here.

    Raises:
        SettingsError: no such model, or no such device.
        ArtifactError: the bundled model is not the genuine one.
    """
    check_named(name_or_folder)
    if device not in ("auto", "cpu"):
        choose_device(device)
    model = _find_model(name_or_folder, device, cache_folder)

    @cache
    def opened() -> _Encoding:
        placed = model.place()
        stored = None if cache_folder is None else VectorCache(cache_folder / placed.fingerprint[:24], model.dimension)
        load = cache(placed.load)

        def work(chunks: Iterable[list[str]]) -> Iterator[Vectors16]:
            if parts is in_turn:
                return (load().encode(chunk) for chunk in chunks)
            return parts(_encode_chunk, _Named(name_or_folder, device), chunks)

        return _Encoding(work, stored, progress)

    def encode(texts: Sequence[str]) -> Vectors16:
        return _encode(texts, model.dimension, opened())

    return TextEncoder(model.name, model.dimension, encode)


@dataclass(frozen=True)
class _Named:
    """Which encoder another process is to load, and onto which device."""

    name_or_folder: str
    device: str


@cache
def _network_of(named: _Named) -> _Network:
    """The network of this process, loaded once."""
    return _find_model(named.name_or_folder, named.device, None).place().load()


def _encode_chunk(named: _Named, texts: Sequence[str]) -> Vectors16:
    return _network_of(named).encode(texts)


@dataclass(frozen=True)
class _Encoding:
    """How texts become vectors: who encodes chunks of them, where vectors are kept, and who is told."""

    work: Callable[[Iterable[list[str]]], Iterator[Vectors16]]
    stored: VectorCache | None
    progress: Progress


def _encode(texts: Sequence[str], dimension: int, encoding: _Encoding) -> Vectors16:
    """Vectors `[num_texts, dimension]`: empty texts zero, the others looked up, what is left encoded."""
    rows_of: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        rows_of.setdefault(_clean(text), []).append(row)
    rows_of.pop("", None)
    vectors = np.zeros((len(texts), dimension), np.float16)
    missing = list(rows_of)
    if encoding.stored is not None:
        found, cached = encoding.stored.find([_key(text) for text in missing])
        for position, vector in zip(found, cached, strict=True):
            vectors[rows_of[missing[position]]] = vector
        is_found = set(found.tolist())
        missing = [text for position, text in enumerate(missing) if position not in is_found]
    for chunk, encoded in _encode_missing(missing, encoding):
        for text, vector in zip(chunk, encoded, strict=True):
            vectors[rows_of[text]] = vector
    return vectors


def _encode_missing(texts: list[str], encoding: _Encoding) -> Iterator[tuple[list[str], Vectors16]]:
    """Chunks of the texts with their vectors, kept as they come; sorted by length, because padding is wasted work."""
    if not texts:
        return
    texts.sort(key=len, reverse=True)
    encoding.progress("encode texts", 0, len(texts))
    done = 0
    with told_on_interrupt(lambda: f"{done if encoding.stored else 0:,} of {len(texts):,} texts are encoded and kept"):
        chunks = [texts[start : start + _TEXTS_PER_CHUNK] for start in range(0, len(texts), _TEXTS_PER_CHUNK)]
        for chunk, vectors in zip(chunks, encoding.work(chunks), strict=True):
            if encoding.stored is not None:
                encoding.stored.add([_key(text) for text in chunk], vectors)
            done += len(chunk)
            encoding.progress("encode texts", done, len(texts))
            yield chunk, vectors


def _clean(text: str) -> str:
    """The text in one Unicode form, so that equal texts are equal strings; empty where it is only blanks."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode().strip()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:KEY_BYTES]


def precision(device: torch.device) -> torch.dtype:
    """The number type that encodes fastest without moving a vector by more than 1e-4 of cosine.

    A CPU without bf16 instructions emulates them, several times slower than float32.
    """
    import torch

    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if has_bfloat16(device) else torch.float32


def _find_model(name_or_folder: str, device: str, cache_folder: Path | None) -> _Model:
    if name_or_folder.startswith(OPENVINO):
        return _openvino_model(name_or_folder.removeprefix(OPENVINO), cache_folder)
    if not name_or_folder:
        folder = bundled_folder()
        verify_bundled(file_sha256(folder / "model.safetensors", cache_folder))
        return _bert_model(folder, BUNDLED_NAME, device, cache_folder) or _sentence_model(str(folder), device)
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        plain = _bert_model(folder, folder.resolve().name, device, cache_folder)
        return plain or _sentence_model(str(folder), device)
    return _sentence_model(name_or_folder, device)


def _bert_model(folder: Path, name: str, device: str, cache_folder: Path | None) -> _Model | None:
    """The model, where its folder holds a network that `bert.py` computes."""
    shape = bert_shape(folder)
    if shape is None:
        return None
    weights = file_sha256(folder / "model.safetensors", cache_folder)
    tokenizer = file_sha256(folder / "tokenizer.json", cache_folder)

    def place() -> _Placed:
        where = choose_device(device)
        dtype = precision(where)

        def load() -> _Network:
            from kindred.features.bert import BertEncoder

            return BertEncoder(folder, shape, where, dtype)

        return _Placed(_fingerprint(weights, tokenizer, shape.max_length, str(dtype)), load)

    return _Model(f"{name}@{weights[:12]}", shape.hidden_size, place)


def _openvino_model(folder_name: str, cache_folder: Path | None) -> _Model:
    """A plain BERT compiled by OpenVINO. Raises SettingsError where that is not installed, or the model another."""
    if find_spec("openvino") is None:
        raise SettingsError("openvino is not installed", f"run `{install_hint('openvino')}`")
    folder = Path(folder_name).expanduser() if folder_name else bundled_folder()
    plain = _find_model(folder_name, "cpu", cache_folder) if folder.is_dir() else None
    shape = bert_shape(folder)
    if plain is None or shape is None:
        raise SettingsError(f"no plain BERT encoder in folder {folder_name!r}", f"leave {OPENVINO!r} away")

    def place() -> _Placed:
        import torch

        def load() -> _Network:
            from kindred.features.bert import BertEncoder
            from kindred.features.openvino_bert import OpenVinoEncoder

            device = torch.device("cpu")
            return OpenVinoEncoder(BertEncoder(folder, shape, device, torch.float32), precision(device))

        return _Placed(_fingerprint(plain.place().fingerprint, "", None, "openvino"), load)

    return replace(plain, place=place)


def _fingerprint(weights: str, tokenizer: str, max_length: int | None, arithmetic: str) -> str:
    """Digest of what a vector depends on.

    The arithmetic is part of it, though bf16 moves a vector by 1e-4 of cosine only: a cache that travels to another
    machine must not make results depend on which of the two encoded a text.
    """
    return hashlib.sha256(f"{weights} {tokenizer} {max_length} {arithmetic}".encode()).hexdigest()


def _sentence_model(name: str, device_name: str) -> _Model:
    """Any other model, through sentence-transformers, which has to load it to know its name.

    Raises:
        SettingsError: the model is neither in the local cache nor to be had from its hub.
    """
    device = choose_device(device_name)
    dtype = precision(device)
    network = load_sentence_transformer(name, device, dtype)
    digest = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    backend = getattr(network.tokenizer, "backend_tokenizer", None)
    tokenizer = hashlib.sha256((backend.to_str() if backend else name).encode()).hexdigest()
    fingerprint = _fingerprint(digest.hexdigest(), tokenizer, network.get_max_seq_length(), str(dtype))
    short = Path(name).resolve().name if Path(name).is_dir() else name
    dimension = int(network.encode(["length?"], show_progress_bar=False).shape[1])
    placed = _Placed(fingerprint, lambda: _SentenceNetwork(network))
    return _Model(f"{short}@{digest.hexdigest()[:12]}", dimension, lambda: placed)


def load_sentence_transformer(name: str, device: torch.device, dtype: torch.dtype) -> SentenceTransformer:
    """The model from its folder or the local cache; from its hub only where it is in neither."""
    from huggingface_hub import constants
    from sentence_transformers import SentenceTransformer

    options = {"dtype": dtype}
    try:
        try:
            return SentenceTransformer(name, device=str(device), model_kwargs=options, local_files_only=True)
        except (OSError, ValueError):
            if Path(name).is_dir() or constants.HF_HUB_OFFLINE:
                raise
            _reach(constants.ENDPOINT)
            return SentenceTransformer(name, device=str(device), model_kwargs=options)
    except (OSError, ValueError, RuntimeError) as error:
        raise SettingsError(
            f"text encoder {name!r} can't be loaded from here or from its hub: {str(error).strip().splitlines()[0]}",
            "give a model's folder, or its name while the network is up; unset KINDRED_ENCODER for the bundled one",
        ) from error


def _reach(address: str) -> None:
    """Asks the hub once, because its own client would try for over a minute. Raises OSError where no one answers."""
    try:
        urlopen(address, timeout=10).close()
    except HTTPError:
        return  # whatever it says, it is there


@dataclass(frozen=True)
class _SentenceNetwork:
    network: SentenceTransformer

    def encode(self, texts: Sequence[str]) -> Vectors16:
        """Vectors of length 1, one a text."""
        vectors = self.network.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float16)
