"""Runs the exported encoder of new users with ONNX Runtime; imports no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kindred.domain.errors import ArtifactError, SettingsError, install_hint
from kindred.domain.interactions import FloatArray, IntArray
from kindred.files import read_with_hash, remedy, write_with_hash

EXTRA = "onnx"
MODEL_FILE, NOTE_FILE = "encoder.onnx", "encoder.json"
SHAPE_OF_USERS, NEW, NEIGHBOUR = "users", "new", "neighbour"


@dataclass(frozen=True)
class ColumnInput:
    """An attribute of events that the file reads, as `name` and `has_<name>`.

    Attributes:
        name: of the attribute.
        kind: `number`, `time` or `vector`.
        width: of a vector; 0 else.
    """

    name: str
    kind: str
    width: int


class OnnxEncoder:
    """The encoder of a file.

    Args:
        model: what the file holds.
        columns: what it reads of events.
        name: what an error calls it.
        again: what its error says to do.

    Raises:
        ArtifactError: this version of ONNX Runtime can't run it.
        SettingsError: ONNX Runtime is not installed.
    """

    def __init__(
        self,
        model: bytes,
        columns: Sequence[ColumnInput],
        name: str = MODEL_FILE,
        again: str = "export it again with `kindred export onnx`",
    ) -> None:
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as refused
        except ImportError as error:
            raise SettingsError("onnxruntime is missing", f"run `{install_hint(EXTRA)}`") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        unfit = (refused.Fail, refused.InvalidArgument, refused.InvalidGraph, refused.InvalidProtobuf)
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except (*unfit, refused.NotImplemented, refused.RuntimeException) as error:
            raise ArtifactError(f"ONNX Runtime {onnxruntime.__version__} can't run {name}: {error}", again) from error
        self._columns = columns

    def encode(
        self, user_index: IntArray, item_index: IntArray, columns: Mapping[str, NDArray[Any]], num_users: int
    ) -> FloatArray:
        """Ranking vectors of users from these events alone, `[num_users, dim]`.

        One more user with one more event goes along and is left out again: some runtimes fail on tables without rows.

        Args:
            user_index: of each event, `[num_events]`.
            item_index: position of its item in the training, or one more than the last for one that was not there.
            columns: attributes of the events.
            num_users: how many users there are.
        """
        num_events = len(user_index)
        feeds = {
            SHAPE_OF_USERS: np.zeros(num_users + 1, np.float32),
            NEW: np.append(user_index, num_users).astype(np.int64),
            NEIGHBOUR: np.append(item_index, 0).astype(np.int64),
        }
        for column in self._columns:
            values, known = _filled(column, columns, num_events)
            feeds[column.name], feeds[f"has_{column.name}"] = values, known
        wanted = {found.name for found in self._session.get_inputs()}
        rows: FloatArray = self._session.run(None, {name: feeds[name] for name in wanted})[0]
        return rows[:num_users]


def _filled(
    column: ColumnInput, columns: Mapping[str, NDArray[Any]], num_events: int
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values and mask of one column, and a row that is missing."""
    shape = (num_events + 1, column.width) if column.width else (num_events + 1,)
    values = np.zeros(shape, np.int64 if column.kind == "time" else np.float32)
    known = np.zeros(num_events + 1, np.bool_)
    given = columns.get(column.name)
    if given is not None:
        values[:num_events] = given
        mask = columns.get(f"has_{column.name}")
        if mask is None:
            known[:num_events] = given.any(axis=1) if column.kind == "vector" else True
        else:
            known[:num_events] = mask
    return values, known


def write_note(folder: Path, model: Path, columns: Sequence[ColumnInput]) -> None:
    """Notes what a file reads, and its hash; it counts from then on."""
    noted = {"columns": [asdict(column) for column in columns], "sha256": sha256(model.read_bytes()).hexdigest()}
    write_with_hash(folder / NOTE_FILE, noted)


def has_encoder(folder: Path) -> bool:
    """Whether a run has an exported encoder."""
    return (folder / NOTE_FILE).exists()


def can_run() -> bool:
    """Whether ONNX Runtime is installed; where not, PyTorch encodes."""
    return find_spec("onnxruntime") is not None


def load_encoder(folder: Path) -> OnnxEncoder:
    """The exported encoder of a run.

    Raises:
        ArtifactError: it is not what was exported.
        SettingsError: ONNX Runtime is not installed.
    """
    model, columns = read_exported(folder)
    return OnnxEncoder(model, columns, str(folder / MODEL_FILE), _again(folder))


def read_exported(folder: Path) -> tuple[bytes, list[ColumnInput]]:
    """The exported file of a run, and what it reads. Raises: ArtifactError where it is not what was exported."""
    path, reading, again = folder / MODEL_FILE, folder / NOTE_FILE, _again(folder)
    try:
        noted = read_with_hash(reading)
        columns = [ColumnInput(**column) for column in noted["columns"]]
        reading, hashed = path, noted["sha256"]
        model = path.read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{reading} can't be read: {error}", remedy(error, again)) from error
    if sha256(model).hexdigest() != hashed:
        raise ArtifactError(f"{path} is not what was exported", again)
    return model, columns


def _again(folder: Path) -> str:
    return f"export it again with `kindred export onnx --system {folder.parent.name} --run {folder.name}`"
