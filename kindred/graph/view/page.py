"""A view as one HTML page: no request leaves it, and nothing that it shows can run."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from html import escape
from importlib import resources
from pathlib import PurePath
from typing import Any

from kindred.domain.properties import PropertyKind
from kindred.domain.schema import Property, Table
from kindred.domain.shown import counted
from kindred.graph.store import Scalar
from kindred.graph.view.neighbourhood import NodeKey, View, ViewEdge, ViewNode

TEXT_CHARACTERS = 900  # of one value in the page; engines give at least 1,000 of a text
CELL_CHARACTERS = 160  # of one value in the tables
CAPTION_CHARACTERS = 200  # the drawing shortens further
NAME_CHARACTERS = 80  # of a node in the table of edges, where it stands once an edge

# Each has a contrast of 3 : 1 or more with the page's light and dark background, as WCAG 2.2 asks of graphics.
COLOURS = {
    "User": "#3f7fd0",
    "Product": "#c96a1f",
    "Category": "#7a8a2a",
    "Brand": "#a0743c",
    "Query": "#9a68cf",
    "Track": "#2c8f87",
    "Artist": "#cf4f8a",
    "Genre": "#5a8f3c",
    "Tag": "#b57f12",
    "Post": "#d2524a",
    "Topic": "#6f7fa8",
    "Item": "#8e7cc3",
}
OTHER_COLOUR = "#7d8590"
LIGHT_BACKGROUND, DARK_BACKGROUND = "#fbfaf8", "#14171c"

_SCRIPTS = ("cytoscape.min.js", "model.js", "layout.js", "view.js")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CAPTIONS = ("title", "name", "text")  # the first that a node has; its id where it has none
_WEIGHTS = ("rating", "count", "plays")  # what an edge's width says


def page_of(view: View) -> str:
    """The page that shows the view."""
    style, scripts = _asset("view.css"), [_asset(name) for name in _SCRIPTS]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_source, scripts))}; style-src {_source(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    parts = view_parts(view) | {
        "policy": policy,
        "style": style,
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    # One pass: a placeholder's look-alike inside the data stays text.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _asset("page.html"))


def view_parts(view: View) -> dict[str, str]:
    """What is of this view in a page: title, middle, summary, tables and data, all of it safe in HTML."""
    middle = view.nodes[0]
    return {
        "title": escape(f"{_caption(middle)} · {middle.type.label}"),
        "middle": escape(_caption(middle)),
        "summary": escape(_summary(view)),
        "tables": _node_table(view) + _edge_table(view),
        "data": _script_json(_page_data(view)),
    }


def shown_properties(node: ViewNode) -> dict[str, str]:
    """Properties of a node as people read them, the id left out."""
    return _shown(node.type, node.properties)


@cache
def _asset(name: str) -> str:
    return resources.files("kindred.graph.view").joinpath(name).read_text("utf-8")


def _source(code: str) -> str:
    """What a content security policy calls this very script or style, and no other."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


def _script_json(value: object) -> str:
    """JSON that can stand in a script element: none of its characters means anything to HTML."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _page_data(view: View) -> dict[str, object]:
    positions = {node.key: position for position, node in enumerate(view.nodes)}
    labels = sorted({node.type.label for node in view.nodes})
    return {
        "colours": {label: COLOURS.get(label, OTHER_COLOUR) for label in labels},
        "nodes": [_node_data(node) for node in view.nodes],
        "edges": [_edge_data(edges, positions) for edges in _by_pair(view.edges)],
    }


def _node_data(node: ViewNode) -> dict[str, object]:
    return {
        "label": node.type.label,
        "id": node.id,
        "hops": node.hops,
        "caption": _caption(node),
        "properties": _shown(node.type, node.properties),
    }


def _by_pair(edges: Sequence[ViewEdge]) -> Iterator[list[ViewEdge]]:
    """The edges of one type between the same two nodes, oldest first; each is drawn once, with their number."""
    pairs: dict[tuple[str, NodeKey, NodeKey], list[ViewEdge]] = {}
    for edge in edges:
        pairs.setdefault((edge.type.type, edge.source, edge.target), []).append(edge)
    yield from (sorted(pair, key=_at) for pair in pairs.values())


def _at(edge: ViewEdge) -> int:
    at = edge.properties.get("at")
    return at if isinstance(at, int) else 0


def _edge_data(edges: Sequence[ViewEdge], positions: dict[NodeKey, int]) -> dict[str, object]:
    """One line of the drawing: the newest of the edges, and how many there are since when."""
    edge, shown = edges[-1], _shown(edges[-1].type, edges[-1].properties)
    if len(edges) > 1:
        first = _shown(edges[0].type, edges[0].properties).get("at")
        shown = {"times": f"{len(edges):,}"} | ({"first at": first} if first else {}) | shown
    return {
        "type": edge.type.type,
        "source": positions[edge.source],
        "target": positions[edge.target],
        "width": max(_width(edge), _steps(len(edges)) if len(edges) > 1 else 0.0),
        "times": len(edges),
        "properties": shown,
    }


def _caption(node: ViewNode) -> str:
    named = (str(node.properties[name]) for name in _CAPTIONS if node.properties.get(name))
    return _shortened(" ".join(next(named, node.id).split()), CAPTION_CHARACTERS, "…")


def _width(edge: ViewEdge) -> float:
    """Pixels: stars as they are, counts by their logarithm."""
    for name in _WEIGHTS:
        value = edge.properties.get(name)
        if isinstance(value, int | float):
            return round(0.6 + 0.7 * min(value, 6.0), 2) if name == "rating" else _steps(value)
    return 1.5


def _steps(count: float) -> float:
    return round(0.6 + 0.7 * min(1 + math.log2(max(count, 1)), 6.0), 2)


def _shown(table: Table, properties: Mapping[str, Scalar]) -> dict[str, str]:
    """Each property as people read it, in the order of the schema; ids are shown elsewhere."""
    named = [p for p in table.properties if p.name != "id" and properties.get(p.name) not in (None, "")]
    return {p.name: _shortened(_readable(p, properties[p.name]), TEXT_CHARACTERS) for p in named}


def _readable(prop: Property, value: Scalar) -> str:
    if prop.kind is PropertyKind.TIMESTAMP and isinstance(value, int):
        at = _EPOCH + timedelta(seconds=value)
        return f"{at:%Y-%m-%d}" if value % 86_400 == 0 else f"{at:%Y-%m-%d %H:%M:%S} UTC"
    if prop.name in _IN_WORDS:
        return _IN_WORDS[prop.name](value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:,g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _playing_time(seconds: float) -> str:
    """Minutes and seconds, hours too where there are any: 5:09 min, 1:02:03 h."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours}:{left:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


_IN_WORDS: Mapping[str, Callable[[Any], str]] = {
    "duration": _playing_time,
    "price": "{:,.2f}".format,
    "share": _percent,
    "probability": _percent,
    "frames": lambda path: PurePath(path).name,  # where it lies is no business of who reads the page
}
"""How values are read that are something else than plain ones; the currency of a price is not known."""


def _shortened(text: str, characters: int, note: str = "… (shortened)") -> str:
    return text if len(text) <= characters else text[:characters] + note


def _summary(view: View) -> str:
    size = f"{counted(len(view.nodes), 'node', 'nodes')}, {counted(len(view.edges), 'edge', 'edges')}"
    text = f"{view.nodes[0].type.label} · {size}"
    if view.num_left_out:
        text += f"; {counted(view.num_left_out, 'more node was', 'more nodes were')} left out"
    return f"{text}; {partly_read(view)}" if view.num_partly_read else text


def partly_read(view: View) -> str:
    """Says of how many nodes not every edge was read, and which were."""
    nodes = "one node has" if view.num_partly_read == 1 else f"{view.num_partly_read:,} nodes have"
    return f"{nodes} more edges than were read, the newest {view.num_edges_read:,} of a type"


def _node_table(view: View) -> str:
    rows = [
        (node.type.label, _caption(node), node.id, str(node.hops), _listed(_shown(node.type, node.properties)))
        for node in view.nodes
    ]
    return _table("Nodes", ("label", "name", "id", "hops", "properties"), rows)


def _edge_table(view: View) -> str:
    captions = {node.key: _shortened(_caption(node), NAME_CHARACTERS, "…") for node in view.nodes}
    rows = [
        (captions[e.source], e.type.type, captions[e.target], _listed(_shown(e.type, e.properties))) for e in view.edges
    ]
    return _table("Edges", ("from", "type", "to", "properties"), rows)


def _listed(shown: Mapping[str, str]) -> str:
    return " · ".join(f"{name}: {_shortened(value, CELL_CHARACTERS)}" for name, value in shown.items())


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    lines = ("".join(f'<td dir="auto">{escape(cell)}</td>' for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    table = f"<table><caption>{title}</caption><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{title}, as a table">{table}</div>\n'
