"""HeteroData in a folder and back: safetensors and JSON, never pickle, so a file from a stranger can't run code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.gnn.hetero_data import REVERSE_PREFIX, reverse_of

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

TENSORS, IDS = "tensors.safetensors", "ids.json"
_SEPARATOR = "|"  # between the parts of a tensor's name: `User|REVIEWED|Product|rating`


def write_hetero_data(data: HeteroData, ids: dict[str, IdMap], folder: Path) -> None:
    """Writes `tensors.safetensors` and `ids.json` into the folder; the ids come last, and without them nothing reads
    back.

    Reverse edge types are derived when reading, not stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / IDS).unlink(missing_ok=True)
    tensors = {}
    for label in data.node_types:
        for name, value in data[label].items():
            if isinstance(value, torch.Tensor):
                tensors[_SEPARATOR.join([label, name])] = value.contiguous()
    for triple in data.edge_types:
        if not triple[1].startswith(REVERSE_PREFIX):
            for name, value in data[triple].items():
                tensors[_SEPARATOR.join([*triple, name])] = value.contiguous()
    save_file(tensors, folder / TENSORS)
    (folder / IDS).write_text(json.dumps({label: ids[label].ids for label in data.node_types}, ensure_ascii=False))


def read_back(folder: Path) -> tuple[HeteroData, dict[str, IdMap]]:
    """What `write_hetero_data` wrote.

    Raises:
        ArtifactError: the folder holds no whole export.
    """
    try:
        ids = {label: IdMap(names) for label, names in json.loads((folder / IDS).read_text()).items()}
        tensors = load_file(folder / TENSORS)
    except (OSError, json.JSONDecodeError, SafetensorError) as error:
        raise ArtifactError(f"{folder} holds no whole export: {error}", "export it again") from error
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for label, names in ids.items():
        data[label].num_nodes = len(names)
    for key in sorted(tensors):
        *type_parts, name = key.split(_SEPARATOR)
        if len(type_parts) == 1:
            data[type_parts[0]][name] = tensors[key]
            continue
        triple = (type_parts[0], type_parts[1], type_parts[2])
        data[triple][name] = tensors[key]
        data[reverse_of(triple)][name] = tensors[key].flip(0) if name == "edge_index" else tensors[key]
    return data, ids
