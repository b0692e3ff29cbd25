"""A perspective for Neo4j Bloom, built from the schema and the Browser's style, so that both look alike.

Bloom is not part of the community server: the file has the form that Bloom exports, but no test of ours opens it there.
"""

from __future__ import annotations

import re
import uuid

from kindred.domain.properties import PropertyKind
from kindred.domain.schema import EdgeType, GraphSchema, NodeType, Table

_BLOOM_VERSION = "2.21.0"
_MADE_AT = 1_577_836_800_000  # milliseconds; fixed, so that equal schemas give equal files
_PLAIN = "#A5ABB6"
_KINDS = {
    PropertyKind.INTEGER: "bigint",
    PropertyKind.TIMESTAMP: "bigint",
    PropertyKind.FLOAT: "number",
    PropertyKind.BOOLEAN: "boolean",
    PropertyKind.STRINGS: "array",
}
# Search phrase → its Cypher; a parameter is written $Label in the phrase, and means the id of a node with that label.
_PHRASES = {
    "Reviews of $User": "MATCH path = (:User {id: $User})-[:REVIEWED]->(:Product) RETURN path LIMIT 100",
    "Who reviewed $Product": "MATCH path = (:Product {id: $Product})<-[:REVIEWED]-(:User) RETURN path LIMIT 100",
    "Taste neighbours of $User": (
        "MATCH path = (u:User {id: $User})-[a:REVIEWED]->(:Product)<-[b:REVIEWED]-(:User) "
        "WHERE a.rating >= 4 AND b.rating >= 4 RETURN path LIMIT 100"
    ),
    "Why $Product for $User": (
        "MATCH path = (:User {id: $User})-[:REVIEWED]->(:Product)<-[:REVIEWED]-(:User)-[:REVIEWED]->"
        "(:Product {id: $Product}) RETURN path LIMIT 25"
    ),
    "Where $Query led": "MATCH path = (:Query {id: $Query})-[:LED_TO]->(:Product) RETURN path LIMIT 100",
    "Listeners of $Artist": (
        "MATCH path = (:Artist {id: $Artist})<-[:PERFORMED_BY]-(:Track)<-[:LISTENED]-(:User) RETURN path LIMIT 100"
    ),
    "Posts about $Topic": "MATCH path = (:Topic {id: $Topic})<-[:ABOUT]-(:Post) RETURN path LIMIT 100",
}

Json = dict[str, object]
Style = dict[str, dict[str, str]]


def read_style(text: str) -> Style:
    """Rules of a Browser style: selector → property → value, quotes taken off."""
    rules = re.findall(r"([\w.]+)\s*\{([^}\"]*(?:\"[^\"]*\"[^}\"]*)*)\}", text)
    return {selector: dict(re.findall(r"([\w-]+):\s*\"?([^;\"]+)\"?;", body)) for selector, body in rules}


def perspective(schema: GraphSchema, style: str) -> Json:
    """The perspective as Bloom imports it: a category a label, a style a relationship type, a few search phrases."""
    rules = read_style(style)
    edges = {edge.type: edge for edge in schema.edges}
    return {
        "name": "Kindred",
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "kindred")),
        "version": _BLOOM_VERSION,
        "type": "STANDARD_PERSPECTIVE",
        **_times(),
        "categories": [_category(number, node, rules) for number, node in enumerate(schema.nodes, start=1)],
        "labels": {node.label: _columns(node) for node in schema.nodes},
        "relationshipTypes": [_relationship(edge, rules) for edge in edges.values()],
        "templates": [_template(number, *phrase) for number, phrase in enumerate(_PHRASES.items(), start=1)],
        "sceneActions": [],
        "hiddenRelationshipTypes": [],
        "hiddenCategories": [],
        "hideUncategorisedData": True,  # the nodes in which Kindred keeps its own notes
        "parentPerspectiveId": None,
        "palette": {"colors": [_colour(rules, f"node.{n.label}") for n in schema.nodes], "currentIndex": 0},
        "metadata": {
            "pathSegments": [
                {"source": e.source, "relationshipType": e.type, "target": e.target} for e in schema.edges
            ],
            "indexes": [
                {"label": n.label, "type": "native", "propertyKeys": [{"key": "id", "metadataProp": False}]}
                for n in schema.nodes
            ],
        },
    }


def _category(number: int, node: NodeType, rules: Style) -> Json:
    caption = re.findall(r"\{(\w+)\}", rules.get(f"node.{node.label}", {}).get("caption", "")) or ["id"]
    return {
        "id": number,
        "name": node.label,
        "labels": [node.label],
        "color": _colour(rules, f"node.{node.label}"),
        "icon": "no-icon",
        **_sizes(),
        **_times(),
        "properties": [{"name": c["propertyKey"], "exclude": False, "dataType": c["dataType"]} for c in _columns(node)],
        "captions": [
            {"key": name, "type": "property", "isCaption": True, "inTooltip": True, "styles": []} for name in caption
        ],
    }


def _relationship(edge: EdgeType, rules: Style) -> Json:
    caption = {"key": edge.type, "type": "relationship", "isCaption": True, "inTooltip": True, "styles": []}
    return {
        "id": edge.type,
        "name": edge.type,
        "color": _colour(rules, f"relationship.{edge.type}"),
        **_sizes(),
        "properties": _columns(edge),
        "captions": [caption],
    }


def _template(number: int, phrase: str, cypher: str) -> Json:
    return {
        "id": f"tmpl:{number}",
        "name": phrase.replace("$", ""),
        "text": phrase,
        "cypher": cypher,
        "createdAt": _MADE_AT,
        "isUpdateQuery": False,
        "hasCypherErrors": False,
        "params": [
            {
                "name": f"${label}",
                "dataType": "String",
                "collapsed": False,
                "suggestionLabel": label,
                "suggestionProp": "id",
                "suggestionBoolean": False,
                "cypher": None,
            }
            for label in re.findall(r"\$(\w+)", phrase)
        ],
    }


def _columns(table: Table) -> list[dict[str, str]]:
    """Properties that people may see: all but vectors and the edge's end points."""
    hidden = ("source_id", "target_id")
    seen = [p for p in table.properties if p.kind is not PropertyKind.VECTOR and p.name not in hidden]
    return [{"propertyKey": p.name, "type": table.name, "dataType": _KINDS.get(p.kind, "string")} for p in seen]


def _colour(rules: Style, selector: str) -> str:
    return rules.get(selector, {}).get("color", _PLAIN)


def _sizes() -> Json:
    return {"size": 1, "textSize": 1, "textAlign": "top", "captionKeys": [], "styleRules": []}


def _times() -> Json:
    return {"createdAt": _MADE_AT, "lastEditedAt": _MADE_AT}
