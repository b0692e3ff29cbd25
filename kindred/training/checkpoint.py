"""Checkpoints: a safetensors file and a JSON manifest that names it.

The manifest comes last and in one piece, so a reader finds a whole checkpoint or none, whenever the writer was killed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from kindred.domain.errors import ArtifactError
from kindred.files import error_of_disk, part_folder, put_in_place, read_with_hash, remedy, write_with_hash

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
_TENSORS = re.compile(r"(.+)-[0-9a-f]{16}\.safetensors")


def write_checkpoint(folder: Path, name: str, tensors: Mapping[str, Tensor], manifest: Mapping[str, Any]) -> None:
    """Writes `<name>.json` and the tensors it names, in place of an older checkpoint of that name.

    Args:
        folder: made if it is not there.
        name: of the checkpoint.
        tensors: moved to the CPU and copied where they share memory.
        manifest: what the tensors are; JSON-able.
    """
    from safetensors.torch import save_file

    apart = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()}
    _write_whole(folder, name, partial(save_file, apart), manifest)


def write_arrays(folder: Path, name: str, arrays: Mapping[str, NDArray[Any]], manifest: Mapping[str, Any]) -> None:
    """The same of numpy arrays; neither this nor `read_arrays` imports PyTorch."""
    from safetensors.numpy import save_file

    lying = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    _write_whole(folder, name, partial(save_file, lying), manifest)


def _write_whole(folder: Path, name: str, save: Callable[[Path], None], manifest: Mapping[str, Any]) -> None:
    """The tensors go to the disk from where they lie: a copy of all, in the bytes of a file, can be most of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    with part_folder(folder) as part:
        try:
            save(part / name)
        except SafetensorError as error:
            raise error_of_disk(error, folder / name) from error
        with (part / name).open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        file = f"{name}-{digest[:16]}.safetensors"
        (part / name).chmod(folder.stat().st_mode & 0o666)  # the library lets only the owner read
        put_in_place(part / name, folder / file)
    whole = {"format": FORMAT, "tensors": file, "sha256": digest, "manifest": dict(manifest)}
    write_with_hash(folder / f"{name}.json", whole)
    for old in files_of(folder, name):
        if old.name not in (file, f"{name}.json"):
            old.unlink(missing_ok=True)


def files_of(folder: Path, name: str) -> list[Path]:
    """The files of the checkpoint of that name, also of earlier ones that a kill left behind."""
    return [path for of in (".json", f"-{'[0-9a-f]' * 16}.safetensors") for path in folder.glob(f"{name}{of}")]


def files_below(folder: Path) -> list[Path]:
    """The files of every checkpoint in a folder and those below it."""
    found = ((path.parent, _TENSORS.fullmatch(path.name)) for path in folder.rglob("*.safetensors"))
    return [
        path
        for parent, name in {(parent, name[1]) for parent, name in found if name}
        for path in files_of(parent, name)
    ]


def has_checkpoint(folder: Path, name: str) -> bool:
    """Whether there is a checkpoint of that name."""
    return (folder / f"{name}.json").exists()


def read_checkpoint(folder: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors, on the CPU, and manifest of the checkpoint.

    Raises:
        ArtifactError: there is none, it is damaged, or it is of another format.
    """
    from safetensors.torch import load

    content, manifest, path = _read_whole(folder, name)
    try:
        return load(content), manifest
    except SafetensorError as error:
        raise ArtifactError(f"{path} can't be read: {error}", "train again") from error


def read_arrays(folder: Path, name: str, again: str = "train again") -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The same as numpy arrays; `again` says how to have one that is damaged written anew.

    Raises:
        ArtifactError: there is none, it is damaged, or it is of another format.
    """
    from safetensors.numpy import load

    content, manifest, path = _read_whole(folder, name, again)
    try:
        return load(content), manifest
    except SafetensorError as error:
        raise ArtifactError(f"{path} can't be read: {error}", again) from error


def _read_whole(folder: Path, name: str, again: str = "train again") -> tuple[bytes, dict[str, Any], Path]:
    """Content and manifest of a checkpoint, its hash checked, and the path of its tensors."""
    path = folder / f"{name}.json"
    try:
        whole = read_with_hash(path)
        if whole["format"] != FORMAT:
            raise ArtifactError(f"{path} has format {whole['format']}, this version reads {FORMAT}", again)
        tensors = folder / whole["tensors"]
        content, manifest = tensors.read_bytes(), whole["manifest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is missing or damaged: {error}", remedy(error, again)) from error
    if hashlib.sha256(content).hexdigest() != whole["sha256"]:
        raise ArtifactError(f"{tensors} is not the file that {path} was written with", again)
    return content, manifest, tensors
