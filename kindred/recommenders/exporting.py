"""A run's encoder of users as an ONNX file, compared with the network it was made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kindred.domain.errors import ArtifactError
from kindred.domain.interactions import Interactions
from kindred.files import whole_file
from kindred.gnn.columns import Column
from kindred.gnn.onnx_encoder import MODEL_FILE, ColumnInput, OnnxEncoder, write_note
from kindred.gnn.onnx_export import export_encoder
from kindred.recommenders.histories import Histories
from kindred.recommenders.learned_part import LearnedPart
from kindred.recommenders.model import load_model
from kindred.recommenders.runs import Run
from kindred.recommenders.system import System

MOST_OFF = 1e-5
_LENGTHS = (0, 1, 2, 50, 10_000)


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        path: the file.
        num_bytes: of it.
        difference: largest of any coordinate of a row from PyTorch's, of users with 0 to 10,000 events.
        is_used: whether it lies in the run's folder, from where it answers from now on.
    """

    path: Path
    num_bytes: int
    difference: float
    is_used: bool


def export_onnx(system: System, run: Run, path: Path | None = None) -> Exported:
    """Writes the encoder to the path; where None, into the run's folder, and it is what encodes users from then on.

    Raises:
        ArtifactError: the run has no graph network, or the file gives other rows than the network.
        SettingsError: a package is missing.
    """
    model = load_model(system, run.folder)
    if model.learned is None:
        raise ArtifactError(f"run {run.name} has no graph network to export", "its rows need no PyTorch as it is")
    target = path or run.folder / MODEL_FILE
    with whole_file(target) as part:
        columns = export_encoder(model.learned.gnn, model.learned.states, part)
        difference = _difference(model.learned, OnnxEncoder(part.read_bytes(), columns), columns, len(model.items))
        if difference > MOST_OFF:
            raise ArtifactError(f"the file gives rows that are {difference:.2g} off", "please report this")
    if path is None:
        write_note(run.folder, target, columns)
    return Exported(target, target.stat().st_size, difference, path is None)


def _difference(learned: LearnedPart, encoder: OnnxEncoder, columns: list[ColumnInput], num_items: int) -> float:
    """The largest difference of a coordinate between both, of users with few events and many."""
    histories = _random_histories(columns, num_items)
    events = histories.events
    positions = np.where(events.item_index < 0, events.num_items, events.item_index)
    rows = encoder.encode(events.user_index, positions, histories.columns, events.num_users)
    return float(np.abs(rows - learned.encode(histories)).max())


def _random_histories(columns: list[ColumnInput], num_items: int) -> Histories:
    """Users with so many events each as `_LENGTHS` says, of known items and unknown ones, some values missing."""
    rng = np.random.default_rng(0)
    num_events = sum(_LENGTHS)
    values: dict[str, Column] = {}
    for column in columns:
        if column.kind == "vector":
            values[column.name] = rng.normal(0, 0.05, (num_events, column.width)).astype(np.float16)
        elif column.kind == "time":
            values[column.name] = rng.integers(0, 2_000_000_000, num_events)
        else:
            values[column.name] = rng.integers(0, 6, num_events).astype(np.float32)
        values[f"has_{column.name}"] = rng.random(num_events) < 0.9
    users = np.repeat(np.arange(len(_LENGTHS)), _LENGTHS)
    items = rng.integers(-1, num_items, num_events)
    return Histories(Interactions(users, items, len(_LENGTHS), num_items), values)
