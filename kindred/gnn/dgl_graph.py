"""HeteroData as a DGL heterograph, for those whose models are written in DGL.

DGL is no longer maintained: 1.1.3, on Python 3.11, is the last that runs beside this PyTorch. Nothing else in Kindred
needs it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from kindred.domain.errors import RecordError, SettingsError, StoreError, install_hint
from kindred.files import whole_file

if TYPE_CHECKING:
    import dgl
    from torch_geometric.data import HeteroData


def to_dgl(data: HeteroData) -> dgl.DGLGraph:
    """The same graph in DGL: equal types, order of nodes and edges, and tensors; the tensors are shared.

    Raises:
        SettingsError: DGL is not installed.
    """
    dgl = _dgl()
    edges = {triple: tuple(data[triple].edge_index) for triple in data.edge_types}
    graph = dgl.heterograph(edges, {label: data[label].num_nodes for label in data.node_types})
    for label in data.node_types:
        graph.nodes[label].data.update(_tensors(data[label]))
    for triple in data.edge_types:
        graph.edges[triple].data.update(_tensors(data[triple]))
    return graph


def write_dgl(data: HeteroData, path: Path) -> None:
    """Writes the graph in DGL's own binary format (no pickle), for `dgl.load_graphs`; booleans become 0 and 1 there.

    Raises:
        SettingsError: DGL is not installed.
        RecordError: there is no edge: DGL has no such graph.
        StoreError: the file can't be written.
    """
    dgl = _dgl()
    if not data.edge_types:
        raise RecordError("a graph without edges can't be written for DGL", "load events first: `kindred ingest`")
    with whole_file(path) as part:
        try:
            dgl.save_graphs(str(part), [to_dgl(data)])
        except dgl.DGLError as error:
            raise StoreError(f"can't write {path}", "free space, or name another file") from error


def _tensors(properties: Mapping[str, object]) -> dict[str, torch.Tensor]:
    tensors = {name: value for name, value in properties.items() if isinstance(value, torch.Tensor)}
    return {name: tensor for name, tensor in tensors.items() if name != "edge_index"}


def _dgl() -> Any:
    os.environ.setdefault("DGLBACKEND", "pytorch")  # else it writes a file into the home folder
    try:
        import dgl
    except ImportError as missing:
        raise SettingsError(f"DGL can't be imported: {missing}", f"on Python 3.11: {install_hint('dgl')}") from missing
    return dgl
