"""HeteroData in a folder and back: safetensors and JSON, never pickle, so a file from a stranger can't run code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from kindred.domain.errors import ArtifactError
from kindred.domain.ids import IdMap
from kindred.files import error_of_disk
from kindred.gnn.graph_arrays import IDS, SEPARATOR, TENSORS, Triple
from kindred.gnn.hetero_data import REVERSE_PREFIX, reverse_of
from kindred.gnn.layer_input import layer_input

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


def _named_tensors(data: HeteroData) -> dict[str, torch.Tensor]:
    tensors = {}
    for label in data.node_types:
        for name, value in data[label].items():
            if isinstance(value, torch.Tensor):
                tensors[SEPARATOR.join([label, name])] = value.contiguous()
    for triple in data.edge_types:
        if not triple[1].startswith(REVERSE_PREFIX):
            for name, value in data[triple].items():
                tensors[SEPARATOR.join([*triple, name])] = value.contiguous()
    return tensors


def write_tensors(data: HeteroData, path: Path) -> None:
    """Writes the tensors alone, to be read by whoever may look into the folder; a full disk is an OSError."""
    try:
        save_file(_named_tensors(data), path)
    except SafetensorError as error:
        raise error_of_disk(error, path) from error
    path.chmod(path.parent.stat().st_mode & 0o666)  # the library lets only the owner read


def read_back(folder: Path | str) -> tuple[HeteroData, dict[str, IdMap]]:
    """The graph that `kindred graph export` wrote, ready for the layers and loaders of PyTorch Geometric.

    Returns:
        HeteroData as `layer_input` makes it, and for each node type the ids of its rows.

    Raises:
        ArtifactError: the folder holds no whole export.
    """
    data, ids = read_export(Path(folder))
    ready = layer_input(data)
    return ready, {label: ids[label] for label in ready.node_types}


def read_export(folder: Path) -> tuple[HeteroData, dict[str, IdMap]]:
    """What `read_hetero_data` makes of the graph that was exported, equal in every type, name and tensor.

    Raises:
        ArtifactError: the folder holds no whole export.
    """
    try:
        ids = {label: IdMap(names) for label, names in json.loads((folder / IDS).read_text("utf-8")).items()}
        return read_tensors(folder / TENSORS, {label: len(names) for label, names in ids.items()}), ids
    except (OSError, ValueError, SafetensorError) as error:
        raise ArtifactError(f"{folder} holds no whole export: {error}", "export it again") from error


def read_tensors(path: Path, num_nodes: Mapping[str, int], edge_types: Iterable[Triple] = ()) -> HeteroData:
    """What `write_tensors` was given, memory-mapped.

    Args:
        path: of the file.
        num_nodes: of each node type.
        edge_types: the order that they shall have; that of their names where none are given.

    Raises:
        OSError: the file can't be read.
        SafetensorError: it holds something else.
    """
    from torch_geometric.data import HeteroData

    tensors = load_file(path)
    data = HeteroData()
    for label, number in num_nodes.items():
        data[label].num_nodes = number
    for triple in edge_types:
        _ = data[triple]  # is there from now on
    for key in sorted(tensors):
        *type_parts, name = key.split(SEPARATOR)
        if len(type_parts) == 1:
            data[type_parts[0]][name] = tensors[key]
            continue
        triple = (type_parts[0], type_parts[1], type_parts[2])
        data[triple][name] = tensors[key]
        data[reverse_of(triple)][name] = tensors[key].flip(0) if name == "edge_index" else tensors[key]
    return data
