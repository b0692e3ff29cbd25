"""The map: items on a plane by the two directions in which they differ most, coloured by what they belong to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from kindred.domain.embeddings import Embeddings, Vectors, unit_rows
from kindred.domain.ids import IdMap
from kindred.recommenders.answering.recommender import Recommender
from kindred.recommenders.recommends import MapsItems
from kindred.serving.answering.opened_system import OpenedSystem
from kindred.serving.http.problems import UnknownError

WIDTH, HEIGHT, MARGIN = 1000.0, 640.0, 24.0
MOST_POINTS = 2_500
PALETTE = ("#3f7fd0", "#c96a1f", "#2c8f87", "#cf4f8a", "#7a8a2a", "#9a68cf", "#b57f12", "#d2524a")
REST = "#8b929c"
OTHERS = "others"
_LISTED = 40
_MOST_DIMENSIONS = 2_048


@dataclass(frozen=True)
class Point:
    """An item on the map."""

    item_id: str
    title: str
    group: str
    x: float
    y: float
    colour: str
    is_faint: bool


@dataclass(frozen=True)
class ItemMap:
    """The map.

    Attributes:
        groups: name, colour and number of items of each group, the largest first.
        kind: what the groups are, e.g. `category`.
        points: of at most so many items, a regular sample where there are more.
        only: the group that stands out; empty where all do.
        listed: items of that group, as words.
        explained: share of the variance that the plane shows.
        is_learned: whether items stand by what an event with each adds to the scores, and not by vectors of their own.
    """

    groups: tuple[tuple[str, str, int], ...]
    kind: str
    points: tuple[Point, ...]
    num_items: int
    only: str
    listed: tuple[Point, ...]
    explained: float
    is_learned: bool


def read_map(opened: OpenedSystem, only: str) -> ItemMap:
    """The map of the items of the version that answers.

    Args:
        opened: the system.
        only: name of the group that is to stand out; all do where there is none of that name.

    Raises:
        UnknownError: the version has no vectors of items to lay out.
    """
    found = _item_rows(opened)
    kind, group_of = _groups(opened, found.ids)
    counts = Counter(group_of)
    named = [name for name, _ in counts.most_common() if name][: len(PALETTE)]
    colours = dict(zip(named, PALETTE, strict=False))
    groups = [(name, colours[name], counts[name]) for name in named]
    if rest := len(found.ids) - sum(count for _, _, count in groups):
        groups.append((OTHERS, REST, rest))
    only = only if only in (name for name, _, _ in groups) else ""
    positions, explained = plane(found.vectors)
    step = -(-len(positions) // MOST_POINTS)
    ids = found.ids.ids
    titles = opened.memory.titles([ids[row] for row in range(0, len(ids), step)])
    points = [
        Point(
            ids[row],
            titles.get(ids[row], ids[row]),
            group_of[row] if group_of[row] in colours else OTHERS,
            float(positions[row, 0]),
            float(positions[row, 1]),
            colours.get(group_of[row], REST),
            bool(only) and (group_of[row] if group_of[row] in colours else OTHERS) != only,
        )
        for row in range(0, len(ids), step)
    ]
    points.sort(key=lambda point: (not point.is_faint, point.group != OTHERS))
    listed = tuple(sorted((p for p in points if only and not p.is_faint), key=lambda p: p.title)[:_LISTED])
    is_learned = not isinstance(opened.recommender, MapsItems)
    return ItemMap(tuple(groups), kind, tuple(points), len(ids), only, listed, explained, is_learned)


def _item_rows(opened: OpenedSystem) -> Embeddings:
    """Rows of length one of the items: what an event with each adds to the scores.

    So those stand together that speak for the same ones. Of systems that learn otherwise, they are the vectors of the
    items themselves.
    """
    recommender = opened.recommender
    if isinstance(recommender, MapsItems):
        found = recommender.item_rows()
        return Embeddings(found.ids, unit_rows(found.vectors))
    if not isinstance(recommender, Recommender):
        raise UnknownError(f"{opened.name} have no map", "go to a page above")
    if not recommender.version().model.knows_histories:
        raise UnknownError("the published version has no embeddings of items that could be drawn", "publish a model")
    model = recommender.version().model
    if model.ranking.items.shape[1] > _MOST_DIMENSIONS:
        raise UnknownError("embeddings of this version are too wide to be drawn", "publish the system's own model")
    return Embeddings(model.items, model.speaking_rows())


def plane(rows: Vectors) -> tuple[np.ndarray, float]:
    """Positions of all items in the drawing, `[num_items, 2]`, and the share of the variance that they show.

    They are the first two principal components.
    """
    rows = rows - rows.mean(axis=0)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    flat = rows @ vectors[:, [-1, -2]]
    flat = flat * np.sign(flat[np.abs(flat).argmax(axis=0), [0, 1]])  # the same way round each time
    low, high = np.quantile(flat, [0.005, 0.995], axis=0)
    spread = np.clip((flat - low) / np.maximum(high - low, 1e-9), 0, 1)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    return MARGIN + spread * room, float(values[-2:].sum() / max(values.sum(), 1e-12))


def _groups(opened: OpenedSystem, items: IdMap) -> tuple[str, list[str]]:
    """What colours the items, and the group of each: the largest that it belongs to."""
    triples = opened.module.system.triples[1:]
    chosen = next((t for t in triples if t[2] in ("Category", "Genre", "Tag")), triples[0] if triples else None)
    if chosen is None:
        return "", [""] * len(items)
    members = [opened.memory.members(item, chosen) for item in items]
    sizes = Counter(name for names in members for name in names)
    return chosen[2].lower(), [max(names, key=lambda name: (sizes[name], name), default="") for names in members]
