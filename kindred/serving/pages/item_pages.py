"""Pages of items: one with what is known of it and what is similar, the graph around a node, the map of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from kindred.domain.errors import KindredError, SchemaError
from kindred.domain.recommendation import Recommendation
from kindred.domain.schema import graph_schema
from kindred.graph.store import QueryLimits
from kindred.graph.view.neighbourhood import View, read_view
from kindred.graph.view.page import shown_properties, view_parts
from kindred.serving.answering.opened_system import OpenedSystem
from kindred.serving.http.problems import UnknownError, unknown_item
from kindred.serving.pages.item_map import read_map
from kindred.serving.pages.rendering import Page, longest_bar, problem_text
from kindred.serving.service import Service

SIMILAR = 12
NODES = 120
_NOT_SHOWN = ("description",)


async def item_page(service: Service, system: str, item: str) -> Page:
    """What is known of an item, and what is similar."""
    opened = service.system(system)
    if not opened.memory.knows_item(item):
        raise unknown_item(opened.module.system, item)
    note = ""
    similar: tuple[Recommendation, ...] = ()
    try:
        similar = (await service.similar(system, item, SIMILAR)).recommendations
    except KindredError as error:
        note = problem_text(error)
    properties, text, degraded = await service.in_thread(partial(_properties, service, opened, item))
    values = {
        "item": item,
        "title": opened.memory.titles([item]).get(item),
        "similar": similar,
        "best": longest_bar(similar),
        "note": note,
        "properties": properties,
        "text": text,
        "degraded": degraded,
        "context": await service.in_thread(partial(_context, service, opened, item)),
        "num_events": opened.memory.counts(None).get(item, 0),
        "item_label": opened.module.system.item_label,
    }
    return Page("item.html", values, system)


def _properties(service: Service, opened: OpenedSystem, item: str) -> tuple[Mapping[str, str], str, str]:
    """What the graph holds of the item, its description, and why it can't be read where it can't."""
    label = opened.module.system.item_label
    try:
        with service.graph.read() as store:
            view = read_view(store, graph_schema(), (label, item), hops=0)
    except KindredError as error:
        return {}, "", error.message
    shown = shown_properties(view.nodes[0])
    system = opened.module.system
    title = system.title
    long = (title, *_NOT_SHOWN) if system.has_long_titles else _NOT_SHOWN
    text = next((shown[name] for name in long if name in shown), "")
    return {name: value for name, value in shown.items() if name not in (*_NOT_SHOWN, title)}, text, ""


def _context(service: Service, opened: OpenedSystem, item: str) -> list[tuple[str, str, str, str]]:
    """Words of the edge, label, id and name of what the item leads to."""
    found = []
    for triple in opened.module.system.triples[1:]:
        nodes = opened.memory.members(item, triple)
        names = names_of(service, triple[2], nodes)
        found += [(triple[1].lower().replace("_", " "), triple[2], node, names.get(node) or node) for node in nodes]
    return found


def names_of(service: Service, label: str, nodes: Sequence[str]) -> Mapping[str, str | None]:
    """Names of nodes, by id; none where their kind has none, or the graph can't be read."""
    if not nodes or all(one.name != "name" for one in graph_schema().node(label).properties):
        return {}
    question = f"MATCH (n:{label}) WHERE n.id IN $ids RETURN n.id AS id, n.name AS name"
    with suppress(KindredError), service.graph.read() as store:
        rows = store.query(question, {"ids": list(nodes)}, QueryLimits(rows=len(nodes)))
        return dict(zip(rows["id"].to_pylist(), rows["name"].to_pylist(), strict=True))
    return {}


async def graph_page(service: Service, system: str, label: str, node: str) -> Page:
    """The graph around a node, to unfold."""
    service.system(system)
    view = await service.in_thread(partial(_view, service, label, node))
    return Page("graph.html", {**view_parts(view), "label": label, "node": node}, system)


def _view(service: Service, label: str, node: str) -> View:
    with service.graph.read() as store:
        try:
            return read_view(store, graph_schema(), (label, node), hops=2, limit=NODES)
        except SchemaError as error:
            raise UnknownError(error.message, "open the graph from the page of a user or an item") from error


async def map_page(service: Service, system: str, only: str) -> Page:
    """All items on a plane, near each other where they speak for the same items."""
    opened = service.system(system)
    found = await service.in_thread(partial(read_map, opened, only))
    return Page("map.html", {"map": found, "only": found.only}, system)
