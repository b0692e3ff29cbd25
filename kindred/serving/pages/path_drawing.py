"""Evidence drawn: the user, what they liked, what leads on, and the item, in four columns or, on a phone, four rows."""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

from kindred.domain.explanation import EvidencePath, Explanation, PathNode

_NODE_LINES = 3
_FILLER = "\N{WORD JOINER}"


@dataclass(frozen=True)
class Card:
    """A node of the drawing, its corner at (x, y)."""

    x: float
    y: float
    width: float
    height: float
    label: str
    lines: tuple[str, ...]
    name: str


@dataclass(frozen=True)
class Edge:
    """A line of the drawing.

    Attributes:
        path: as SVG has it.
        said: what stands on it.
        x, y: where that stands.
        weight: width in pixels.
    """

    path: str
    said: str
    x: float
    y: float
    weight: float


@dataclass(frozen=True)
class Drawing:
    """What an SVG element holds; `is_wide` for windows that have the room."""

    width: float
    height: float
    cards: tuple[Card, ...]
    edges: tuple[Edge, ...]
    is_wide: bool


@dataclass(frozen=True)
class _Size:
    """Of cards and gaps, in pixels, and how many characters a line holds.

    Attributes:
        along: from one stage of a path to the next.
        across: from one path to the next.
    """

    width: float
    height: float
    along: float
    across: float
    characters: int


_WIDE = _Size(width=206, height=78, along=318, across=104, characters=22)
_NARROW = _Size(width=116, height=94, along=146, across=122, characters=12)
_STAGES = 4
_EARLY = (0.297, 0.156)
"""Where a curve is after a quarter of its way, as shares of its width and height."""


def drawing_of(found: Explanation, is_wide: bool) -> Drawing:
    """The paths of an explanation, drawn from left to right or from top to bottom; equal nodes stand once."""
    size = _WIDE if is_wide else _NARROW
    middle = (len(found.paths) - 1) / 2
    placed: dict[tuple[int, str, str], tuple[float, Card]] = {}
    edges: list[Edge] = []
    for row, path in enumerate(found.paths):
        for stage, node in enumerate(path.nodes):
            at = middle if stage in (0, _STAGES - 1) else float(row)
            key = (stage, node.label, node.id)
            if key not in placed:
                placed[key] = at, _card(size, is_wide, stage, at, node, found.user_id)
        cards = [placed[stage, node.label, node.id][1] for stage, node in enumerate(path.nodes)]
        edges += _edges(path, cards, row * size.across + size.width / 2, is_wide)
    cards_drawn = tuple(card for _, card in placed.values())
    width = max(card.x + card.width for card in cards_drawn) + 2
    height = max(card.y + card.height for card in cards_drawn) + 2
    return Drawing(width, height, cards_drawn, _each_once(edges), is_wide)


def _card(size: _Size, is_wide: bool, stage: int, at: float, node: PathNode, user_id: str) -> Card:
    along, across = stage * size.along, at * size.across
    x, y = (along, across) if is_wide else (across, along)
    named = node.title or node.id
    shown = f"you · {node.id}" if stage == 0 and node.id == user_id else named
    lines = _lines(shown, size.characters, _NODE_LINES - 1 if is_wide else _NODE_LINES)
    return Card(x + 2, y + 2, size.width, size.height, node.label, lines, named)


def _lines(text: str, characters: int, at_most: int) -> tuple[str, ...]:
    """The text in lines that a card has room for; a broad letter (W, 傘, an emoji) takes the room of two."""
    padded = "".join(letter + _FILLER if _is_broad(letter) else letter for letter in text)
    lines = textwrap.wrap(padded, characters, max_lines=at_most, placeholder="…") or [padded[:characters]]
    return tuple(line.replace(_FILLER, "") for line in lines)


def _is_broad(letter: str) -> bool:
    return letter in "MWmw@%" or unicodedata.east_asian_width(letter) in "WF"


def _edges(path: EvidencePath, cards: list[Card], own: float, is_wide: bool) -> list[Edge]:
    words = [edge.lower().replace("_", " ") for edge in path.edges]
    if path.aspect:
        words[1] = f"“{path.aspect}”"
    weight = 1.5 + 10 * min(path.contribution, 0.4)
    if is_wide:
        return [_edge_across(*ends, said, weight) for ends, said in zip(pairwise(cards), words, strict=True)]
    return [_edge_down(*ends, said, weight, own) for ends, said in zip(pairwise(cards), words, strict=True)]


def _edge_across(first: Card, second: Card, said: str, weight: float) -> Edge:
    """A curve to the right, its words in the middle; near its begin where it passes a row that has words there."""
    x1, y1 = first.x + first.width, first.y + first.height / 2
    x2, y2 = second.x, second.y + second.height / 2
    bend = (x2 - x1) / 2
    path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    right, down = (0.5, 0.5) if abs(y2 - y1) <= _WIDE.across else _EARLY
    return Edge(path, _short(said), x1 + (x2 - x1) * right, y1 + (y2 - y1) * down, weight)


def _edge_down(first: Card, second: Card, said: str, weight: float, own: float) -> Edge:
    """A curve downwards, its words beside the end that stands in the path's own column, which is at `own`."""
    x1, y1 = first.x + first.width / 2, first.y + first.height
    x2, y2 = second.x + second.width / 2, second.y
    bend = (y2 - y1) / 2
    path = f"M{x1:.0f} {y1:.0f}C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"
    near, far = sorted((x1, x2), key=lambda x: abs(x - own))
    return Edge(path, _short(said), near * 0.9 + far * 0.1, (y1 + y2) / 2, weight)


def _short(said: str) -> str:
    return textwrap.shorten(said, 18, placeholder="…")


def _each_once(edges: list[Edge]) -> tuple[Edge, ...]:
    """Edges of several paths once, with the words where the first of these paths has them, in its own column."""
    first: dict[str, Edge] = {}
    for edge in edges:
        first.setdefault(edge.path, edge)
    return tuple(first.values())
