"""The Browser pack: guide, style, saved queries and perspective, so that Neo4j Browser shows a Kindred graph well.

Guide and style are files beside this one; saved queries come from the questions of `explore/`, and the perspective from
the schema. What the Browser can read was found out with the real one: a style has no comments, a guide is an HTML
carousel, and a zip of .cypher files dropped onto the page becomes a folder of favorites.
"""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from pathlib import Path

from kindred.domain.errors import StoreError
from kindred.domain.schema import GraphSchema, graph_schema
from kindred.graph.browser.perspective import perspective
from kindred.graph.explore.question_files import read_questions
from kindred.graph.explore.questions import Parameter, ParameterKind, Question

FOLDER = Path(__file__).parent
FAVORITES = "Kindred"  # the folder of saved queries in the Browser's drawer
FEW = 50  # edges; from the busiest users of a big graph some questions walk for half a minute
CHOOSE = "// 00 choose whom to ask about"
_ZIP_DATE = (2020, 1, 1, 0, 0, 0)  # equal content, equal bytes


def pack_files(address: str) -> dict[str, bytes]:
    """Content of every file of the pack by its name.

    Args:
        address: where a browser finds the files, such as http://localhost:8765; the guide links to them.
    """
    queries = {"00_choose_whom_to_ask_about.cypher": example_nodes(graph_schema()).encode()}
    queries |= {f"{question.full_name}.cypher": saved_query(question).encode() for question in read_questions()}
    style = (FOLDER / "style.grass").read_text(encoding="utf-8")
    files = {
        "guide.html": guide(address).encode(),
        "style.grass": style.encode(),
        "perspective.json": json.dumps(perspective(graph_schema(), style), indent=2).encode(),
        "queries.zip": _zipped(queries),
    }
    return files | {f"queries/{name}": content for name, content in queries.items()}


def write_pack(folder: Path, address: str) -> list[Path]:
    """Writes the pack into a folder, over an older one, and returns its files.

    Raises:
        StoreError: the folder can't be written.
    """
    written = []
    try:
        for name, content in pack_files(address).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            written.append(path)
    except OSError as error:
        raise StoreError(f"can't write {folder}: {error.strerror}", "name another folder") from error
    return written


def guide(address: str) -> str:
    """The guide as HTML, its links to the pack at `address`."""
    text = (FOLDER / "guide.html").read_text(encoding="utf-8")
    one_of_each = html.escape(one_edge_of_each(graph_schema()), quote=False)
    return text.replace("{{one_of_each}}", one_of_each).replace("{{address}}", html.escape(address))


def one_edge_of_each(schema: GraphSchema) -> str:
    """A query for one path of every edge type that the graph holds."""
    paths = [f"MATCH path = (:{e.source})-[:{e.type}]->(:{e.target}) RETURN path LIMIT 1" for e in schema.edges]
    return " UNION\n".join(paths)


def example_nodes(schema: GraphSchema) -> str:
    """A favorite that chooses a node of each label, and another one, for the saved queries to ask about.

    It takes those with most edges up to `FEW`, so that the queries answer on any graph, and soon.
    """
    lines = [CHOOSE, "// Then change any of them: :param user => 'U00042'"]
    for node in schema.nodes:
        order = f"COUNT {{ (n)--() }} > {FEW}, COUNT {{ (n)--() }} DESC"
        ids = f"COLLECT {{ MATCH (n:{node.label}) RETURN n.id ORDER BY {order} LIMIT 2 }}"
        name = node.label.lower()
        lines += [f":param {name} => {ids}[0];", f":param other_{name} => {ids}[1];"]
    return "\n".join([*lines, ""])


def saved_query(question: Question) -> str:
    """The question as a favorite, one statement, so that the Browser shows the answer and not only that there is one.

    Parameters that name nodes are those of `example_nodes`; the others stand in the query as their defaults.
    """
    values = {parameter.name: _saved_value(parameter) for parameter in question.parameters}
    lines = [f"// {question.number:02} {question.name.replace('_', ' ')}", f"// {question.title}"]
    if asked := [value for value in values.values() if value.startswith("$")]:
        lines.append(f"// It asks about {' and '.join(asked)}: first run the favorite {CHOOSE[3:]!r}.")
    statement = question.text.split("\n\n", 1)[1]
    return "\n".join([*lines, re.sub(r"\$(\w+)", lambda found: values[found[1]], statement)])


def _saved_value(parameter: Parameter) -> str:
    """What stands in a saved query for the parameter: `$user` for the id of a user, else its default as a literal."""
    words = parameter.meaning.split()
    label = words[-1].capitalize()
    if parameter.is_required and label in {node.label for node in graph_schema().nodes}:
        return f"${'other_' if 'another' in words else ''}{label.lower()}"
    value = parameter.example if parameter.is_required else parameter.default
    if parameter.kind is not ParameterKind.STRING:
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _zipped(queries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in queries.items():
            archive.writestr(zipfile.ZipInfo(f"{FAVORITES}/{name}", _ZIP_DATE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
